"""One PostgreSQL server process: make its cluster, start it, find it, stop it.

A server is found by its ``postmaster.pid``, and that file is believed only where the process it
names is alive, is not a zombie, and works in that very cluster.
"""
from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import psutil

from builder.embedded.home import Account, Home
from edge.errors import LecternError

START_S = 60.0  # crash recovery included
STOP_S = 4.0  # fast shutdown, before it is made an immediate one; the whole stop stays under 10 s
SOCKET_BYTES = 103  # sun_path holds 108 on Linux, 104 on macOS, a NUL included
_SOCKET = ".s.PGSQL.5432"
_LOG_BYTES = 4_000_000

CONF: Mapping[str, str] = {
    # A socket in a folder of mode 0700 is the door; there is no other.
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    # For two cores beside a build that uses both.
    "shared_buffers": "128MB",
    "max_connections": "100",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "huge_pages": "off",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    # A catalog is a person's work: nothing is lost at a power cut.
    "fsync": "on",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}


class ServerError(LecternError):
    """The embedded server cannot be made, started or stopped; the message names its log."""


def initialise(home: Home) -> None:
    """Make the cluster (UTF-8, the builtin C.UTF-8 locale) where there is none; whole or not at all."""
    if (home.cluster / "PG_VERSION").exists():
        return
    fresh = home.cluster.with_name(home.cluster.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)  # left by a killed run
    fresh.mkdir(mode=0o700)
    if home.account.uid is not None and home.account.gid is not None:
        os.chown(fresh, home.account.uid, home.account.gid)
    command = [
        str(home.binaries / "initdb"), "-D", str(fresh), "-U", "postgres", "-A", "trust", "-E", "UTF8",
        "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
    ]  # fmt: skip
    how = home.account.run_as()
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", env=_environ(), check=False, **how)
    if done.returncode != 0:
        raise ServerError(f"PostgreSQL could not make its folder {fresh}: {done.stderr.strip()[-600:]}")
    fresh.rename(home.cluster)


def start(home: Home, conf: Mapping[str, str]) -> str:
    """Start a server in the foreground, in a session of its own; return its DSN when it answers.

    Its log is appended to ``home.log``. Raises ServerError with the log's last lines.
    """
    if home.log.exists() and home.log.stat().st_size > _LOG_BYTES:
        home.log.replace(home.log.with_suffix(".log.1"))
    sockets = _sockets(home)
    settings = {**CONF, **conf, "unix_socket_directories": '"' + str(sockets).replace('"', '""') + '"'}
    command = [str(home.binaries / "postgres"), "-D", str(home.cluster)]
    command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    deadline = time.monotonic() + START_S
    while True:
        _forget_the_dead(home.cluster, sockets)
        with home.log.open("ab") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", env=_environ(),
                start_new_session=True, umask=0o077, **home.account.run_as(),
            )  # fmt: skip
        dsn = dsn_of(sockets)
        try:
            while process.poll() is None and time.monotonic() < deadline:
                if (found := find(home.cluster)) and found.pid == process.pid and answers(dsn):
                    return dsn
                time.sleep(0.01)
        except BaseException:  # Ctrl-C while it starts: nobody would know of it
            process.send_signal(signal.SIGQUIT)
            process.wait(STOP_S)
            raise
        if process.poll() is None or time.monotonic() > deadline:
            process.kill()
            raise ServerError(f"PostgreSQL did not answer within {START_S:.0f} s. {_end_of(home.log)}")
        # A killed server's children may hold its shared memory for another moment.
        if "shared memory block" not in _end_of(home.log):
            raise ServerError(f"PostgreSQL did not start. {_end_of(home.log)}")
        time.sleep(0.1)


def wait_until_it_answers(cluster: Path) -> str | None:
    """The DSN of the server that runs in *cluster*, which may be in recovery; None where none runs or it hangs."""
    deadline = time.monotonic() + START_S
    while (dsn := dsn_of_running(cluster)) and time.monotonic() < deadline:
        if answers(dsn):
            return dsn
        time.sleep(0.05)
    return None


def find(cluster: Path) -> psutil.Process | None:
    """The first process of the server that runs in *cluster*; None where none is alive."""
    lines = _pid_file(cluster)
    try:
        process = psutil.Process(int(lines[0])) if lines else None
        return process if process and _works_in(process, cluster) else None
    except psutil.NoSuchProcess:
        return None


def dsn_of_running(cluster: Path) -> str | None:
    """The DSN of the server that runs in *cluster*, from its own pid file; None where none is ready."""
    lines = _pid_file(cluster)
    if len(lines) < 5 or not lines[4] or find(cluster) is None:
        return None
    return dsn_of(Path(lines[4]))


def dsn_of(sockets: Path) -> str:
    """A libpq URI by the folder of the server's socket; all of it stands there, so no PG* name steers it."""
    return f"postgresql://postgres@/lectern?host={quote(str(sockets), safe='')}&port=5432"


def answers(dsn: str) -> bool:
    """Whether a server takes connections there; makes the database where it is not yet."""
    import psycopg2
    from psycopg2.errors import DuplicateDatabase, UniqueViolation

    try:
        psycopg2.connect(dsn, connect_timeout=5).close()
    except psycopg2.OperationalError as e:
        if "too many clients" in str(e) or "connection slots" in str(e):
            return True
        if 'database "lectern" does not exist' not in str(e):
            return False
        connection = psycopg2.connect(dsn, dbname="template1", connect_timeout=5)
        connection.autocommit = True
        try:
            connection.cursor().execute("CREATE DATABASE lectern")
        except (DuplicateDatabase, UniqueViolation):
            pass
        finally:
            connection.close()
    return True


def stop(server: psutil.Process) -> None:
    """Stop it and wait for its end: fast, then immediate, then killed; 6 s in all."""
    family = _family(server)
    for how, patience_s in ((signal.SIGINT, STOP_S), (signal.SIGQUIT, 1.0), (signal.SIGKILL, 1.0)):
        for process in family if how is signal.SIGKILL else family[:1]:
            try:
                process.send_signal(how)
            except psutil.NoSuchProcess:
                continue
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            _reap(server.pid)
            if not is_alive(server):
                return
            time.sleep(0.01)
    raise ServerError(f"PostgreSQL (process {server.pid}) does not end, not even by SIGKILL.")


def is_alive(process: psutil.Process) -> bool:
    """Whether that very process still runs; a zombie does not, nor does a later one of the same id."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _sockets(home: Home) -> Path:
    """The folder of the socket: the cluster itself, or a short name where that is too long for one."""
    if len(os.fsencode(home.cluster / _SOCKET)) <= SOCKET_BYTES:
        return home.cluster
    for folder in _short(home.cluster):
        if len(os.fsencode(folder / _SOCKET)) > SOCKET_BYTES:
            continue
        _own(folder, home.account)
        return folder
    raise ServerError(f"{home.cluster} is too long for a socket, and so is the temporary folder: shorten LECTERN_DATA.")


def tidy(cluster: Path) -> None:
    """Remove the short-named folder of a socket, once its server is down."""
    for folder in _short(cluster):
        with suppress(OSError):  # none there, or not empty and so in use
            folder.rmdir()


def _short(cluster: Path) -> list[Path]:
    name = "lectern-" + hashlib.sha256(os.fsencode(cluster)).hexdigest()[:16]
    return [Path(tempfile.gettempdir()) / name, Path("/tmp") / name]


def _own(folder: Path, account: Account) -> None:
    """Make a private folder under a name that strangers may guess, and trust it only if it is ours."""
    uid = os.geteuid() if account.uid is None else account.uid
    try:
        folder.mkdir(mode=0o700)
        if account.uid is not None and account.gid is not None:
            os.chown(folder, account.uid, account.gid)
    except FileExistsError:
        found = folder.lstat()
        if folder.is_symlink() or found.st_uid != uid or found.st_mode & 0o077:
            raise ServerError(f"{folder} is not ours: remove it, or set TMPDIR to a folder of your own.") from None


def _pid_file(cluster: Path) -> list[str]:
    try:
        lines = (cluster / "postmaster.pid").read_text(errors="replace").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError as e:
        raise ServerError(f"{cluster} belongs to another account: run Lectern as the one that made it.") from e
    return [line.strip() for line in lines] if lines and lines[0].strip().isdigit() else []


def _works_in(process: psutil.Process, cluster: Path) -> bool:
    """A server's processes stand in the cluster's folder; a recycled pid or a zombie does not."""
    try:
        return is_alive(process) and Path(process.cwd()) == cluster
    except (psutil.Error, OSError):
        return False


def _family(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _forget_the_dead(cluster: Path, sockets: Path) -> None:
    """Remove what a killed server left, which PostgreSQL itself keeps while a zombie has that pid.

    First its last children must be gone: they still write to the cluster.
    """
    if not (cluster / "postmaster.pid").exists() or find(cluster) is not None:
        return
    deadline = time.monotonic() + START_S
    while left := [p.pid for p in psutil.process_iter() if _works_in(p, cluster)]:
        for pid in left:
            if time.monotonic() > deadline:
                raise ServerError(f"Process {pid} of a dead PostgreSQL still holds {cluster}: end it.")
        time.sleep(0.05)
    for name in (cluster / "postmaster.pid", sockets / _SOCKET, sockets / f"{_SOCKET}.lock"):
        name.unlink(missing_ok=True)


def _reap(pid: int) -> None:
    """Collect our own child's exit; others' children are their parents'."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _environ() -> dict[str, str]:
    """Nothing of the caller's locale, TZ or PG* names reaches the server."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _end_of(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 1500))
        return f"The end of {log}: {file.read().decode(errors='replace').strip()}"
