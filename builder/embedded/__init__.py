"""A real PostgreSQL for one machine, in the folder LECTERN_DATA.

A command that needs a database calls :func:`ensure`: it gets the server that runs for that
folder, or starts one. Each user of a server holds a shared lock; who leaves last stops it. So a
server serves as long as anybody needs it and no longer, and the kernel gives a killed user's lock
back. Who keeps house (the demo) asks for ``keeper`` and stops it in any case.
"""
from __future__ import annotations

import fcntl
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from builder.embedded import postmaster
from builder.embedded.home import cluster_of, home_of
from edge.errors import LecternError

__all__ = ["DatabaseLost", "Server", "attach", "database", "ensure"]


class DatabaseLost(LecternError):
    """The database went away, or was never there."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: ``dsn`` is a libpq URI of its database, ``pid`` its first process."""

    dsn: str
    pid: int
    started: bool
    """False where it ran already: another command's, or one that a killed run left."""


@contextmanager
def ensure(data: Path, *, conf: Mapping[str, str] | None = None, keeper: bool = False) -> Iterator[Server]:
    """A server for the folder *data* while the block runs.

    *conf* are settings of postgresql.conf over ours, for a server that is started here. At the
    end the server is stopped within 10 s where nobody else uses it, and with *keeper* in any case.
    SIGTERM leaves through the block's end, as Ctrl-C does. Raises LecternError.
    """
    data.mkdir(parents=True, exist_ok=True)
    with _leaving_on_sigterm(), _lock(data, "users") as users:
        with _locked(data):
            fcntl.flock(users, fcntl.LOCK_SH)
            dsn = postmaster.wait_until_it_answers(cluster_of(data))
            started = dsn is None
            if dsn is None:
                dsn = _start(data, conf or {})
            process = postmaster.find(cluster_of(data))
        if process is None:
            raise DatabaseLost(f"PostgreSQL ended as soon as it had started; {data / 'postgres.log'} says why.")
        try:
            yield Server(dsn, process.pid, started)
        finally:
            with _undisturbed(), _locked(data):
                if keeper or _is_last(users):
                    postmaster.stop(process)
                    postmaster.tidy(cluster_of(data))


def attach(data: Path) -> str | None:
    """The DSN of the server that runs for *data*; None where none does. Starts and stops nothing."""
    dsn = postmaster.dsn_of_running(cluster_of(data))
    return dsn if dsn and postmaster.answers(dsn) else None


@contextmanager
def database(data: Path, url: str | None) -> Iterator[str]:
    """The DSN to work with: *url* (DATABASE_URL) where it is set, else the embedded server's.

    Raises DatabaseLost where the database cannot be reached or goes away.
    """
    from psycopg2 import Error

    from builder.connections import is_lost

    try:
        with nullcontext(url) if url else _embedded(data) as dsn:
            yield dsn
    except Error as e:
        if not is_lost(e):
            raise
        why = str(e).strip().partition("\n")[0]
        remedy = "Check DATABASE_URL, or DATABASE_DIRECT_URL where it is set" if url else f"See {data / 'postgres.log'}"
        raise DatabaseLost(f"The database does not answer: {why}. {remedy}, then run this again.") from e


@contextmanager
def _embedded(data: Path) -> Iterator[str]:
    with ensure(data) as server:
        yield server.dsn


def _start(data: Path, conf: Mapping[str, str]) -> str:
    home = home_of(data)
    if left := postmaster.find(home.cluster):
        postmaster.stop(left)  # by a killed run, and it does not answer
    postmaster.initialise(home)
    return postmaster.start(home, conf)


@contextmanager
def _lock(data: Path, name: str) -> Iterator[int]:
    try:
        file = os.open(data / f"postgres.{name}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except PermissionError as e:
        raise postmaster.ServerError(f"{data} belongs to another account: run Lectern as the one that made it.") from e
    try:
        yield file
    finally:
        os.close(file)


@contextmanager
def _locked(data: Path) -> Iterator[None]:
    """One at a time may start or stop; where the folder was removed, nobody else can."""
    with _lock(data, "lock") if data.exists() else nullcontext() as file:
        if file is None:
            yield
            return
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _is_last(users: int) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _undisturbed() -> Iterator[None]:
    """A second Ctrl-C waits until the server is down, which takes less than 10 s."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _leaving_on_sigterm() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _leave(signum: int, frame: FrameType | None) -> NoReturn:
    signal.signal(signum, signal.SIG_IGN)  # make sends it on to one who had it already
    raise SystemExit(128 + signum)
