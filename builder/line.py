"""Database connections that may go dead without a word: after a failover behind a proxy, or a forgotten NAT entry."""
from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from psycopg2.extensions import connection as Connection

ANSWER_S = 5.0

PATIENCE: dict[str, Any] = {
    "connect_timeout": 5, "keepalives": 1, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
"""For psycopg2: the kernel finds a peer that is gone within a quarter of a minute, in the middle of a query too."""


@contextmanager
def answering(connection: Connection, within_s: float | None = None) -> Iterator[None]:
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
