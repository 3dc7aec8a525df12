"""Where a student is: written by whoever said it last, read by the page, by "go on" and by history."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import abort
from psycopg2.extensions import cursor as Cursor

from api.auth.sessions import unauthorized
from api.cursors import NEWEST, read_place, write_place
from api.me.shapes import Entry, Place, Places
from api.pool import Pool
from api.problems import ACCOUNT_GONE
from api.queries import queries

_SQL = queries(Path(__file__).parent, "progress")
_OVERLAY = queries(Path(__file__).parent, "overlay")


@dataclass(slots=True)
class Folded:
    """What several entries of one video come to: the place and the tick that were said last, each with its time."""

    position_s: float
    at_ms: int
    completed: bool | None = None
    completed_at_ms: int | None = None


def overlay(pool: Pool, account_id: int, revision: int, videos: str, batch: int | None) -> bytes:
    """All that one page needs, as JSON: one statement. *videos*: ids with commas between. From the replica where that has heard of
    *revision*.

    Answers 401 where the account was deleted meanwhile.
    """
    # The ids as one word: a list would be fifty constants, which the driver writes and the server reads one by one (40 µs).
    asked = {"account_id": account_id, "videos": f"{{{videos}}}", "batch_id": batch}
    for reads in (True, False):
        rows = pool.read(_OVERLAY["overlay"], asked, reads=reads, prepared=True)
        if rows and rows[0][0] >= revision:
            body: str = rows[0][1]
            return body.encode()
    abort(unauthorized("This account is no more.", ACCOUNT_GONE))


def record(cursor: Cursor, account_id: int, entries: Iterable[Entry]) -> tuple[int, ...]:
    """Writes *entries*; the ids of those videos that are not published, whose entries were left out.

    Order and repetition do not matter: of all that was ever said of a video, the newest by the client's time
    stands, and of equal times the greater. A time later than the server's now counts as now, or a wrong clock
    would win for ever.
    """
    folded = fold(entries)
    if not folded:
        return ()
    cursor.execute(_SQL["record"], {
        "account_id": account_id, "videos": list(folded),
        "positions_s": [one.position_s for one in folded.values()], "at_ms": [one.at_ms for one in folded.values()],
        "completed": [one.completed for one in folded.values()],
        "completed_at_ms": [one.completed_at_ms for one in folded.values()]})
    return tuple(row[0] for row in cursor.fetchall())


def fold(entries: Iterable[Entry]) -> dict[int, Folded]:
    """One entry a video, by the rule that the database follows: one statement may not meet a row twice."""
    found: dict[int, Folded] = {}
    for entry in entries:
        position_s = round(entry.position_s, 3)  # a millisecond: what is far smaller fits no column of the database
        one = found.setdefault(entry.video, Folded(position_s, entry.at_ms))
        if (entry.at_ms, position_s) > (one.at_ms, one.position_s):
            one.at_ms, one.position_s = entry.at_ms, position_s
        if entry.completed is not None and (
                one.completed_at_ms is None or (entry.at_ms, entry.completed) > (one.completed_at_ms, bool(one.completed))):
            one.completed_at_ms, one.completed = entry.at_ms, entry.completed
    return found


def forget(cursor: Cursor, account_id: int, video_id: int) -> None:
    """Takes a video's place and tick away."""
    cursor.execute(_SQL["forget"], {"account_id": account_id, "video_id": video_id})


def forget_all(cursor: Cursor, account_id: int) -> None:
    """Takes all places and ticks away."""
    cursor.execute(_SQL["forget_all"], {"account_id": account_id})


def begun(pool: Pool, account_id: int, revision: int, limit: int) -> Places:
    """What to go on with: begun, not done, still published; the last first."""
    rows = pool.read(_SQL["begun"], {"account_id": account_id, "limit": limit})
    return Places(account=account_id, revision=revision, places=tuple(_place(row) for row in rows))


def history(pool: Pool, account_id: int, revision: int, after: str, limit: int) -> Places:
    """A page of all that was watched or ticked, the last first."""
    place = read_place(after, NEWEST)
    rows = pool.read(_SQL["history"], {"account_id": account_id, "at_us": place.value, "id": place.id, "limit": limit})
    return Places(account=account_id, revision=revision, places=tuple(_place(row[:4]) for row in rows),
                  next=write_place(rows[-1][4], rows[-1][0]) if len(rows) == limit else None)


def _place(row: Sequence[Any]) -> Place:
    video, position_s, completed, at_ms = row
    return Place(video=video, position_s=position_s, completed=completed, at_ms=at_ms)
