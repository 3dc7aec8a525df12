"""Hearing that the catalog has changed: LISTEN, on a connection of its own.

A connection that also holds a transaction hears nothing until that ends, so this one never has
any. It carries no keys and promises nothing but haste: a poll of the feed stands behind it. Of
many editors who commit at once one rings for all (see ``catalog/schema/0002.feed.sql``), so a bell that was heard
is heard again a few times, for those whose COMMIT was still on its way.
"""
from __future__ import annotations

import random
import select
import time
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any
from uuid import uuid4

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_READ, POLL_WRITE
from psycopg2.extensions import connection as Connection

from builder.catalog.changes import BELL
from edge.errors import LecternError

CONNECT_S = 5.0
ANSWER_S = 3.0  # a server that does not answer SELECT 1 within this is away
SILENCE_S = 5.0  # after so long without a sound the line is asked; with ANSWER_S, broken lines are found within 10 s
ECHOES_S = (0.02, 0.1, 0.5)  # after a bell; a COMMIT takes a millisecond, on a stalled disk much longer
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0
# For a peer that is gone without a word; a proxy that still answers for it is found by the question.
_KEEPALIVE: dict[str, Any] = {
    "keepalives": 1, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 2,
    "tcp_user_timeout": 8_000, "application_name": "lectern bell",
}  # fmt: skip

Clock = Callable[[], float]


class BellError(LecternError):
    """The bell cannot be heard at this address; the message says which setting leads to one where it can."""


class BellLost(LecternError):
    """The bell's connection broke: read the feed after :meth:`Bell.reconnect`."""

    exit_code = 1


class Bell:
    """One LISTEN connection, in autocommit, idle while it waits. Not for several threads at once.

    *dsn* must lead to the primary itself (DATABASE_DIRECT_URL). Raises BellError where that is a
    replica, BellLost where nothing answers.
    """

    def __init__(self, dsn: str, *, clock: Clock = time.monotonic) -> None:
        self._dsn = dsn
        self._clock = clock
        self._echoes: list[float] = []  # when the last bell is to be heard again, soonest last
        self._connection: Connection | None = None
        self._listen()

    def wait(self, timeout_s: float) -> bool:
        """Wait for the bell, at most *timeout_s*; True where it rang, once for all rings until now.

        True is no promise that there is a change, nor False that there is none. Raises BellLost
        where the connection is broken, a half-open one within 10 s.
        """
        deadline = self._clock() + timeout_s
        while True:
            connection = self._open()
            self._poll(connection)
            now = self._clock()
            rang = any(not notice.payload for notice in connection.notifies)  # what has words is somebody's proof
            connection.notifies.clear()
            if rang:
                self._heard_at = now
                self._echoes = [now + echo for echo in reversed(ECHOES_S)]
                return True
            if self._echoes and self._echoes[-1] <= now:
                self._echoes.pop()
                return True
            if now >= deadline:
                return False
            if now >= self._heard_at + SILENCE_S and not self.alive():
                raise BellLost(f"The database's bell has gone silent: no answer within {ANSWER_S:g} s.")
            until = min(deadline, self._heard_at + SILENCE_S, *self._echoes[-1:])
            select.select([connection], [], [], max(until - now, 0))

    def prove(self, within_s: float = 5.0) -> None:
        """Ring from a second connection and hear it. Raises BellError where that does not come within *within_s*.

        A pooler in transaction mode takes LISTEN without a complaint and passes no notice on.
        """
        word = uuid4().hex
        with closing(_ringer(self._dsn)) as ringer, ringer, ringer.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", (BELL, word))
        deadline = self._clock() + within_s
        while True:
            connection = self._open()
            self._poll(connection)
            if any(notice.payload == word for notice in connection.notifies):
                return  # the rest stays, to be heard
            left_s = deadline - self._clock()
            if left_s <= 0:
                raise BellError(
                    "The database does not ring back: LISTEN was accepted, and no notice came. Is there a pooler in"
                    " transaction mode, such as PgBouncer, at that address? Set DATABASE_DIRECT_URL to the primary itself."
                )
            select.select([connection], [], [], left_s)

    def alive(self) -> bool:
        """Whether the server answers on this very connection within 3 s; one that does not is closed."""
        if self._connection is None:
            return False
        try:
            self._ask(self._connection, "SELECT 1", self._clock() + ANSWER_S)
        except (psycopg2.Error, TimeoutError):
            self.close()
            return False
        self._heard_at = self._clock()
        return True

    def reconnect(self, *, pause: Callable[[float], object] = time.sleep, chance: Callable[[], float] = random.random) -> bool:
        """Listen anew, tried until it succeeds, after ever longer pauses (0.1 to 5 s, jittered).

        *pause* may say "stop" by a true value, as ``Event.wait`` does: then False is returned. What
        rang meanwhile is lost, so the feed is read after this before anything waits.
        """
        longest_s = _FIRST_PAUSE_S
        while True:
            self.close()
            try:
                self._listen()
                return True
            except (BellLost, BellError):  # a primary that became a replica may be made one again
                if pause(longest_s * (0.5 + chance() / 2)):
                    return False
                longest_s = min(longest_s * 2, _LONGEST_PAUSE_S)

    def close(self) -> None:
        """End the connection; again does nothing."""
        if self._connection is not None:
            with suppress(psycopg2.Error):
                self._connection.close()
            self._connection = None

    def _listen(self) -> None:
        deadline = self._clock() + CONNECT_S
        try:
            # Asynchronous, since only then each step has an end: libpq's own calls wait for a half-open line for ever.
            connection = self._connection = psycopg2.connect(self._dsn, async_=True, **_KEEPALIVE)
            self._finish(connection, deadline)
            if self._ask(connection, "SELECT pg_is_in_recovery()", deadline):
                raise BellError(
                    "The database is a replica: what it shows may be old, and nothing rings there. Set DATABASE_DIRECT_URL to the primary."
                )
            self._ask(connection, f"LISTEN {BELL}", deadline)
        except (psycopg2.Error, TimeoutError) as e:
            self.close()
            raise BellLost(
                f"Cannot listen to the database: {_first_line(e)}. Check DATABASE_DIRECT_URL, or DATABASE_URL where that is not set."
            ) from e
        except BellError:
            self.close()
            raise
        self._heard_at = self._clock()

    def _open(self) -> Connection:
        if self._connection is None:
            raise BellLost("The bell's connection is closed.")
        return self._connection

    def _poll(self, connection: Connection) -> None:
        try:
            connection.poll()
        except psycopg2.Error as e:
            self.close()
            raise BellLost(f"The database's bell broke: {_first_line(e)}.") from e

    def _ask(self, connection: Connection, question: str, deadline: float) -> object:
        """The first value of the answer, None where there is none. Raises TimeoutError."""
        with connection.cursor() as cursor:
            cursor.execute(question)
            self._finish(connection, deadline)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None

    def _finish(self, connection: Connection, deadline: float) -> None:
        while (state := connection.poll()) != POLL_OK:
            left_s = deadline - self._clock()
            if left_s <= 0:
                raise TimeoutError("it does not answer")
            reading, writing = [connection] * (state == POLL_READ), [connection] * (state == POLL_WRITE)
            select.select(reading, writing, [], left_s)


def _ringer(dsn: str) -> Connection:
    try:
        return psycopg2.connect(dsn, connect_timeout=int(CONNECT_S), application_name="lectern bell's proof")
    except psycopg2.OperationalError as e:
        raise BellLost(f"Cannot ring the database's bell: {_first_line(e)}.") from e


def _first_line(e: Exception) -> str:
    return str(e).strip().partition("\n")[0]
