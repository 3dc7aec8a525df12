"""The connections of this process to one server: psycopg2-pool keeps the idle ones, the rest is here.

Why so much beside it: psycopg2-pool never counts a connection that is handed out a second time, so its
maximum does not hold; it connects under its lock, so a silent server keeps others from giving back; it drops
idle ones only while others are given back; it takes a dead one for idle; and its give-back raises. Here a
semaphore holds the number, connecting is done under no lock, a thread drops what lies idle, a connection is
looked at before it is lent, and giving back never raises. Waiting, looking and connecting have one deadline.
"""
from __future__ import annotations

import os
import select
import socket
import threading
import time
import weakref
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_IDLE, parse_dsn
from psycopg2.extensions import connection as PlainConnection
from psycopg2_pool import ConnectionPool, PoolError

from api.errors import PoolBusyError

LEAST_CONNECT_S = 2  # libpq takes a shorter time as this one
ASK_AFTER_S = 1.0  # a connection that lay idle for longer is asked before it is lent
ASK_S = 2.0  # so long it may take to answer; what is left of the wait is for a new one
_KEEPALIVE: dict[str, Any] = {"keepalives": 1, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
_LONGEST_NAP_S = 15.0


@dataclass(slots=True)
class Figures:
    """What was done with one server in this process; gauges are read from it. Times are sums in seconds."""

    share: int
    in_use: int = 0
    idle: int = 0
    waiting: int = 0
    waits: int = 0
    wait_s: float = 0.0
    refused: int = 0
    opened: int = 0
    errors: int = 0


class Connection(PlainConnection):
    """A connection, and what is known of it."""

    bounded = False  # the server ends what takes too long on it, without being told each time
    process = 0
    age = 0  # how many connection errors there had been when it was opened
    uses = 0
    idle_since = 0.0
    prepared: set[str]


class Connections:
    """At most *share* connections to *dsn*. *wait_s*, *idle_s* and *uses* as ``api.pool.Pool`` has them.

    *statement_ms*: as a connection opens, ask the server to end what takes longer on it, which spares each message a statement.
    A pooler's are not ours to set: it refuses or ignores it, and is asked no more. 0: do not ask.
    """

    def __init__(self, dsn: str, *, share: int, wait_s: float, idle_s: float, uses: int, statement_ms: int = 0) -> None:
        self._dsn = dsn
        self._statement_ms = statement_ms
        self._share = share
        self._wait_s = wait_s
        self._idle_s = idle_s
        self._uses = uses
        self._hosts = max(1, str(parse_dsn(dsn).get("host", "")).count(",") + 1)
        self._inherited: list[object] = []
        self._begin()
        me = weakref.ref(self)

        def begin_in_child() -> None:
            if side := me():
                side._inherited.append(side._idle)  # the parent's: forgotten, never closed
                side._begin()

        os.register_at_fork(after_in_child=begin_in_child)

    def lend(self, wait_s: float) -> Connection:
        """A connection that works, within *wait_s*. Raises PoolBusyError."""
        end = time.monotonic() + wait_s
        at_once = self._take_slot(wait_s)
        try:
            while connection := self._take_idle():
                if self._works(connection, end - time.monotonic()):
                    return connection
                self._lose(connection)
                at_once = False
            left_s = end - time.monotonic()
            if not at_once and left_s < LEAST_CONNECT_S:
                raise PoolBusyError("The database could not be reached in time.")
            return self._connect(left_s)
        except BaseException:
            self._free_slot()
            raise

    def take_back(self, connection: Connection) -> None:
        """Keep it for the next, or close it; its slot is free in any case. Never raises."""
        if connection.process != os.getpid():
            return  # lent before a fork: it and its slot are the parent's
        try:
            connection.uses += 1
            if connection.closed:
                self._lose(connection)
            elif (connection.get_transaction_status() != TRANSACTION_STATUS_IDLE or connection.uses >= self._uses
                  or connection.age != self._age):
                connection.close()
            else:
                self._keep(connection)
        except Exception:  # an answer that is made already must not fail by what is done with its connection
            self._lose(connection)
        finally:
            self._free_slot()

    def drop_idle(self, *, since_s: float = 0.0) -> None:
        """Close what has lain idle for at least *since_s*."""
        due: list[PlainConnection] = []
        with self._lock:
            idle, times = self._idle.idle_connections, self._idle.return_times
            while idle and time.monotonic() - idle[0].idle_since >= since_s:
                due.append(idle.popleft())
                times.pop(due[-1], None)
        for connection in due:
            connection.close()

    @property
    def figures(self) -> Figures:
        """A copy of them, now."""
        with self._lock:
            return replace(self._figures, idle=len(self._idle.idle_connections))

    def _begin(self) -> None:
        self._slots = threading.BoundedSemaphore(self._share)
        self._lock = threading.Lock()
        # With a maximum of none it never connects: it only keeps, the last one given back on top.
        self._idle = ConnectionPool(minconn=0, maxconn=0, idle_timeout=self._idle_s)
        self._figures = Figures(self._share)
        self._age = 0
        self._sweeping = False

    def _take_slot(self, wait_s: float) -> bool:
        """Whether it was there at once."""
        at_once = self._slots.acquire(blocking=False)
        if not at_once:
            begun = time.monotonic()
            with self._lock:
                self._figures.waiting += 1
                self._figures.waits += 1
            got = self._slots.acquire(timeout=wait_s)
            with self._lock:
                self._figures.waiting -= 1
                self._figures.wait_s += time.monotonic() - begun
                self._figures.refused += not got
            if not got:
                raise PoolBusyError("Every connection to the database was in use for too long.")
        with self._lock:
            self._figures.in_use += 1
        return at_once

    def _free_slot(self) -> None:
        with self._lock:
            self._figures.in_use -= 1
        self._slots.release()

    def _take_idle(self) -> Connection | None:
        with self._lock:
            try:
                connection = self._idle.getconn()
            except PoolError:
                return None
        assert isinstance(connection, Connection)
        return connection

    def _keep(self, connection: Connection) -> None:
        connection.idle_since = time.monotonic()
        with self._lock:
            self._idle.putconn(connection)
            start, self._sweeping = not self._sweeping, True
        if start:
            threading.Thread(target=_sweep, args=(weakref.ref(self), self._idle_s), daemon=True, name="pool-idle").start()

    def _works(self, connection: Connection, left_s: float) -> bool:
        """A server that went away has said so on the socket; one that vanished without a word is asked."""
        poll = select.poll()  # not select.select, which knows only the first 1,024 files
        poll.register(connection.fileno(), select.POLLIN)
        if poll.poll(0):
            return False
        if time.monotonic() - connection.idle_since <= ASK_AFTER_S:
            return True
        return _answers(connection, min(ASK_S, left_s))

    def _lose(self, connection: Connection) -> None:
        """One connection broke: every older one is as likely to be dead, so none is lent again."""
        connection.close()
        with self._lock:
            self._figures.errors += 1
            if connection.age == self._age:
                self._age += 1
                self._idle.clear()

    def _connect(self, left_s: float) -> Connection:
        age = self._age
        try:
            connection = self._open(left_s)
        except psycopg2.OperationalError as error:
            with self._lock:
                self._figures.errors += 1
            raise PoolBusyError("The database cannot be reached.") from error
        connection.prepared = set()
        connection.process, connection.age, connection.idle_since = os.getpid(), age, time.monotonic()
        with self._lock:
            self._figures.opened += 1
        return connection

    def _open(self, left_s: float) -> Connection:
        bound: dict[str, Any] = {}
        if self._statement_ms:
            given = parse_dsn(self._dsn).get("options") or os.environ.get("PGOPTIONS", "")
            bound["options"] = f"{given} -c statement_timeout={self._statement_ms}"
        try:
            connection: Connection = psycopg2.connect(
                self._dsn, connection_factory=Connection, tcp_user_timeout=int(self._wait_s * 1000),
                connect_timeout=max(LEAST_CONNECT_S, int(left_s / self._hosts)), **_KEEPALIVE, **bound)  # it counts for each host
        except psycopg2.OperationalError as error:
            if not bound or "options" not in str(error):
                raise
            self._statement_ms = 0
            return self._open(left_s)
        connection.autocommit = True  # the driver sends no BEGIN of its own; api.transaction does
        if bound:
            with connection.cursor() as cursor:
                cursor.execute("SELECT current_setting('statement_timeout')::interval = %s * interval '1 ms'", (self._statement_ms,))
                connection.bounded = cursor.fetchone() == (True,)
            if not connection.bounded:
                self._statement_ms = 0
        return connection


def _answers(connection: Connection, within_s: float) -> bool:
    """Whether it does, in time. libpq would wait without end for a line that is open and silent, so its line is ended under it."""
    first = threading.Lock()  # of the two: the answer, and the end of the time
    with socket.socket(fileno=os.dup(connection.fileno())) as line:

        def end() -> None:
            if first.acquire(blocking=False):
                with suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(within_s, end)
        timer.daemon = True
        timer.start()
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            answered = True
        except psycopg2.Error:
            answered = False
        timer.cancel()
        if first.acquire(blocking=False):
            return answered
        timer.join()  # it may be about to
        return False


def _sweep(side: weakref.ref[Connections], idle_s: float) -> None:
    """Close what lies idle, traffic or none; ends with the last one, and with the pool."""
    while True:
        time.sleep(min(idle_s / 4, _LONGEST_NAP_S))
        if (pool := side()) is None:
            return
        pool.drop_idle(since_s=idle_s)
        with pool._lock:
            if not pool._idle.idle_connections:
                pool._sweeping = False
                return
        del pool
