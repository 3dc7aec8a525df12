"""A cursor that is one transaction, opened by its first statement's own message.

BEGIN, the transaction's settings and the first statement go to the server together, so a transaction costs
two messages, and a statement that is one by itself costs one. Nothing is set on the session that is open: behind
a pooler it would reach the next client.
"""
from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_IDLE, cursor

from api.prepared import statement

Observe = Callable[[float], None]


class Cursor(cursor):
    """psycopg2's cursor; ``execute`` and its like open the transaction where it is not open yet."""

    _opening = b""
    _observe: Observe | None = None

    def open_with(self, *, statement_ms: int, read_only: bool, observe: Observe | None) -> None:
        """Have the first statement begin a transaction. *statement_ms*: its statements' longest time; 0: as the connection has it."""
        self._opening = b"BEGIN%s; " % (b" READ ONLY" if read_only else b"") + _longest(statement_ms)
        self._observe = observe

    def execute(self, query: Any, vars: Any = None) -> None:
        """As psycopg2's."""
        begun = time.perf_counter()
        try:
            if not self._opening:
                super().execute(query, vars)
                return
            try:
                super().execute(self._opening + self.mogrify(query, vars))
            finally:
                self._see_whether_open()
        finally:
            if self._observe:
                self._observe(time.perf_counter() - begun)

    def executemany(self, query: Any, vars_list: Any) -> None:
        """As psycopg2's."""
        self._open()
        super().executemany(query, vars_list)

    def copy_expert(self, sql: Any, file: Any, size: int = 8192) -> None:
        """As psycopg2's."""
        self._open()
        super().copy_expert(sql, file, size)

    def read_alone(self, query: Any, vars: Any, *, statement_ms: int) -> list[tuple[Any, ...]]:
        """The rows of one statement that writes nothing: the statements of one message are one transaction."""
        self.execute(self._alone(statement_ms) + self.mogrify(query, vars))
        return self.fetchall()

    def read_prepared(self, query: str, vars: Mapping[str, Any], *, statement_ms: int, prepared: set[str]) -> list[tuple[Any, ...]]:
        """The same of a statement that the connection keeps planned; *prepared* names those that it has. Raises one of
        ``api.prepared.REFUSALS`` where it cannot be had so; then nothing was done."""
        known = statement(query)
        call = self.mogrify(known.execute, tuple(vars[name] for name in known.names))
        first = known.name not in prepared
        self.execute((known.prepare if first else b"") + self._alone(statement_ms) + call)
        prepared.add(known.name)
        return self.fetchall()

    @staticmethod
    def _alone(statement_ms: int) -> bytes:
        return b"SET TRANSACTION READ ONLY; " + _longest(statement_ms)

    def commit(self) -> None:
        """End the transaction, if any statement began one. Raises where an error was swallowed and nothing would be kept."""
        if self._opening or self.connection.get_transaction_status() == TRANSACTION_STATUS_IDLE:
            return
        super().execute("COMMIT")
        if self.statusmessage != "COMMIT":
            raise psycopg2.InternalError("The transaction had failed before its end: nothing of it was kept.")

    def roll_back(self) -> None:
        """Take everything back; a connection that is gone has done so."""
        if not self.connection.closed and self.connection.get_transaction_status() != TRANSACTION_STATUS_IDLE:
            with suppress(psycopg2.Error):
                super().execute("ROLLBACK")

    def _open(self) -> None:
        if self._opening:
            try:
                super().execute(self._opening)
            finally:
                self._see_whether_open()

    def _see_whether_open(self) -> None:
        # A statement that does not parse begins nothing: the next one still has to.
        if self.connection.get_transaction_status() != TRANSACTION_STATUS_IDLE:
            self._opening = b""


def _longest(statement_ms: int) -> bytes:
    return b"SET LOCAL statement_timeout = %d; " % statement_ms if statement_ms else b""
