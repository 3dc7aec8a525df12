"""What refresh reads and writes in the database; each call is one statement and one transaction."""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from builder.catalog.providers.port import Answer, Ask
from builder.catalog.queries import queries
from edge.address import Key

MISSING_RUNS = 3
"""Clear "not found" answers in a row after which a video counts as gone."""

BEHIND_HOURS = 24
"""A video without a clear answer for longer is behind."""

PICTURES = "pictures/"
"""Under this prefix the store has copies and cards: ``pictures/831/…`` are video 831's, ``pictures/batch/12/…`` batch 12's."""

LONGEST_WAIT_S = 86_400.0
WHY_LETTERS = 300
_LOCK = 0x7265_6672_6573_68  # "refresh"
_SQL = queries("refresh")


class Due(NamedTuple):
    """An address to ask about."""

    kind: str
    ask: Ask
    videos: list[int]


class Dead(NamedTuple):
    """A video that is gone at its provider."""

    video: int
    slug: str
    since: datetime
    url: str


@contextmanager
def only_one(connection: Connection) -> Iterator[bool]:
    """True for the one refresh of this database, False while another one runs. The server ends it with the session."""
    ((mine,),) = query(connection, "SELECT pg_try_advisory_lock(%(lock)s)", {"lock": _LOCK})
    try:
        yield bool(mine)
    finally:
        if mine and not connection.closed:
            query(connection, "SELECT pg_advisory_unlock(%(lock)s)", {"lock": _LOCK})


def due(connection: Connection, *, youtube: bool, most: int) -> list[Due]:
    """At most *most* addresses that are due, the longest unseen first; YouTube's, or all others."""
    rows = query(connection, _SQL["sources"], {"youtube": youtube, "most": most})
    return [Due(kind, Ask(url, etag, modified, asked_with), videos) for kind, url, etag, modified, asked_with, videos in rows]


def note(connection: Connection, answers: Sequence[Answer]) -> None:
    """Keep what was answered."""
    clear = [(a.url, int(a.outcome == "missing"), a.why[:WHY_LETTERS], a.duration_s, a.picture_url, a.etag, a.last_modified, a.asked_with)
             for a in answers if a.outcome in ("found", "missing")]
    failed = [(a.url, a.why[:WHY_LETTERS]) for a in answers if a.outcome == "failed"]
    with connection.cursor() as cursor:
        if clear:
            execute_values(cursor, _SQL["note_clear"], clear, template="(%s, %s, %s, %s::int, %s::text, %s, %s, %s)")
        if failed:
            execute_values(cursor, _SQL["note_failed"], failed)
    if same := [a.url for a in answers if a.outcome == "same"]:
        query(connection, _SQL["note_same"], {"urls": same})


def hosts_at_rest(connection: Connection) -> set[str]:
    """Hosts that are not to be asked yet."""
    return {host for (host,) in query(connection, _SQL["hosts_at_rest"])}


def host_down(connection: Connection, host: str, why: str, wait_s: float) -> None:
    """A host answered for nobody; it is asked again after *wait_s*, later from the second time on."""
    query(connection, _SQL["host_down"], {"host": host, "why": why[:WHY_LETTERS], "wait_s": min(wait_s, LONGEST_WAIT_S)})


def hosts_up(connection: Connection, hosts: Iterable[str]) -> None:
    """Hosts that answered."""
    query(connection, _SQL["hosts_up"], {"hosts": list(hosts)})


def share_of_quota(connection: Connection, quota: int) -> int:
    """Units that this run may spend: what the provider's day has left, spread over its hours."""
    ((left, hours),) = query(connection, _SQL["units_left"], {"quota": quota})
    return -(-int(left) // max(1, int(hours)))


def spend(connection: Connection, units: int) -> None:
    """Note *units* as spent."""
    if units:
        query(connection, _SQL["spend"], {"units": units})


def settle(connection: Connection) -> set[int]:
    """Bring the catalog's rows to what the answers say; return the videos that changed.

    Only what differs is written; a row that an editor holds is left for the next run.
    """
    statements = ("set_durations", "set_picture_urls", "set_available", "set_unavailable")
    return {id for name in statements for (id,) in query(connection, _SQL[name], {"runs": MISSING_RUNS})}


def dead(connection: Connection) -> list[Dead]:
    """All videos that are gone at their providers, the newest first."""
    return [Dead(*row) for row in query(connection, _SQL["dead"])]


def behind(connection: Connection, hours: float = BEHIND_HOURS) -> int:
    """How many videos have a source that gave no clear answer for more than *hours*."""
    ((count,),) = query(connection, _SQL["behind"], {"hours": hours})
    return int(count)


def pictures_of(connection: Connection, owners: Iterable[int]) -> list[Key]:
    """The store keys of all pictures and cards that videos, batches and courses (packed keys) have or had: what a takedown
    takes along."""
    return [Key(key) for (key,) in query(connection, _SQL["pictures_of"], {"owners": list(owners)})]


def sweep(connection: Connection) -> None:
    """Forget what is no more in the catalog."""
    query(connection, _SQL["sweep"])


def query(connection: Connection, statement: str, values: Mapping[str, Any] | None = None) -> Sequence[tuple[Any, ...]]:
    """The rows of one statement; none of one that returns none."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []
