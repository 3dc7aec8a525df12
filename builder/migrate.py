"""Brings a database up: the migrations of all rooms, in one order, under one lock.

Plain SQL files with a rollback beside each, kept by yoyo-migrations. Its lock is a row that
outlives a killed run, so ours is an advisory lock that the server gives back by itself; and a
migration is applied and noted in one transaction, so a kill between the two cannot part them.
"""
from __future__ import annotations

import glob
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import psycopg2

from edge.errors import LecternError

if TYPE_CHECKING:
    from yoyo.migrations import Migration

_TOP = Path(__file__).resolve().parents[1]
FOLDERS = tuple(_TOP / name for name in ("builder/catalog/schema", "builder/schema", "api/schema"))
_TABLE = "_yoyo_migration"
_LOCK = 0x4C65_6374_6572_6E  # "Lectern"
_GLANCE_S = 0.05
_LOCK_WAIT_S = 120  # longer than a migration of a big table is expected to take

State = Literal["empty", "current", "older", "newer"]


class SchemaError(LecternError):
    """The database's schema does not fit this Lectern, or could not be brought up."""


def state(dsn: str) -> State:
    """How the database stands to this Lectern's migrations; "newer" where it knows one that we do not."""
    with closing(_connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (_TABLE,))
        if cursor.fetchone() == (False,):
            return "empty"
        cursor.execute(f"SELECT migration_id FROM {_TABLE}")
        applied = {row[0] for row in cursor}
    known = {name.name.removesuffix(".sql") for name in _files()}
    if not applied:
        return "empty"
    if not applied <= known:
        return "newer"
    return "current" if applied == known else "older"


def migrate(dsn: str) -> list[str]:
    """Apply what is missing; return the names applied, in order. Safe to call from many at once.

    *dsn* must lead to the primary itself, not through a pooler: the lock is the session's.
    """
    with _backend(dsn) as backend:
        missing = list(backend.to_apply(_migrations()))
        for migration in missing:
            _one(backend, migration, "apply")
    return [migration.id for migration in missing]


def roll_back(dsn: str, count: int | None = None) -> list[str]:
    """Take back the newest *count* migrations, or all; return their names, newest first."""
    with _backend(dsn) as backend:
        applied = list(backend.to_rollback(_migrations()))[:count]
        for migration in applied:
            _one(backend, migration, "rollback")
    return [migration.id for migration in applied]


def make_ready(dsn: str) -> None:
    """Migrate an empty database; raise SchemaError, naming the remedy, for one that does not fit."""
    match state(dsn):
        case "empty":
            migrate(dsn)
        case "older":
            raise SchemaError("The database is from an older Lectern: run `python build.py migrate`.")
        case "newer":
            raise SchemaError("The database was brought up by a newer Lectern: run that one, or use another database.")


def _files() -> list[Path]:
    files = [file for folder in FOLDERS for file in folder.glob("*.sql")]
    return [file for file in files if not file.name.endswith(".rollback.sql")]


def _connect(dsn: str) -> psycopg2.extensions.connection:
    try:
        return psycopg2.connect(dsn, connect_timeout=10)
    except (psycopg2.OperationalError, psycopg2.ProgrammingError) as e:  # the latter for an address that is none
        # libpq shows the address, or the part that it cannot read: it may be the password.
        why = _first_line(e) if "invalid dsn" not in str(e) else _first_line(e).partition(': "')[0]
        raise SchemaError(f"Cannot reach the database: {why}. Check DATABASE_URL, or DATABASE_DIRECT_URL where it is set.") from e


def _first_line(e: psycopg2.Error) -> str:
    return str(e).strip().partition("\n")[0]


def _migrations() -> Any:
    from yoyo import read_migrations

    return read_migrations(*(glob.escape(str(folder)) for folder in FOLDERS))


@contextmanager
def _backend(dsn: str) -> Iterator[Any]:
    """yoyo's own way to the database, over one connection that holds the lock."""
    from yoyo.backends.core.postgresql import PostgresqlBackend

    class Backend(PostgresqlBackend):  # type: ignore[misc]
        def connect(self, dburi: object) -> psycopg2.extensions.connection:
            connection = _connect(dsn)
            connection.autocommit = True
            return connection

        def list_tables(self) -> list[str]:
            rows = self.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema")
            return [row[0] for row in rows]

        @contextmanager
        def lock(self, timeout: float = 0) -> Iterator[None]:
            yield  # held by the session already

        def get_log_data(self, migration: Migration | None = None, operation: str = "apply") -> dict[str, object]:
            # yoyo asks for the user's and the host's names, which may be unknown or take a DNS timeout.
            return {
                "id": str(uuid.uuid4()),
                "migration_id": migration and migration.id,
                "migration_hash": migration and migration.hash,
                "username": "",
                "hostname": "",
                "created_at_utc": datetime.now(UTC).replace(tzinfo=None),
                "operation": operation,
            }

    backend = Backend(None, _TABLE)
    try:
        # Asked again and again: while libpq waits, Ctrl-C would not be heard.
        end = time.monotonic() + _LOCK_WAIT_S
        while backend.execute(f"SELECT pg_try_advisory_lock({_LOCK})").fetchone() != (True,):
            if time.monotonic() > end:
                raise SchemaError(f"Another migration of this database has been running for {_LOCK_WAIT_S} s: wait for it, or end it.")
            time.sleep(_GLANCE_S)
        yield backend
    finally:
        backend.connection.close()


def _one(backend: Any, migration: Migration, direction: Literal["apply", "rollback"]) -> None:
    note = backend.mark_one if direction == "apply" else backend.unmark_one
    backend.ensure_internal_schema_updated()
    migration.load()
    try:
        if migration.use_transactions:
            with backend.transaction():
                migration.process_steps(backend, direction)
                note(migration)
        else:
            migration.process_steps(backend, direction)
            with backend.transaction():
                note(migration)
    except psycopg2.Error as e:
        raise SchemaError(f"Migration {migration.id} failed, and nothing of it was kept: {_first_line(e)}") from e
