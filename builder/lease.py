"""The builder's lease: one builder at a time, over all machines. An advisory lock of a session, so its holder's death frees it."""
from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from psycopg2 import DatabaseError, InterfaceError
from psycopg2.errors import LockNotAvailable
from psycopg2.extensions import connection as Connection

from builder.connections import end_transaction
from edge.errors import LecternError

_LEASE = 0x4C65_6374_7572_6E01  # any number that nobody else locks
_ASK_AGAIN_S = 0.2  # between two looks whether the holder is silent
SILENT_S = 120.0
"""A builder that has said nothing to the database for so long is taken for dead, or paused. It speaks with each lot of
pages, and waits a minute for a store at most."""


class LeaseHeld(LecternError):
    """Another builder is at work on this database."""

    exit_code = 3


class LeaseLost(LecternError):
    """This builder was taken for dead, and another one has released meanwhile."""

    exit_code = 3


@contextmanager
def held(connection: Connection, wait_s: float, waits: Callable[[], object] | None = None) -> Iterator[None]:
    """Hold the builder's lease for the length of the block; the server frees it if we die, and takes it from who
    is silent for SILENT_S. *waits* is called once, where another holds it.

    Raises LeaseHeld when another holds it for longer than *wait_s* seconds.
    """
    until = time.monotonic() + wait_s
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", (_LEASE,))
            connection.commit()
            if cursor.fetchone() == (True,):
                break
            _end_silent(connection)
            if waits:
                waits()
                waits = None
            if time.monotonic() > until:
                raise LeaseHeld(f"Another build has been at work for {wait_s:g} s. Wait for it, or give --wait SECONDS.")
            if _next_in_line(connection):
                break
        try:
            yield
        finally:
            if end_transaction(connection):
                with suppress(DatabaseError):  # the session ends just now, and the lock with it
                    cursor.execute("SELECT pg_advisory_unlock(%s)", (_LEASE,))
                    connection.commit()


def confirm(connection: Connection) -> None:
    """Raise LeaseLost where the lease is no longer this connection's: asked before each lot of uploads."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                """SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()
                AND (classid::bigint << 32 | objid::bigint) = %s)""", (_LEASE,))
            held = cursor.fetchone() == (True,)
        connection.commit()
    except (DatabaseError, InterfaceError) as error:
        if not connection.closed:
            raise
        raise LeaseLost("The database connection that held the builder's lease is lost; nothing more is uploaded. Build again.") from error
    if not held:
        raise LeaseLost("The builder's lease is lost; nothing more is uploaded. Build again.")


def _next_in_line(connection: Connection) -> bool:
    """Wait for the lease in the server's own queue, at most _ASK_AGAIN_S; True where it came. A worker with much to do lets go
    for a millisecond between two releases: who only asks now and then meets that seldom, and a takedown cannot wait."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = {_ASK_AGAIN_S * 1000:.0f}; SELECT pg_advisory_lock(%s)", (_LEASE,))
        connection.commit()
    except LockNotAvailable:
        connection.rollback()
        return False
    return True


def _end_silent(connection: Connection) -> None:
    """End the session of a holder that is silent: what it writes after that, the store's fence refuses."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
            WHERE l.locktype = 'advisory' AND l.granted AND (l.classid::bigint << 32 | l.objid::bigint) = %s
            AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND a.state <> 'active' AND a.state_change < clock_timestamp() - %s * interval '1 second'""", (_LEASE, SILENT_S))
    connection.commit()
