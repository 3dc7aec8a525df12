"""What nobody waits for: mail is sent, and what has ended is swept away, by a thread with a connection of its own.

Of the processes that serve one data folder one does it, the one that holds ``background.lock`` there; where it ends, however it
ends, another takes over. Machines do it side by side: each takes rows that no other one has.
"""
from __future__ import annotations

import logging
import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psycopg2
from psycopg2.extensions import connection as Connection

from api.auth import lanes, login_state, mail_tokens, sessions
from api.auth.mail_queue import Sender
from api.auth.mail_texts import Site
from api.me import orphans
from api.settings import ApiSettings

POLL_S = 1.0
SWEEP_S = 60 * 60.0
SLICE = 1000
LOCK = "background.lock"
_REST_S = 5.0
_CONNECT_S = 5
_log = logging.getLogger("lectern.background")


@contextmanager
def running(settings: ApiSettings, poll_s: float = POLL_S) -> Iterator[None]:
    """The thread, while the block runs, in as many processes as like; nothing without a database."""
    if not (dsn := settings.shared.database_url):
        yield
        return
    stop = threading.Event()
    thread = threading.Thread(target=_run, args=(dsn, sender_of(settings), settings.shared.data, stop, poll_s), name="background",
                              daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(_REST_S)  # a mail that is with the server is finished; a hanging server's is tried again


def sender_of(settings: ApiSettings) -> Sender:
    """Who sends the mail of these settings. Raises SettingsError where there is no catalog of the site's language."""
    shared = settings.shared
    site = Site(shared.site_name, shared.base_url, shared.language)
    site.gettext("")  # now, and not in a thread that nobody hears
    return Sender(site, settings.mail_from, settings.mail_server, shared.data / "mail")


def sweep(connection: Connection) -> int:
    """Deletes sessions, secrets and begun log-ins that have ended, and what names deleted videos, by slices; how many rows it were."""
    swept = 0
    for rows in (sessions.sweep, mail_tokens.sweep, login_state.sweep):
        while True:
            with connection, connection.cursor() as cursor:
                done = rows(cursor, SLICE)
            swept += done
            if done < SLICE:
                break
    return swept + orphans.sweep(connection)


def _run(dsn: str, sender: Sender, folder: Path, stop: threading.Event, poll_s: float) -> None:
    with _turn(folder, stop, poll_s):
        _work(dsn, sender, stop, poll_s)


@contextmanager
def _turn(folder: Path, stop: threading.Event, poll_s: float) -> Iterator[None]:
    """Wait until no other process of *folder* is at it, and keep them from it. A folder that cannot be written keeps nobody."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        yield
        return
    try:
        while not lanes.is_free(file) and not stop.wait(poll_s):
            pass
        yield
    finally:
        os.close(file)  # which lets go of it, as a kill does


def _work(dsn: str, sender: Sender, stop: threading.Event, poll_s: float) -> None:
    swept_at = -SWEEP_S
    while not stop.is_set():
        with suppress(psycopg2.Error), closing(psycopg2.connect(dsn, connect_timeout=_CONNECT_S)) as connection:
            with connection, connection.cursor() as cursor:
                sessions.end_restored(cursor)  # before a mail is sent that yesterday owed
            while not stop.wait(poll_s):
                sender.send_due(connection)
                if time.monotonic() - swept_at >= SWEEP_S:
                    sweep(connection)
                    swept_at = time.monotonic()
            return
        _log.warning("background.database_away")
        stop.wait(_REST_S * (0.5 + random.random()))
