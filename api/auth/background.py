"""What nobody waits for: mail is sent, and what has ended is swept away, by a thread with a connection of its own."""
from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import psycopg2
from psycopg2.extensions import connection as Connection

from api.auth import login_state, mailed, sessions
from api.auth.letters import Site
from api.auth.mail import Sender
from api.me import gone
from api.settings import ApiSettings

POLL_S = 1.0
SWEEP_S = 60 * 60.0
SLICE = 1000
_REST_S = 5.0
_CONNECT_S = 5
_log = logging.getLogger("lectern.background")


@contextmanager
def running(settings: ApiSettings, poll_s: float = POLL_S) -> Iterator[None]:
    """The thread, while the block runs; nothing without a database. Any number may run at once, on any number of machines."""
    if not (dsn := settings.shared.database_url):
        yield
        return
    stop = threading.Event()
    thread = threading.Thread(target=_run, args=(dsn, sender_of(settings), stop, poll_s), name="background", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(_REST_S)  # a mail that is with the server is finished; a hanging server's is tried again


def sender_of(settings: ApiSettings) -> Sender:
    """Who sends the mail of these settings."""
    shared = settings.shared
    return Sender(Site(shared.site_name, shared.base_url), settings.mail_from, settings.mail_server, shared.data / "mail")


def sweep(connection: Connection) -> int:
    """Deletes sessions, secrets and begun log-ins that have ended, and what names deleted videos, by slices; how many rows it were."""
    swept = 0
    for rows in (sessions.sweep, mailed.sweep, login_state.sweep):
        while True:
            with connection, connection.cursor() as cursor:
                done = rows(cursor, SLICE)
            swept += done
            if done < SLICE:
                break
    return swept + gone.sweep(connection)


def _run(dsn: str, sender: Sender, stop: threading.Event, poll_s: float) -> None:
    swept_at = -SWEEP_S
    while not stop.is_set():
        with suppress(psycopg2.Error), closing(psycopg2.connect(dsn, connect_timeout=_CONNECT_S)) as connection:
            while not stop.wait(poll_s):
                sender.send_due(connection)
                if time.monotonic() - swept_at >= SWEEP_S:
                    sweep(connection)
                    swept_at = time.monotonic()
            return
        _log.warning("background.database_away")
        stop.wait(_REST_S * (0.5 + random.random()))
