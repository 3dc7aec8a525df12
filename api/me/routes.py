"""The addresses of one student's own data. Whose it is comes from the session alone, never from the address."""
from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, TypeVar

import msgspec
from flask import Blueprint, Response, abort
from psycopg2.extensions import cursor as Cursor

from api import bodies, pool
from api.auth.sessions import mine, raise_revision, signed_in, unauthorized
from api.errors import Wrong, refuse
from api.ids import take_ids
from api.me import bookmarks, enrolments, notes, preferences, progress, shapes
from api.me.caching import kept, state_of, written
from api.me.editor_routes import blueprint as editors
from api.openapi import describe
from api.problems import ACCOUNT_GONE

blueprint = take_ids(Blueprint("me", __name__, url_prefix="/api/v1"))
blueprint.register_blueprint(editors)
T = TypeVar("T")


@blueprint.get("/me/overlay")
@describe(summary="All that a page needs of one student: of a batch, or of named videos",
          query=shapes.OverlayRead, answers={200: shapes.Overlay, 304: None}, session=True)
@signed_in
def overlay() -> Response:
    asked = bodies.read_query(shapes.OverlayRead)
    videos = _ids(asked.videos)
    if bool(videos) == bool(asked.batch):
        refuse(Wrong("videos", "Name a batch, or videos, and not both."))
    session = mine()
    what = f"overlay:b{asked.batch}" if asked.batch else f"overlay:{videos}"
    return kept(session, what, asked.v, partial(
        progress.overlay, pool.current(), session.account_id, session.revision, videos, asked.batch),
        follows_catalog=bool(asked.batch))


@blueprint.post("/me/progress")
@describe(summary="Say where the student is, in many videos at once; made for beacons", body=shapes.Progress,
          answers={200: shapes.Recorded}, beacon=True, session=True)
@signed_in
def record() -> Response:
    said = bodies.read(shapes.Progress, beacon=True)
    session = mine()
    refused, revision = _write(lambda cursor: progress.record(cursor, session.account_id, said.videos))
    return written(session, revision, shapes.Recorded(
        account=session.account_id, revision=revision, v=state_of(session, revision), refused=refused))


@blueprint.delete("/me/progress/<id:video>")
@describe(summary="Forget where the student is in a video", answers={200: shapes.Written, 404: None}, session=True)
@signed_in
def forget(video: int) -> Response:
    return _done(lambda cursor: progress.forget(cursor, mine().account_id, video))


@blueprint.get("/me/continue")
@describe(summary="What to go on with: begun, not done; the last first", query=shapes.BegunRead,
          answers={200: shapes.Places, 304: None}, session=True)
@signed_in
def begun() -> Response:
    asked = bodies.read_query(shapes.BegunRead)
    return _kept(f"begun:{asked.limit}", asked.v, progress.begun, asked.limit, follows_catalog=True)


@blueprint.get("/me/history")
@describe(summary="All that was watched or ticked, the last first", query=shapes.PageRead,
          answers={200: shapes.Places, 304: None}, session=True)
@signed_in
def history() -> Response:
    asked = bodies.read_query(shapes.PageRead)
    return _kept(f"history:{asked.after}:{asked.limit}", asked.v, progress.history, asked.after, asked.limit)


@blueprint.delete("/me/history")
@describe(summary="Forget all places and ticks", answers={200: shapes.Written}, session=True)
@signed_in
def forget_all() -> Response:
    return _done(lambda cursor: progress.forget_all(cursor, mine().account_id))


@blueprint.get("/me/bookmarks")
@describe(summary="Videos that are kept, the last first", query=shapes.PageRead,
          answers={200: shapes.Bookmarks, 304: None}, session=True)
@signed_in
def list_bookmarks() -> Response:
    asked = bodies.read_query(shapes.PageRead)
    return _kept(f"bookmarks:{asked.after}:{asked.limit}", asked.v, bookmarks.bookmarks, asked.after, asked.limit)


@blueprint.put("/me/bookmarks/<id:video>")
@describe(summary="Keep a video", answers={200: shapes.Written, 404: None, 409: None}, session=True)
@signed_in
def bookmark(video: int) -> Response:
    return _done(lambda cursor: bookmarks.bookmark(cursor, mine().account_id, video))


@blueprint.delete("/me/bookmarks/<id:video>")
@describe(summary="Keep a video no more", answers={200: shapes.Written, 404: None}, session=True)
@signed_in
def unbookmark(video: int) -> Response:
    return _done(lambda cursor: bookmarks.unbookmark(cursor, mine().account_id, video))


@blueprint.get("/me/notes")
@describe(summary="A video's notes, in the video's order", query=shapes.NotesRead,
          answers={200: shapes.Notes, 304: None}, session=True)
@signed_in
def list_notes() -> Response:
    asked = bodies.read_query(shapes.NotesRead)
    return _kept(f"notes:{asked.video}:{asked.after}:{asked.limit}", asked.v, notes.notes, asked.video, asked.after, asked.limit)


@blueprint.post("/me/notes")
@describe(summary="Make a note at a time in a video", body=shapes.NewNote,
          answers={201: shapes.NoteWritten, 404: None, 409: None}, session=True)
@signed_in
def make_note() -> Response:
    new = bodies.read(shapes.NewNote)
    return _noted(lambda cursor: notes.note(cursor, mine().account_id, new), 201)


@blueprint.get("/me/notes/<id:note>")
@describe(summary="One note", query=shapes.Read, answers={200: shapes.OneNote, 304: None, 404: None}, session=True)
@signed_in
def one_note(note: int) -> Response:
    return _kept(f"note:{note}", bodies.read_query(shapes.Read).v, notes.one_note, note)


@blueprint.put("/me/notes/<id:note>")
@describe(summary="Give a note another place and other words", body=shapes.NoteText,
          answers={200: shapes.NoteWritten, 404: None}, session=True)
@signed_in
def rewrite(note: int) -> Response:
    text = bodies.read(shapes.NoteText)
    return _noted(lambda cursor: notes.rewrite(cursor, mine().account_id, note, text), 200)


@blueprint.delete("/me/notes/<id:note>")
@describe(summary="Take a note away", answers={200: shapes.Written, 404: None}, session=True)
@signed_in
def erase(note: int) -> Response:
    return _done(lambda cursor: notes.erase(cursor, mine().account_id, note))


@blueprint.get("/me/preferences")
@describe(summary="What the student set", query=shapes.Read, answers={200: shapes.Preferred, 304: None}, session=True)
@signed_in
def read_preferences() -> Response:
    return _kept("preferences", bodies.read_query(shapes.Read).v, preferences.preferences)


@blueprint.put("/me/preferences")
@describe(summary="Set all preferences", body=shapes.Preferences, answers={200: shapes.Written}, session=True)
@signed_in
def prefer() -> Response:
    set_to = bodies.read(shapes.Preferences)
    return _done(lambda cursor: preferences.prefer(cursor, mine().account_id, set_to))


@blueprint.get("/me/enrolments")
@describe(summary="Batches that the student is in, the last first", query=shapes.PageRead,
          answers={200: shapes.Enrolments, 304: None}, session=True)
@signed_in
def list_enrolments() -> Response:
    asked = bodies.read_query(shapes.PageRead)
    return _kept(f"enrolments:{asked.after}:{asked.limit}", asked.v, enrolments.enrolments, asked.after, asked.limit)


@blueprint.put("/me/enrolments/<id:batch>")
@describe(summary="Enrol in a batch that is not gated", answers={200: shapes.Written, 404: None, 409: None}, session=True)
@signed_in
def join(batch: int) -> Response:
    return _done(lambda cursor: enrolments.join(cursor, mine().account_id, batch))


@blueprint.delete("/me/enrolments/<id:batch>")
@describe(summary="Leave a batch", answers={200: shapes.Written, 404: None}, session=True)
@signed_in
def leave(batch: int) -> Response:
    return _done(lambda cursor: enrolments.leave(cursor, mine().account_id, batch))


def _kept(what: str, v: str, read: Callable[..., object], *asked: Any, follows_catalog: bool = False) -> Response:
    session, here = mine(), pool.current()
    return kept(session, what, v, lambda: msgspec.json.encode(read(here, session.account_id, session.revision, *asked)),
                follows_catalog=follows_catalog)


def _write(work: Callable[[Cursor], T]) -> tuple[T, int]:
    """*work* in a transaction that raises the student's revision, and that revision. Raising it first holds the
    account's row, so one student's writes go one after the other, in the order of their revisions."""
    with pool.current().transaction() as cursor:
        if not (revision := raise_revision(cursor, mine().account_id)):
            abort(unauthorized("This account is no more.", ACCOUNT_GONE))
        return work(cursor), revision


def _done(work: Callable[[Cursor], object]) -> Response:
    session = mine()
    _, revision = _write(work)
    return written(session, revision, shapes.Written(
        account=session.account_id, revision=revision, v=state_of(session, revision)))


def _noted(work: Callable[[Cursor], shapes.Note], status: int) -> Response:
    session = mine()
    note, revision = _write(work)
    answer = written(session, revision, shapes.NoteWritten(
        account=session.account_id, revision=revision, v=state_of(session, revision), note=note), status)
    if status == 201:
        answer.headers["Location"] = f"/api/v1/me/notes/{note.id}"
    return answer


@lru_cache(maxsize=1024)  # a page's list is everybody's
def _ids(text: str) -> str:
    """*text*, a list of ids with commas between, in their order, each once: so one set of videos has one key in the cache."""
    parts = text.split(",") if text else []
    if len(parts) > shapes.MOST_VIDEOS:
        refuse(Wrong("videos", f"Name at most {shapes.MOST_VIDEOS} videos."))
    if not all(part.isascii() and part.isdigit() and len(part) < 20 and 0 < int(part) <= bodies.MOST_ID for part in parts):
        refuse(Wrong("videos", "Write ids with commas between, such as 1,2,3."))
    return ",".join(map(str, sorted({int(part) for part in parts})))
