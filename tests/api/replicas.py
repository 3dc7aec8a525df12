"""Real PostgreSQL servers beside the run's own: one that may be stopped, backed up and followed, and what comes of its backups."""
from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import psycopg2

from builder.embedded.home import Home, home_of
from builder.embedded.postmaster import find, initialise, start, stop
from tests.conftest import open_folder
from tests.edge.servers import wait_until

CONF = {"fsync": "off", "shared_buffers": "32MB"}


class Running:
    """One server. It runs until it is stopped, and may be started again."""

    def __init__(self, home: Home, conf: Mapping[str, str]) -> None:
        self.home, self._conf = home, conf
        self.dsn = start(home, conf)

    def stop(self) -> None:
        """Stop it where it runs."""
        if running := find(self.home.cluster):
            stop(running)

    def start(self) -> None:
        """Start it again."""
        start(self.home, self._conf)

    def promote(self) -> None:
        """Have a standby take over."""
        with psycopg2.connect(self.dsn) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_promote(true, 30)")
            assert cursor.fetchone() == (True,)
        connection.close()

    def program(self, name: str, *arguments: str) -> None:
        """Run one of PostgreSQL's own programs against it, as the server's account."""
        subprocess.run([str(self.home.binaries / name), *arguments], check=True, cwd="/", stdout=subprocess.DEVNULL,
                       env={"PATH": os.environ["PATH"], "LC_ALL": "C"}, **self.home.account.run_as())


@contextmanager
def primary(conf: Mapping[str, str] = CONF) -> Iterator[Running]:
    """A server of the test's own, empty."""
    with open_folder("lectern-primary-") as folder:
        home = home_of(folder)
        initialise(home)
        running = Running(home, conf)
        try:
            yield running
        finally:
            running.stop()


@contextmanager
def backup(of: Running, *, standby: bool, conf: Mapping[str, str] = CONF) -> Iterator[Home]:
    """A base backup of a running server, as yet not started; *standby*: it will follow *of*."""
    with open_folder("lectern-backup-") as folder:
        home = home_of(folder)
        account = home.account
        home.cluster.mkdir(mode=0o700)
        if account.uid is not None and account.gid is not None:
            os.chown(home.cluster, account.uid, account.gid)
        of.program("pg_basebackup", "-h", parse_qs(urlsplit(of.dsn).query)["host"][0], "-U", "postgres", "-D", str(home.cluster),
                   "-X", "stream", "-c", "fast", *(["-R"] if standby else []))
        (home.cluster / ".s.PGSQL.5432.lock").unlink(missing_ok=True)  # the socket stands in the folder, and its lock is copied
        try:
            yield home
        finally:
            if running := find(home.cluster):
                stop(running)


@contextmanager
def replica(of: Running, conf: Mapping[str, str] = CONF) -> Iterator[Running]:
    """A hot standby that streams from *of*."""
    with backup(of, standby=True) as home:
        yield Running(home, conf)


def ask(dsn: str, statement: str) -> object:
    """The one value that *statement* answers, outside a transaction."""
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None
    finally:
        connection.close()


def wait_for_replay(of: Running, by: Running) -> None:
    """Until *by* has replayed all that *of* has written now."""
    at = ask(of.dsn, "SELECT pg_current_wal_lsn()")
    wait_until(lambda: ask(by.dsn, f"SELECT pg_last_wal_replay_lsn() >= '{at}'") is True, what="the replica")
