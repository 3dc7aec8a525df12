"""The change feed: what editors' transactions touched, and which release took it.

Triggers append a row to ``catalog.change`` in the editor's own transaction (see ``schema/0002.feed.sql``). A
row is consumed by state, the number of the release that took it, never by position: a transaction that
stays open while later ones commit is taken by a later release. All times are the database's.
"""
from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection as Connection

BELL = "lectern_change"  # the channel that is notified of changes; nothing is said on it
_FORGET_ROWS = 5_000  # a transaction; so that no reader waits and little is lost at a kill
_LOCKED_S = 0.2  # a due video that an editor holds is tried again after this

# Purpose: mark all that waits as taken by a release, and say what it touched.
_TAKE = """
    WITH taken AS (UPDATE catalog.change SET release = %(release)s WHERE release IS NULL RETURNING at, keys)
    SELECT coalesce((SELECT array_agg(DISTINCT key) FROM taken, unnest(keys) AS key), '{}'), count(*), min(at), max(at) FROM taken"""
# Purpose: how much waits, and for how long.
_WAITING = """
    SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(at)), 0)::float8 FROM catalog.change WHERE release IS NULL"""
# Purpose: the changes of one release that touched certain keys, oldest first.
_SINCE = """
    SELECT at, ARRAY(SELECT unnest(keys) INTERSECT SELECT unnest(%(keys)s::bigint[]) ORDER BY 1), actor, release
    FROM catalog.change WHERE release = %(release)s AND keys && %(keys)s::bigint[] ORDER BY at, id"""
# Purpose: delete some of the taken changes that are older than so many days.
_FORGET = """
    DELETE FROM catalog.change WHERE id IN (
        SELECT id FROM catalog.change WHERE release IS NOT NULL AND at < clock_timestamp() - make_interval(days => %(days)s)
        LIMIT %(rows)s)"""
# Purpose: publish what is due, under a name of its own; what an editor holds is left for the next time.
_FLIP = """
    SELECT set_config('lectern.actor', 'schedule', true);
    UPDATE catalog.video SET status = 'published' WHERE id IN (
        SELECT id FROM catalog.video WHERE status = 'scheduled' AND publish_at <= (SELECT clock_timestamp())
        ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)"""
# Purpose: seconds until the next video is due.
_NEXT = "SELECT extract(epoch FROM min(publish_at) - clock_timestamp())::float8 FROM catalog.video WHERE status = 'scheduled'"


@dataclass(frozen=True, slots=True)
class Change:
    """A change as ``why`` tells it: the keys are those asked for that it touched, packed, ascending."""

    at: datetime
    keys: tuple[int, ...]
    actor: str
    release: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What one release took: packed keys, the number of changes, and when the first and the last were made."""

    keys: frozenset[int]
    count: int
    first_at: datetime | None
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many changes no release has taken, and the age of the oldest, 0.0 where none waits."""

    count: int
    oldest_s: float


def take(connection: Connection, release: int) -> Taken:
    """Mark every waiting change that the caller's transaction sees as taken by *release*.

    The transaction must be REPEATABLE READ and is left open: its commit makes "taken" and what the
    caller writes true together, its rollback leaves all of it waiting. Two that take at once: the
    second gets psycopg2's SerializationFailure.
    """
    with closing(connection.cursor()) as cursor:
        cursor.execute(_TAKE, {"release": release})
        keys, count, first_at, last_at = _row(cursor)
        return Taken(frozenset(keys), count, first_at, last_at)


def waiting(connection: Connection) -> Waiting:
    """What waits now, as far as the caller's transaction sees it; no transaction is ended here."""
    with closing(connection.cursor()) as cursor:
        cursor.execute(_WAITING)
        count, oldest_s = _row(cursor)
        return Waiting(count, max(oldest_s, 0.0))


def since(connection: Connection, keys: Iterable[int], release: int) -> list[Change]:
    """The changes taken by *release* that touched one of the packed *keys*, oldest first."""
    with closing(connection.cursor()) as cursor:
        cursor.execute(_SINCE, {"keys": list(keys), "release": release})
        return [Change(at, tuple(touched), actor, number) for at, touched, actor, number in cursor]


def touch_all(connection: Connection) -> None:
    """Record that everything may have changed, as a TRUNCATE does, and commit."""
    with connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO catalog.change (actor, keys) VALUES ('lectern', ARRAY[0::bigint])")


def forget(connection: Connection, days: int = 30) -> int:
    """Delete taken changes older than *days*, some thousands a transaction; returns how many.

    Commits: *connection* must hold no work of the caller's. What waits is never forgotten.
    """
    gone = 0
    with closing(connection.cursor()) as cursor:
        while True:
            cursor.execute(_FORGET, {"days": days, "rows": _FORGET_ROWS})
            connection.commit()
            gone += cursor.rowcount
            if cursor.rowcount < _FORGET_ROWS:
                return gone


def flip_due(connection: Connection) -> tuple[int, float | None]:
    """Publish the scheduled videos whose time has come; returns how many, and the seconds until the next is due.

    The second is None where no video is scheduled. Commits: *connection* must hold no work of the
    caller's. A due video that an editor's open transaction holds delays nobody: it is left for the next call.
    """
    with closing(connection.cursor()) as cursor:
        cursor.execute(_FLIP)
        flipped = cursor.rowcount
        connection.commit()
        cursor.execute(_NEXT)
        (due_s,) = _row(cursor)
        connection.commit()
    if due_s is None:
        return flipped, None
    return flipped, due_s if due_s > 0 else _LOCKED_S


def _row(cursor: Any) -> tuple[Any, ...]:
    row: tuple[Any, ...] = cursor.fetchone()
    return row
