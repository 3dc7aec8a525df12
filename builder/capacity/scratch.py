"""A site of its own to measure: database, sample catalog, students and server on loopback, in a folder that is gone afterwards."""
from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import psutil
import psycopg2

from builder.embedded import ensure
from builder.embedded.home import cluster_of
from builder.migrate import migrate
from edge.errors import LecternError

CATALOG = Path(__file__).parents[1] / "demo_catalog"
STUDENTS = 2_000
EMAIL, PASSWORD = "measured@school.example", "correct horse battery staple"
PROFILE = "1m"
_END_S = 10.0
# What each student has done: a place in every lecture, every seventh kept.
_STUDENTS = """INSERT INTO student.account (email) SELECT 'student-' || n || '@school.example' FROM generate_series(1, %(students)s) n"""
_SESSIONS = """INSERT INTO student.session (token_hash, account_id, expires_at)
    SELECT sha256(convert_to('s' || lpad(id::text, 43, '0'), 'UTF8')), id, now() + interval '1 day' FROM student.account"""
_PROGRESS = """INSERT INTO student.progress (account_id, video_id, position_s, at)
    SELECT a.id, v.id, (a.id * v.id) %% 3600, now() - interval '1 day' FROM student.account a, catalog.video v WHERE v.id <= %(videos)s"""
_BOOKMARKS = """INSERT INTO student.bookmark (account_id, video_id)
    SELECT a.id, v.id FROM student.account a, catalog.video v WHERE v.id % 7 = 0"""
PLACES = 60  # of each student


class MeasureError(LecternError):
    """The measurement could not be made; the message says which part did not work."""


class Scratch(NamedTuple):
    """What runs: the server's and PostgreSQL's processes, and where they answer."""

    dsn: str
    port: int
    server: psutil.Process
    database: psutil.Process
    tokens: list[str]
    videos: list[int]
    paths: list[str]  # of lectures' pages


@contextmanager
def scratch() -> Iterator[Scratch]:
    """A site that answers on a free port of loopback, while the block runs. Raises MeasureError."""
    folder = Path(tempfile.mkdtemp(prefix="lectern-measure-")).resolve()
    folder.chmod(0o755)  # the account that root lends to PostgreSQL is to reach it
    try:
        with ensure(folder / "database", conf={"shared_preload_libraries": "pg_stat_statements"}, keeper=True) as database:
            migrate(database.dsn)
            port = _free_port()
            env = _environment() | {"LECTERN_DATA": str(folder / "data"), "LECTERN_PORT": str(port), "LECTERN_PROFILE": PROFILE,
                                    "LECTERN_TRUSTED_PROXIES": "1", "DATABASE_URL": database.dsn}
            _run(env, "import", str(CATALOG))
            _run(env, "build")
            _run(env, "user", "add", EMAIL, "--password-stdin", stdin=PASSWORD + "\n")
            tokens, videos, paths = _fill(database.dsn)
            with _serving(env, port) as server:
                yield Scratch(database.dsn, port, server, psutil.Process(database.pid), tokens, videos, paths)
    finally:
        cluster = cluster_of(folder / "database")
        if not cluster.is_relative_to(folder):  # where TMPDIR is nobody else's, root's PostgreSQL got a folder of its own
            shutil.rmtree(cluster.parent, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


def _fill(dsn: str) -> tuple[list[str], list[int], list[str]]:
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION pg_stat_statements")
            cursor.execute(_STUDENTS, {"students": STUDENTS})
            cursor.execute(_SESSIONS)
            cursor.execute("SELECT id, '/videos/' || slug || '/' FROM catalog.video WHERE status = 'published' ORDER BY id")
            rows = cursor.fetchall()
            cursor.execute(_PROGRESS, {"videos": rows[min(PLACES, len(rows)) - 1][0]})
            cursor.execute(_BOOKMARKS)
            cursor.execute("VACUUM ANALYZE")
            cursor.execute("SELECT id FROM student.account WHERE email LIKE 'student-%' ORDER BY id")
            return [f"s{account:043d}" for (account,) in cursor.fetchall()], [row[0] for row in rows], [quote(row[1]) for row in rows]


@contextmanager
def _serving(env: Mapping[str, str], port: int) -> Iterator[psutil.Process]:
    process = subprocess.Popen(_command("serve"), env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                               text=True)
    try:
        assert process.stdout
        if not process.stdout.readline().startswith("ready "):
            raise MeasureError("`serve` did not start for the measurement: run it by hand to see why.")
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _run(env: Mapping[str, str], *command: str, stdin: str = "") -> None:
    done = subprocess.run(_command(*command), env=env, input=stdin, capture_output=True, text=True)
    if done.returncode not in (0, 1):  # the sample catalog has records that are refused
        raise MeasureError(f"`{command[0]}` failed for the measurement: {done.stderr.strip().splitlines()[-1:] or 'no word'}.")


def _command(*command: str) -> list[str]:
    return [sys.executable, os.path.abspath(sys.argv[0]), *command]


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("LECTERN_", "DATABASE_", "REDIS_", "SMTP_", "AWS_"))}


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
