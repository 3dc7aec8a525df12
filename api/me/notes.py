"""A student's notes, each at a time in a video."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flask import abort
from psycopg2.extensions import cursor as Cursor

from api.cursors import FIRST, read_place, write_place
from api.errors import Wrong, problem, refuse
from api.me.published import must_be_published
from api.me.shapes import NewNote, Note, Notes, NoteText, OneNote
from api.pool import Pool
from api.problems import NO_NOTE, NOTES_FULL, TOO_LONG
from api.queries import queries

MOST_NOTES_A_VIDEO = 500
NOTE_BYTES = 8_192  # as the table's check has it
_SQL = queries(Path(__file__).parent, "notes")


def note(cursor: Cursor, account_id: int, new: NewNote) -> Note:
    """Makes a note. Answers 404 for what is not published, 409 where the video has its most, 422 for too many bytes."""
    _must_fit(new.body)
    must_be_published(cursor, new.video)
    cursor.execute(_SQL["note"], {"account_id": account_id, "video_id": new.video, "at_s": _rounded(new.at_s),
                                  "body": new.body, "most": MOST_NOTES_A_VIDEO})
    if (row := cursor.fetchone()) is None:
        abort(problem(NOTES_FULL, f"You have {MOST_NOTES_A_VIDEO} notes in this video already: take one away first.",
                      limit=MOST_NOTES_A_VIDEO))
    return _note(row)


def rewrite(cursor: Cursor, account_id: int, note_id: int, text: NoteText) -> Note:
    """Gives a note another place and other words. Answers 404 where the student has no such note."""
    _must_fit(text.body)
    cursor.execute(_SQL["rewrite"], {"account_id": account_id, "note_id": note_id, "at_s": _rounded(text.at_s), "body": text.body})
    return _own(cursor.fetchone())


def erase(cursor: Cursor, account_id: int, note_id: int) -> None:
    """Takes a note away, whether it was there or not; another student's stays."""
    cursor.execute(_SQL["erase"], {"account_id": account_id, "note_id": note_id})


def one_note(pool: Pool, account_id: int, revision: int, note_id: int) -> OneNote:
    """One note. Answers 404 where the student has no such note."""
    rows = pool.read(_SQL["one_note"], {"account_id": account_id, "note_id": note_id})
    return OneNote(account=account_id, revision=revision, note=_own(rows[0] if rows else None))


def notes(pool: Pool, account_id: int, revision: int, video_id: int, after: str, limit: int) -> Notes:
    """A page of a video's notes, in the video's order."""
    place = read_place(after, FIRST)
    rows = pool.read(_SQL["notes"], {
        "account_id": account_id, "video_id": video_id, "at_s": place.value, "id": place.id, "limit": limit})
    return Notes(account=account_id, revision=revision, notes=tuple(_note(row) for row in rows),
                 next=write_place(rows[-1][2], rows[-1][0]) if len(rows) == limit else None)


def _must_fit(body: str) -> None:
    if len(body.encode()) > NOTE_BYTES:
        refuse(Wrong("body", f"A note holds at most {NOTE_BYTES} bytes.", TOO_LONG.uri, NOTE_BYTES))


def _own(row: Sequence[Any] | None) -> Note:
    if row is None:
        abort(problem(NO_NOTE, "You have no such note."))
    return _note(row)


def _rounded(at_s: float) -> float:
    return round(at_s, 3)  # a millisecond, so that a cursor can name it


def _note(row: Sequence[Any]) -> Note:
    id_, video, at_s, body, made_at_ms, changed_at_ms = row
    return Note(id=id_, video=video, at_s=at_s, body=body, made_at_ms=made_at_ms, changed_at_ms=changed_at_ms)
