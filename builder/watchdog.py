"""The watch over a release's own connection: dead lines say nothing, libpq waits for ever, and no signal is handled while it does."""
from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import make_dsn

from builder.background import Background
from builder.connections import break_off

LOOK_EVERY_S = 10.0
DEAD_S = 90.0  # a release speaks to the database with each lot of pages, and waits a minute for a store at most
_GLANCE_S = 1.0

# Purpose: whether a session works, or was asked something not long ago.
_SPEAKS = """SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %(pid)s
    AND (state = 'active' OR state_change > clock_timestamp() - %(after)s * interval '1 second'))"""


class Watchdog(Background):
    """Breaks the connection of a release that the server has heard nothing of for DEAD_S, or that goes on *grace_s* after the
    worker was to stop."""

    def __init__(self, dsn: str, stopping: Callable[[], bool], grace_s: float) -> None:
        super().__init__("watchdog")
        self._stopping, self._grace_s = stopping, grace_s
        self._dsn = make_dsn(dsn, application_name="lectern watchdog")
        self._lock = threading.Lock()
        self._watched: tuple[int, int] | None = None  # the backend's process, and our end of the line

    @contextmanager
    def over(self, connection: Connection) -> Iterator[None]:
        """Watch over *connection* during the block."""
        self._watched = connection.info.backend_pid, connection.fileno()
        try:
            yield
        finally:
            with self._lock:
                self._watched = None

    def run(self) -> None:
        before = None
        next_s = LOOK_EVERY_S
        while not self.ending.wait(_GLANCE_S):
            if self._stopping():
                if not self.ending.wait(self._grace_s):
                    self._break(self._watched)
                continue
            next_s -= _GLANCE_S
            if next_s > 0:
                continue
            next_s = LOOK_EVERY_S
            watched = self._watched
            if watched and watched == before:  # a release that is done sooner is never asked about
                with suppress(psycopg2.Error):  # the database is away: the worker's own line will tell
                    self._look(watched)
            before = watched

    def _look(self, watched: tuple[int, int]) -> None:
        with closing(psycopg2.connect(self._dsn)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(_SPEAKS, {"pid": watched[0], "after": DEAD_S})
            speaks = cursor.fetchone() == (True,)
        if not speaks:
            self._break(watched)

    def _break(self, watched: tuple[int, int] | None) -> None:
        with self._lock:
            if watched and self._watched == watched:
                break_off(watched[1])
