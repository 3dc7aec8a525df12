"""Database connections: their transactions, and that they may go dead without a word, after a failover behind a proxy or a
forgotten NAT entry."""
from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from psycopg2 import DatabaseError, Error, InterfaceError, OperationalError
from psycopg2.extensions import connection as Connection

ANSWER_S = 5.0

KEEPALIVE: dict[str, Any] = {
    "connect_timeout": 5, "keepalives": 1, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
"""For psycopg2: the kernel finds a peer that is gone within a quarter of a minute, in the middle of a query too."""


def is_lost(error: Error) -> bool:
    """Whether it tells that the database went away, and no mistake of ours.

    Where the server crashed, its last word lies unread when the next question is sent; what libpq then says has no SQLSTATE, so
    psycopg2 raises DatabaseError itself, and does not take the connection for closed.
    """
    return isinstance(error, (OperationalError, InterfaceError)) or (type(error) is DatabaseError and error.pgcode is None)


def repeatable_read(connection: Connection) -> None:
    """Begin a transaction that sees one moment of the database."""
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def end_transaction(connection: Connection) -> bool:
    """Roll back what may be under way. False where the session has ended: then nothing is left of it, and whoever
    is on the way out keeps the reason that he has."""
    try:
        if not connection.closed:
            connection.rollback()
    except (DatabaseError, InterfaceError):
        if not connection.closed:
            raise
    return not connection.closed


@contextmanager
def deadline(connection: Connection, within_s: float | None = None) -> Iterator[None]:
    """Break the connection where the block's queries take longer (ANSWER_S), so that they raise OperationalError.

    libpq waits for ever for a proxy that takes all and passes nothing on.
    """
    timer = threading.Timer(ANSWER_S if within_s is None else within_s, break_off, (connection.fileno(),))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def break_off(fileno: int) -> None:
    """End the line of a connection from another thread, whatever waits for it."""
    with suppress(OSError), socket.socket(fileno=os.dup(fileno)) as line:  # closed meanwhile: nobody waits for it
        line.shutdown(socket.SHUT_RDWR)
