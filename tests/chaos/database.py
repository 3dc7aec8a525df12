"""Connections whose statements are counted, and go wrong by script: the session ended before or after one, by a kill or the server."""
from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, TypeVar

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from tests.chaos.fate import Call, Fate

T = TypeVar("T")

UP_AGAIN_S = 30.0
_PREPARED = re.compile(r"\bq\d+\b")  # a statement's name tells how many came before, which is nothing of a call's own
_ABLE = frozenset(("error", "lost"))
connect = psycopg2.connect  # which no script governs


class Lines:
    """All connections that one builder has. error: the server ends the session before the statement; lost: after it, so
    that nobody knows whether it was done. With *crash* the server loses all its sessions and starts anew instead.
    """

    def __init__(self, dsn: str, fate: Fate, *, crash: bool = False) -> None:
        self.fate = fate
        self._dsn, self._crash = dsn, crash
        self._open: list[Line] = []

    @contextmanager
    def instead(self) -> Iterator[None]:
        """All that connects in the block does it through here; at the end each line is cut, as a kernel does for the dead."""
        psycopg2.connect = self.connect  # type: ignore[assignment]
        try:
            yield
        finally:
            psycopg2.connect = connect
            for line in self._open:
                line.cut()
            self._wait_until_gone([line.info.backend_pid for line in self._open])

    def connect(self, dsn: str, **how: Any) -> Connection:
        """As psycopg2.connect."""
        def make(dsn: str, **more: Any) -> Line:
            return Line(dsn, self, **more)

        self.fate.must_live()
        line: Line = connect(dsn, connection_factory=make, **how)
        self._open.append(line)
        return line

    def call(self, line: Line, what: str, key: str, action: Callable[[], T]) -> T:
        """What *action* returns."""
        fault = self.fate.meet(Call(what, key), _ABLE)
        if fault == "error":
            self._end(line)
        done = action()
        self.fate.past(fault)
        if fault == "lost":
            self._end(line)
        return done

    def _wait_until_gone(self, pids: list[int]) -> None:
        """Until the server has noticed: so that the next builder finds the lease free at its first question."""
        with closing(connect(self._dsn)) as admin, admin.cursor() as cursor:
            while True:
                cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = ANY(%s)", (pids,))
                if cursor.fetchone() == (0,):
                    return
                admin.rollback()  # its next look is a new one
                time.sleep(0.001)

    def _end(self, line: Line) -> None:
        """End the session, and raise what a statement then raises."""
        pid = line.info.backend_pid
        if line.closed:
            return
        if self._crash:
            crash(self._dsn, pid)
        else:
            with closing(connect(self._dsn)) as admin:
                admin.autocommit = True
                admin.cursor().execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))
        first: psycopg2.Error | None = None
        while not line.closed:
            try:
                Cursor(line).execute("SELECT 1")
            except psycopg2.Error as error:
                first = first or error
        assert first is not None
        raise first


class Line(Connection):
    """A connection that fate governs."""

    def __init__(self, dsn: str, lines: Lines, **more: Any) -> None:
        self.lines = lines
        super().__init__(dsn, **more)
        self.cursor_factory = Counted

    def commit(self) -> None:
        """Counted where it is one."""
        self._ended("commit", super().commit)

    def rollback(self) -> None:
        """Counted where it is one."""
        self._ended("rollback", super().rollback)

    def cut(self) -> None:
        """Close it, whoever is dead."""
        if not self.closed:
            self.close()

    def _ended(self, what: str, action: Callable[[], None]) -> None:
        if self.closed or self.info.transaction_status == TRANSACTION_STATUS_IDLE:
            self.lines.fate.must_live()
            action()
        else:
            self.lines.call(self, what, "", action)


class Counted(Cursor):
    """A cursor of such a connection."""

    def execute(self, query: Any, vars: Any = None) -> None:
        """Counted."""
        text = query if isinstance(query, str) else bytes(query).decode(errors="replace")
        text = _PREPARED.sub("q", " ".join(text.split()))[:60]
        self._line.lines.call(self._line, "sql", text, lambda: super(Counted, self).execute(query, vars))

    def copy_expert(self, sql: Any, file: Any, size: int = 8192) -> None:
        """Counted."""
        self._line.lines.call(self._line, "copy", str(sql), lambda: super(Counted, self).copy_expert(sql, file, size))

    @property
    def _line(self) -> Line:
        line = self.connection
        assert isinstance(line, Line)
        return line


def crash(dsn: str, pid: int) -> None:
    """Kill the process of one session of the server: it ends all others, recovers from its journal, and takes calls again.

    Where another session's crash took that one along, and nobody has asked it since, there is nothing to kill.
    """
    witness = connect(dsn)
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        witness.close()
        return
    end = time.monotonic() + UP_AGAIN_S
    while True:
        try:
            if witness.closed:
                connect(dsn).close()
                return
            witness.cursor().execute("SELECT 1")
        except psycopg2.Error:
            if time.monotonic() > end:
                raise
        time.sleep(0.02)
