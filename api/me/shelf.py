"""What a student keeps: bookmarks, notes at a time in a video, preferences."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from flask import abort
from psycopg2.extensions import cursor as Cursor

from api.errors import problem
from api.me.pages import FIRST, NEWEST, read_place, write_place
from api.me.shapes import Bookmarks, Kept, NewNote, Note, Notes, NoteText, OneNote, Preferences, Preferred
from api.pool import Pool
from api.queries import queries

MOST_BOOKMARKS = 1_000
MOST_NOTES_A_VIDEO = 500
NOTE_BYTES = 8_192  # as the table's check has it

_SQL = queries(Path(__file__).parent, "shelf")


def bookmark(cursor: Cursor, account_id: int, video_id: int) -> None:
    """Keeps a video. Answers 404 for what is not published, 409 where the shelf is full."""
    _must_be_published(cursor, video_id)
    cursor.execute(_SQL["bookmark"], {"account_id": account_id, "video_id": video_id, "most": MOST_BOOKMARKS})
    if not cursor.rowcount:
        abort(problem(409, f"You keep {MOST_BOOKMARKS} videos already: take one away first."))


def unbookmark(cursor: Cursor, account_id: int, video_id: int) -> None:
    """Keeps a video no more, whether it was kept or not."""
    cursor.execute(_SQL["unbookmark"], {"account_id": account_id, "video_id": video_id})


def bookmarks(pool: Pool, account_id: int, revision: int, after: str, limit: int) -> Bookmarks:
    """A page of what is kept, the last first."""
    place = read_place(after, NEWEST)
    rows = pool.read(_SQL["bookmarks"], {"account_id": account_id, "at_us": place.value, "id": place.id, "limit": limit})
    return Bookmarks(account=account_id, revision=revision, bookmarks=tuple(Kept(id=row[0], at_ms=row[1]) for row in rows),
                     next=write_place(rows[-1][2], rows[-1][0]) if len(rows) == limit else None)


def note(cursor: Cursor, account_id: int, new: NewNote) -> Note:
    """Makes a note. Answers 404 for what is not published, 409 where the video has its most, 422 for too many bytes."""
    _must_fit(new.body)
    _must_be_published(cursor, new.video)
    cursor.execute(_SQL["note"], {"account_id": account_id, "video_id": new.video, "at_s": _rounded(new.at_s),
                                  "body": new.body, "most": MOST_NOTES_A_VIDEO})
    if (row := cursor.fetchone()) is None:
        abort(problem(409, f"You have {MOST_NOTES_A_VIDEO} notes in this video already: take one away first."))
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


def preferences(pool: Pool, account_id: int, revision: int) -> Preferred:
    """What the student set; where nothing, or what an older Lectern knew, as it comes."""
    rows = pool.read(_SQL["preferences"], {"account_id": account_id})
    try:
        found = msgspec.json.decode(rows[0][0] if rows else "{}", type=Preferences)
    except msgspec.ValidationError:
        found = Preferences()
    return Preferred(account=account_id, revision=revision, preferences=found)


def prefer(cursor: Cursor, account_id: int, set_to: Preferences) -> None:
    """Sets all preferences."""
    cursor.execute(_SQL["prefer"], {"account_id": account_id, "preferences": msgspec.json.encode(set_to).decode()})


def _must_be_published(cursor: Cursor, video_id: int) -> None:
    cursor.execute(_SQL["published"], {"video_id": video_id})
    if cursor.fetchone() != (True,):
        abort(problem(404, "There is no such video."))


def _must_fit(body: str) -> None:
    if len(body.encode()) > NOTE_BYTES:
        why = f"A note holds at most {NOTE_BYTES} bytes."
        abort(problem(422, f"body: {why}", errors=[{"field": "body", "why": why}]))


def _own(row: Sequence[Any] | None) -> Note:
    if row is None:
        abort(problem(404, "You have no such note."))
    return _note(row)


def _rounded(at_s: float) -> float:
    return round(at_s, 3)  # a millisecond, so that a cursor can name it


def _note(row: Sequence[Any]) -> Note:
    id_, video, at_s, body, made_at_ms, changed_at_ms = row
    return Note(id=id_, video=video, at_s=at_s, body=body, made_at_ms=made_at_ms, changed_at_ms=changed_at_ms)
