"""Questions to the builder, which answers by rows: the API asks, and looks what came of it."""
from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flask import abort
from psycopg2 import Binary
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

from api.desk import preconditions
from api.desk.question_shapes import Question
from api.errors import problem
from api.pool import Pool
from api.problems import BUILDER_BUSY, DRY_RUN_WAITS, NO_EDIT, NO_QUESTION
from api.queries import queries

MOST_WAITING = 200
MOST_WAITING_OWN = 20
MOST_FILES = 20
"""So many uploads lie in the database at once, at most."""

TOKEN_BYTES = 24
"""192 bits: an address that nobody guesses."""

_SQL = queries(Path(__file__).parent, "questions")
_WITH_OBJECTS = ("preview", "check", "import", "export")


def ask(cursor: Cursor, account_id: int, kind: str, asked: Mapping[str, Any], file: bytes | None = None) -> int:
    """The question's id. Answers 429 where too many wait."""
    cursor.execute(_SQL["ask"], {
        "kind": kind, "asked": Json(dict(asked)), "file": Binary(file) if file is not None else None, "account": account_id,
        "token": secrets.token_urlsafe(TOKEN_BYTES) if kind in _WITH_OBJECTS else None,
        "most": MOST_WAITING, "most_own": MOST_WAITING_OWN, "most_files": MOST_FILES})
    if (row := cursor.fetchone()) is None:
        answer = problem(BUILDER_BUSY, "Too much is asked of the builder already: wait for an answer, then ask again.")
        answer.headers["Retry-After"] = "2"
        abort(answer)
    return int(row[0])


def ask_of_edits(cursor: Cursor, account_id: int, kind: str, ids: Sequence[int]) -> int:
    """A question about open edits. Answers 404 where one is none."""
    cursor.execute(_SQL["are_open"], {"ids": list(ids)})
    if missing := set(ids) - {id for (id,) in cursor.fetchall()}:
        abort(problem(NO_EDIT, f"There is no open edit {min(missing)}."))
    return ask(cursor, account_id, kind, {"edits": list(ids)})


def question(pool: Pool, account_id: int, id: int, *, admin: bool = False) -> Question:
    """One's own question; an admin sees each. Answers 404 where there is none, or it has expired."""
    rows = pool.read(_SQL["question"], {"id": id})
    if not rows or not (admin or rows[0][8] == account_id):
        abort(problem(NO_QUESTION, "There is no such question (any more): ask again."))
    id, kind, state, answer, token, asked_at, done_at, expires_at, _ = rows[0]
    return Question(id=id, etag=_etag(id, state), kind=kind, state=state, answer=answer,
                    address=f"/preview/{token}/" if token and state == "answered" else None, asked_at=asked_at, done_at=done_at,
                    expires_at=expires_at)


def run_import(cursor: Cursor, account_id: int, check: int, seen: str) -> int:
    """Has done what was only tried in question *check*; the new question's id. Answers 404, 409, 412, 429."""
    cursor.execute(_SQL["hold_check"], {"id": check, "account": account_id})
    if (row := cursor.fetchone()) is None:
        abort(problem(NO_QUESTION, "There is no such dry run (any more): upload the file again."))
    state, asked, file = row
    if _etag(check, state) != seen:
        preconditions.conflict("The dry run is not where you saw it: look at it again.", now=_etag(check, state), yours={}, theirs={},
                               base={})
    if state != "answered" or file is None:
        abort(problem(DRY_RUN_WAITS, "The dry run has not been answered: wait for it, or upload the file again."))
    return ask(cursor, account_id, "import", {**asked, "check": check}, bytes(file))


def _etag(id: int, state: str) -> str:
    return f"q{id}.{state}"
