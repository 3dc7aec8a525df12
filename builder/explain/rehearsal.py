"""The release that would be made now, rehearsed: the real steps in a transaction that is undone.

Nothing is consumed, no write number is drawn, nothing is stored. What first is shown gets its list numbers
within that transaction, which a builder that wants the same ones has to wait for: so a rehearsal looks after each
task whether somebody waits, and then begins anew after that one.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import NamedTuple, TypeVar

import psycopg2
from psycopg2.errors import SerializationFailure, UniqueViolation
from psycopg2.extensions import connection as Connection

from builder import journal, manifest, numbers, plan, render
from builder.catalog import keys, postings
from builder.catalog.queries import queries
from builder.catalog.reads import Catalog
from builder.fingerprint import fingerprints
from builder.pages import index
from builder.pages.page import Site
from builder.publishing import SMALL_KEYS
from builder.task import Batch, Job
from edge.errors import LecternError
from edge.store.port import Store

TRIES = 5
T = TypeVar("T")

# Purpose: what no release has taken; read, not taken, so that no builder waits for it.
_WAITING = "SELECT coalesce(array_agg(DISTINCT key), '{}') FROM catalog.change, unnest(keys) AS key WHERE release IS NULL"
# Purpose: the number that the next release would have.
_NEXT = "SELECT last_value + is_called::int FROM live.write_number"
# Purpose: whether another session waits for what this one has locked.
_IN_THE_WAY = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid)))"


class BusyError(LecternError):
    """A builder was at work all the time."""

    exit_code = 1


class Rehearsed(NamedTuple):
    """One rehearsed batch, or what the guard would hold back at the end."""

    batch: Batch | None
    held: list[str]


class _Undone(Connection):
    """A connection that commits nothing, whatever it is handed to: an edit that is only tried must never stay."""

    def commit(self) -> None:
        raise RuntimeError("a rehearsal was to be committed")


class _GaveWayError(Exception):
    """Somebody waits for this transaction."""


def undone(dsn: str, ask: Callable[[Connection], T]) -> T:
    """What *ask* answers from one REPEATABLE READ transaction, of which nothing stays. It gives way to builders, and is
    then asked again. Raises BusyError."""
    for _ in range(TRIES):
        with _transaction(dsn) as connection:
            try:
                return ask(connection)
            except (SerializationFailure, UniqueViolation, _GaveWayError):  # a builder gave the same list numbers first
                continue
    raise BusyError("Releases were made all the time, so there was no moment to compare with: ask again.")


def give_way(connection: Connection) -> None:
    """To be called between two pieces of work: ends this try where somebody waits for it."""
    with connection.cursor() as cursor:
        cursor.execute(_IN_THE_WAY)
        if cursor.fetchone() == (True,):
            raise _GaveWayError


def rehearse(connection: Connection, store: Store, site: Site, profile: str, changed: frozenset[int] | None) -> Iterator[Rehearsed]:
    """What the release of all that waits would write, batch by batch; with *changed*, only what these keys reach, as
    if they had changed. Raises StoreError."""
    prints = fingerprints(site, profile)
    standing = journal.seen(connection)
    trusted = standing.store == store.name and store.head("index.html") is not None
    fresh = not manifest.stale(connection, prints)
    with connection.cursor() as cursor:
        cursor.execute(_NEXT)
        ((number,),) = cursor.fetchall()
        cursor.execute(_WAITING)
        ((waiting,),) = cursor.fetchall()
    catalog, renderer = Catalog(connection), render.Renderer(site, profile)
    job = Job("", "", site, profile, number, prints, True, trusted)
    left = journal.left(connection) if changed is None else journal.NOTHING_LEFT
    left = left._replace(units=[*left.units, *left.redirects], redirects=[])  # here these need not wait for the release's end
    touched = frozenset(waiting) if changed is None else changed
    if keys.SITE in touched or (changed is None and (standing.empty or not trusted or not fresh or len(touched) > SMALL_KEYS)):
        _number_all(connection)
        planned = plan.whole(catalog, touched, left, anew=not trusted or keys.SITE in touched)
    else:
        planned = plan.reached(connection, catalog, touched, left)
    live = manifest.Manifest(connection, number, first=False)
    for task in planned.tasks:
        batch = render.render(job, catalog, renderer, [task])
        live.add(b"", batch.paths)
        yield Rehearsed(batch, [])
        give_way(connection)
    buried, held = live.leave(planned.units, planned.named, guarded=True)
    if planned.units is None:
        buried += live.buried(prints["gone"], trust=trusted)
    else:
        buried += [*left.uncertain_gone, *live.still_buried(left.gone)]
    for batch in render.gone(job, catalog, renderer, sorted(set(buried))):
        yield Rehearsed(batch, [])
    yield Rehearsed(None, [path for path, _, _ in held])


def _number_all(connection: Connection) -> None:
    """Give all that is shown its numbers, as a large release does, but in this transaction."""
    sql = queries("numbers")
    with connection.cursor() as cursor:
        for name in ("shown", "assign", "end_all"):
            cursor.execute(sql[name])
    numbers.split(connection, index.LISTS_CUT)
    postings.refresh(connection)


@contextmanager
def _transaction(dsn: str) -> Iterator[Connection]:
    with closing(psycopg2.connect(dsn, connect_timeout=10, connection_factory=_Undone)) as connection:
        connection.set_session(isolation_level="REPEATABLE READ")
        try:
            yield connection
        finally:
            if not connection.closed:
                connection.rollback()
