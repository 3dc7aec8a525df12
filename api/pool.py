"""The database as the API asks it: a transaction at a time, on one of a bounded number of connections.

Safe behind PgBouncer in transaction mode: nothing is ever set on a session but as it is opened, which a pooler
refuses or ignores; there all is set in the transaction, by the message that opens it. No session locks, no LISTEN,
no cursors that are held.
"""
from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from flask import Flask, current_app

from api.connections import Connection, Connections, Figures
from api.errors import NoDatabaseError, PoolBusyError
from api.prepared import REFUSALS
from api.transaction import Cursor

EXTENSION = "lectern.pool"
WAIT_S = 10.0  # the guide's: waiting and connecting together
IDLE_S = 60.0  # the guide's
USES = 7_500  # the guide's
STATEMENT_MS = 5_000  # fifty times the target for a query
REPLICA_REST_S = 5.0  # a replica that failed is left alone so long


class Pool:
    """At most *share* connections to *dsn*, made when needed and shared by the threads of this process.

    *replica_dsn*: a second database that may take reads, with as many connections of its own. *wait_s*: how
    long a transaction may wait for its connection, connecting included. *idle_s*: how long one may lie idle.
    *uses*: transactions after which one is replaced. *statement_ms*: the longest statement. *observe* is told
    the seconds of every statement. *prepares* False: behind a pooler, where no plan and no setting is kept. The process may
    fork at any time: a child begins with none.
    """

    def __init__(self, dsn: str, *, share: int, replica_dsn: str | None = None, wait_s: float = WAIT_S,
                 idle_s: float = IDLE_S, uses: int = USES, statement_ms: int = STATEMENT_MS,
                 observe: Callable[[float], None] | None = None, prepares: bool = True) -> None:
        side = partial(Connections, share=share, wait_s=wait_s, idle_s=idle_s, uses=uses, statement_ms=statement_ms if prepares else 0)
        self._primary = side(dsn)
        self._replica = side(replica_dsn) if replica_dsn else None
        self._replica_from = 0.0
        self._wait_s = wait_s
        self._statement_ms = statement_ms
        self.observe = observe
        self._prepares = prepares
        self._refused: set[str] = set()

    @contextmanager
    def transaction(self, *, reads: bool = False) -> Iterator[Cursor]:
        """A cursor in one transaction: committed at its end, rolled back where it ends by an exception.

        *reads*: nothing is written, and what is read may be as old as the replica is behind. Raises
        PoolBusyError where no connection could be had, and what psycopg2 raises.
        """
        side, connection = self._lend(reads)
        try:
            cursor = connection.cursor(cursor_factory=Cursor)
            cursor.open_with(statement_ms=self._told_ms(connection), read_only=reads, observe=self.observe)
            try:
                yield cursor
                cursor.commit()
            except BaseException:
                cursor.roll_back()
                raise
        finally:
            side.take_back(connection)

    def read(self, sql: str, values: Mapping[str, Any] | tuple[Any, ...] | None = None, *, reads: bool = False,
             prepared: bool = False) -> list[tuple[Any, ...]]:
        """The rows of one statement that writes nothing, in a transaction of its own: one message to the server, not three.

        *reads*: it may be as old as the replica is behind. *prepared*: the connection keeps it planned; for what
        is asked all the time, with values by name, each of a type that the statement itself tells. Raises as
        ``transaction`` does.
        """
        side, connection = self._lend(reads)
        try:
            cursor = connection.cursor(cursor_factory=Cursor)
            cursor._observe = self.observe
            if prepared and self._prepares and sql not in self._refused:
                assert isinstance(values, Mapping)
                try:
                    return cursor.read_prepared(sql, values, statement_ms=self._told_ms(connection), prepared=connection.prepared)
                except REFUSALS:
                    self._refused.add(sql)
            return cursor.read_alone(sql, values, statement_ms=self._told_ms(connection))
        finally:
            side.take_back(connection)

    @property
    def figures(self) -> Figures:
        """What was done with the primary in this process."""
        return self._primary.figures

    @property
    def replica_figures(self) -> Figures | None:
        """What was done with the replica."""
        return self._replica.figures if self._replica else None

    def close(self) -> None:
        """Close what lies idle. The pool may be used again."""
        for side in (self._primary, self._replica):
            if side:
                side.drop_idle()

    def _told_ms(self, connection: Connection) -> int:
        """What a transaction has to say of its statements' longest time: 0 where the connection knows."""
        return 0 if connection.bounded else self._statement_ms

    def _lend(self, reads: bool) -> tuple[Connections, Connection]:
        if reads and self._replica and time.monotonic() >= self._replica_from:
            try:
                return self._replica, self._replica.lend(self._wait_s / 2)
            except PoolBusyError:
                self._replica_from = time.monotonic() + REPLICA_REST_S  # the primary serves as well
                return self._primary, self._primary.lend(self._wait_s / 2)
        return self._primary, self._primary.lend(self._wait_s)


def current() -> Pool:
    """The application's pool. Raises NoDatabaseError where it has none."""
    pool = current_app.extensions.get(EXTENSION)
    if not isinstance(pool, Pool):
        raise NoDatabaseError("There is no database here: only the site is served.")
    return pool


def init_app(app: Flask, pool: Pool | None) -> None:
    """Give *app* its pool."""
    if pool:
        app.extensions[EXTENSION] = pool
