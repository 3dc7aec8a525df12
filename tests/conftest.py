"""One embedded PostgreSQL for a test run, and a fresh migrated database for each test that asks."""
from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psutil
import psycopg2
import pytest

from builder.embedded import Server, ensure
from builder.migrate import migrate
from tests.site import Built

_NUMBERS = count(1)
# Nothing here outlives the run: durability would only cost time.
_CONF = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "64MB"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """How large the databases are on which plans are looked at: `make plans` asks for a million."""
    parser.addoption("--students", type=int, default=100_000, help="students of tests/api/test_plans.py (default: %(default)s)")
    parser.addoption("--videos", type=int, default=6_000, help="videos of tests/builder/test_plans.py (default: %(default)s)")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The run's own server."""
    with running() as server:
        yield server


@contextmanager
def running() -> Iterator[Server]:
    """A server while the block runs, and nothing of it afterwards."""
    with open_folder("lectern-tests-") as data, ensure(data, conf=_CONF, keeper=True) as server:
        yield server


@contextmanager
def open_folder(prefix: str) -> Iterator[Path]:
    """A new folder that the account which root lends to PostgreSQL can reach, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def _migrated(server: Server) -> str:
    return migrated(server)


def migrated(server: Server) -> str:
    """The name of a new migrated database that others are copied from."""
    name = "migrated"
    _on_server(server, f"CREATE DATABASE {name}")
    migrate(_dsn(server, name))
    return name


@pytest.fixture
def dsn(server: Server, _migrated: str) -> Iterator[str]:
    """The DSN of a fresh, migrated, empty database of this test's own."""
    with database(server, f"TEMPLATE {_migrated}") as dsn:
        yield dsn


@pytest.fixture
def empty_dsn(server: Server) -> Iterator[str]:
    """The DSN of a fresh database without any table."""
    with database(server, "") as dsn:
        yield dsn


@pytest.fixture(scope="session")
def server_programs(server: Server) -> Path:
    """The folder of PostgreSQL's own programs, of the server's version."""
    return Path(psutil.Process(server.pid).exe()).parent


def restore_dump(programs: Path, source: str, target: str) -> None:
    """What `pg_dump` says of the database at *source*, into the empty one at *target*; as docs/operations.md has it."""
    clean = {"PATH": os.environ["PATH"]}
    dump = subprocess.run([str(programs / "pg_dump"), "-Fc", source], check=True, capture_output=True, env=clean).stdout
    subprocess.run([str(programs / "pg_restore"), "--exit-on-error", "-d", target], check=True, input=dump, env=clean)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own settings must not steer a test."""
    for name in list(os.environ):
        if name.startswith(("LECTERN_", "DATABASE_", "AWS_", "REDIS_", "SMTP_")):
            monkeypatch.delenv(name)


@contextmanager
def database(server: Server, template: str) -> Iterator[str]:
    """The DSN of a fresh database, while the block runs; *template*: ``TEMPLATE name``, or "" for one without tables."""
    name = f"test_{os.getpid()}_{next(_NUMBERS)}"
    _on_server(server, f"CREATE DATABASE {name} {template} STRATEGY file_copy")
    try:
        yield _dsn(server, name)
    finally:
        _on_server(server, f"DROP DATABASE {name} WITH (FORCE)")


def _dsn(server: Server, name: str) -> str:
    return server.dsn.replace("/lectern?", f"/{name}?")


def _on_server(server: Server, statement: str) -> None:
    connection = psycopg2.connect(_dsn(server, "postgres"))
    connection.autocommit = True
    try:
        connection.cursor().execute(statement)
    finally:
        connection.close()


@pytest.fixture
def site(dsn: str, tmp_path: Path) -> Built:
    """An empty catalog and an empty store."""
    return Built(dsn, tmp_path)
