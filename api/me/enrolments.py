"""Who is in which batch: a student by themself where it is open, by an editor where it is gated."""
from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from flask import abort
from psycopg2.extensions import cursor as Cursor

from api.auth import email_address
from api.auth.errors import Refused
from api.auth.sessions import raise_revision
from api.cursors import FIRST, NEWEST, read_place, write_place
from api.errors import problem
from api.me.shapes import Enrolled, Enrolments, Kept, Students
from api.pool import Pool
from api.problems import BATCH_GATED, ENROLMENTS_FULL, NO_ACCOUNT, NO_BATCH
from api.queries import queries

MOST_ENROLMENTS = 500

_SQL = queries(Path(__file__).parent, "enrolments")


def join(cursor: Cursor, account_id: int, batch_id: int) -> None:
    """Enrols a student by themself. Answers 404 where there is no such batch, 403 where it is gated, 409 where they have their most."""
    if _gated(cursor, batch_id):
        cursor.execute(_SQL["is_enrolled"], {"account_id": account_id, "batch_id": batch_id})
        if cursor.fetchone() == (True,):
            return
        abort(problem(BATCH_GATED, "This batch is for those whom an editor enrols."))
    if not _enrol(cursor, account_id, batch_id):
        abort(problem(ENROLMENTS_FULL, f"You are in {MOST_ENROLMENTS} batches already: leave one first.", limit=MOST_ENROLMENTS))


def leave(cursor: Cursor, account_id: int, batch_id: int) -> None:
    """Takes a student out of a batch, whether they were in it or not."""
    cursor.execute(_SQL["leave"], {"account_id": account_id, "batch_id": batch_id})


def enrolments(pool: Pool, account_id: int, revision: int, after: str, limit: int) -> Enrolments:
    """A page of a student's batches, the last first."""
    place = read_place(after, NEWEST)
    rows = pool.read(_SQL["enrolments"], {"account_id": account_id, "at_us": place.value, "id": place.id, "limit": limit})
    return Enrolments(account=account_id, revision=revision, enrolments=tuple(Kept(id=row[0], at_ms=row[1]) for row in rows),
                      next=write_place(rows[-1][2], rows[-1][0]) if len(rows) == limit else None)


def enrol(cursor: Cursor, batch_id: int, emails: Iterable[str]) -> tuple[Enrolled, dict[int, int]]:
    """Enrols all who bear *emails*, for an editor, in whatever batch; and the new revision of each account.

    Answers 404 where there is no such batch.
    """
    _gated(cursor, batch_id)
    asked = {_normal(email) or email: email for email in emails}
    cursor.execute(_SQL["accounts"], {"emails": list(asked)})
    found = cursor.fetchall()
    full = [email for account_id, email in found if not _enrol(cursor, account_id, batch_id)]
    there = {email for _, email in found}
    said = Enrolled(enrolled=len(found) - len(full), unknown=tuple(given for email, given in asked.items() if email not in there),
                    full=tuple(asked[email] for email in full))
    return said, {account_id: raise_revision(cursor, account_id) for account_id, _ in found}


def enrol_account(cursor: Cursor, batch_id: int, account_id: int) -> int:
    """The same for one account; its new revision. Answers 404 where there is no such batch or account, 409 where it has its most."""
    revision = _raised(cursor, account_id)
    _gated(cursor, batch_id)
    if not _enrol(cursor, account_id, batch_id):
        abort(problem(ENROLMENTS_FULL, f"This account is in {MOST_ENROLMENTS} batches already.", limit=MOST_ENROLMENTS))
    return revision


def expel(cursor: Cursor, batch_id: int, account_id: int) -> int:
    """Takes an account out of a batch, for an editor; its new revision. Answers 404 where there is no such account."""
    revision = _raised(cursor, account_id)
    leave(cursor, account_id, batch_id)
    return revision


def students(pool: Pool, batch_id: int, after: str, limit: int) -> Students:
    """A page of who is in a batch, by account."""
    place = read_place(after, FIRST)
    rows = pool.read(_SQL["students"], {"batch_id": batch_id, "id": place.id, "limit": limit})
    return Students(batch=batch_id, students=tuple(Kept(id=row[0], at_ms=row[1]) for row in rows),
                    next=write_place(0, rows[-1][0]) if len(rows) == limit else None)


def _gated(cursor: Cursor, batch_id: int) -> bool:
    cursor.execute(_SQL["batch"], {"batch_id": batch_id})
    if (row := cursor.fetchone()) is None:
        abort(problem(NO_BATCH, "There is no such batch."))
    return bool(row[0])


def _raised(cursor: Cursor, account_id: int) -> int:
    """The account's new revision; its row is held until the transaction ends."""
    if not (revision := raise_revision(cursor, account_id)):
        abort(problem(NO_ACCOUNT, "There is no such account."))
    return revision


def _enrol(cursor: Cursor, account_id: int, batch_id: int) -> bool:
    cursor.execute(_SQL["enrol"], {"account_id": account_id, "batch_id": batch_id, "most": MOST_ENROLMENTS})
    return cursor.rowcount > 0


def _normal(email: str) -> str:
    try:
        return email_address.normal(email)
    except Refused:
        return ""
