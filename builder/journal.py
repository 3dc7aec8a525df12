"""Releases: numbered, begun, done. One builder at a time, over all machines."""
from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from psycopg2 import InterfaceError, OperationalError
from psycopg2.extensions import connection as Connection

from edge.errors import LecternError

_LEASE = 0x4C65_6374_7572_6E01  # any number that nobody else locks
_ASK_AGAIN_S = 0.2


class LeaseHeld(LecternError):
    """Another builder is at work on this database."""

    exit_code = 3


class LeaseLost(LecternError):
    """This builder was taken for dead, and another one has released meanwhile."""

    exit_code = 3


def hold(connection: Connection) -> None:
    """Raise LeaseLost where the lease is no longer this connection's: asked before each lot of uploads."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                """SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()
                AND (classid::bigint << 32 | objid::bigint) = %s)""", (_LEASE,))
            held = cursor.fetchone() == (True,)
        connection.commit()
    except (OperationalError, InterfaceError) as error:
        raise LeaseLost("The database connection that held the builder's lease is lost; nothing more is uploaded. Build again.") from error
    if not held:
        raise LeaseLost("The builder's lease is lost; nothing more is uploaded. Build again.")


@contextmanager
def lease(connection: Connection, wait_s: float) -> Iterator[None]:
    """Hold the builder's lease for the length of the block; the server frees it if we die.

    Raises LeaseHeld when another holds it for longer than *wait_s* seconds.
    """
    until = time.monotonic() + wait_s
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", (_LEASE,))
            connection.commit()
            if cursor.fetchone() == (True,):
                break
            if time.monotonic() > until:
                raise LeaseHeld(f"Another build has been at work for {wait_s:g} s. Wait for it, or give --wait SECONDS.")
            time.sleep(_ASK_AGAIN_S)
        try:
            yield
        finally:
            if not connection.closed:
                connection.rollback()
                cursor.execute("SELECT pg_advisory_unlock(%s)", (_LEASE,))
                connection.commit()


def begin(connection: Connection, store: str) -> int:
    """Draw the next release number, which is also its write number, and note that it may be writing to *store*."""
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO live.release (number, state, store) VALUES (nextval('live.write_number'), 'writing', %s)
            RETURNING number""", (store,))
        row = cursor.fetchone()
        connection.commit()
        assert row is not None
        return int(row[0])


def speaks_of(connection: Connection, number: int) -> str | None:
    """The store that the manifest speaks of: the one that the newest release before *number* went to; None for none."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT store FROM live.release WHERE number < %s ORDER BY number DESC LIMIT 1", (number,))
        row = cursor.fetchone()
        return str(row[0]) if row else None


def last_made_of(connection: Connection, number: int) -> bytes | None:
    """What the live release was made of; None where another one than *number* died, so that its paths are uncertain."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT made_of FROM live.release WHERE state = 'live'
            AND NOT EXISTS (SELECT FROM live.release WHERE state = 'writing' AND number <> %s)
            ORDER BY number DESC LIMIT 1""", (number,))
        row = cursor.fetchone()
        return bytes(row[0]) if row and row[0] is not None else None


def forget(connection: Connection, number: int, made_of: bytes | None) -> None:
    """A release that came to nothing: what is live is what *made_of* makes, too.

    One that died before it left no path uncertain, or this one would have had something to write.
    """
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM live.release WHERE number = %s", (number,))
        cursor.execute("UPDATE live.release SET state = 'superseded' WHERE state = 'writing' AND number < %s", (number,))
        cursor.execute(
            """UPDATE live.release SET made_of = %s
            WHERE number = (SELECT max(number) FROM live.release WHERE state = 'live')""", (made_of,))
    connection.commit()


def live(connection: Connection, number: int, made_of: bytes | None, *, rendered: int, uploaded: int, retired: int) -> None:
    """The release's uploads are done: it is live, and what died before it is superseded."""
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE live.release SET state = CASE WHEN number = %(n)s THEN 'live' ELSE 'superseded' END,
                live_at = CASE WHEN number = %(n)s THEN clock_timestamp() END,
                made_of = CASE WHEN number = %(n)s THEN %(made_of)s::bytea END,
                rendered = CASE WHEN number = %(n)s THEN %(rendered)s ELSE rendered END,
                uploaded = CASE WHEN number = %(n)s THEN %(uploaded)s ELSE uploaded END,
                retired = CASE WHEN number = %(n)s THEN %(retired)s ELSE retired END
            WHERE state = 'writing' AND number <= %(n)s""",
            {"n": number, "made_of": made_of, "rendered": rendered, "uploaded": uploaded, "retired": retired})
        cursor.execute("SELECT state FROM live.release WHERE number = %s", (number,))
        if cursor.fetchone() != ("live",):
            connection.rollback()
            raise LeaseLost("Another builder took over while this one uploaded. What it released stays; build again.")
    connection.commit()
