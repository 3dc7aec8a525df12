"""A database from a backup: what had ended since stays ended, however the backup came; what merely restarts or takes over keeps all."""
from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2
import pytest

from api.app import create_app
from api.auth import mail_tokens, operator
from api.auth.session_cookie import hash_of
from api.settings import read_api_settings
from builder.embedded.home import Home
from builder.embedded.postmaster import find
from builder.migrate import migrate
from edge.settings import read_settings
from edge.store import open_store
from tests.api.auth.accounts import add, rows_of
from tests.api.auth.browser import Browser
from tests.api.replicas import CONF, Running, ask, backup, primary, replica, wait_for_replay
from tests.conftest import restore_dump

TOKEN, ENDED = "s" + "x" * 43, "s" + "y" * 43
RECOVERED = {**CONF, "restore_command": "false", "recovery_target": "immediate", "recovery_target_action": "promote"}


@pytest.fixture(scope="module")
def _running() -> Iterator[Running]:
    with primary() as running:
        migrate(running.dsn)
        add(running.dsn, password=None)
        yield running


@pytest.fixture
def own(_running: Running) -> Running:
    """A server that may be stopped, with Ada, who is signed in twice; one of the two sessions she will end after the backup."""
    if find(_running.home.cluster) is None:
        _running.start()
    _sign_in(_running.dsn)
    return _running


def _sign_in(dsn: str) -> None:
    for token in (TOKEN, ENDED):
        rows_of(dsn, """INSERT INTO student.session (token_hash, account_id, expires_at) VALUES (%s, 1, 'infinity')
            ON CONFLICT DO NOTHING""", hash_of(token))


@contextmanager
def _browser(dsn: str, folder: Path) -> Iterator[Browser]:
    """A browser at an instance that has just been started over *dsn*."""
    settings = read_api_settings({"LECTERN_DATA": str(folder), "DATABASE_URL": dsn})
    with closing(open_store(settings.shared.store)) as store:
        app = create_app(settings, store)
        yield Browser(app)
        app.extensions["lectern.pool"].close()


def _opens(dsn: str, token: str, folder: Path) -> bool:
    """Whether such an instance takes the cookie for a session."""
    with _browser(dsn, folder) as browser:
        browser.client.set_cookie("session", token, domain="127.0.0.1")
        return browser.who is not None


def test_a_restart_ends_no_session(own: Running, tmp_path: Path) -> None:
    own.stop()
    own.start()
    assert _opens(own.dsn, TOKEN, tmp_path)
    own.stop()
    own.start()
    assert _opens(own.dsn, ENDED, tmp_path)


def test_a_restored_dump_opens_to_no_session_of_before_nor_to_a_mailed_link(
        dsn: str, empty_dsn: str, server_programs: Path, tmp_path: Path) -> None:
    add(dsn)
    _sign_in(dsn)
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        secret = mail_tokens.make(cursor, "password", "ada@school.example", 1)
    restore_dump(server_programs, dsn, empty_dsn)
    assert rows_of(empty_dsn, "SELECT count(*) FROM student.session") == [(2,)], "the dump did hold them"
    with closing(psycopg2.connect(empty_dsn)) as connection, connection, connection.cursor() as cursor:
        assert mail_tokens.take(cursor, "password", secret) is None
    assert not _opens(empty_dsn, ENDED, tmp_path)
    assert _opens(dsn, ENDED, tmp_path), "the one that was dumped goes on"
    # What a cache holds of revisions that were given after the backup is nobody's.
    ((least,),) = rows_of(empty_dsn, "SELECT least_revision FROM student.database")
    assert least > 1_700_000_000
    with _browser(empty_dsn, tmp_path) as browser:
        assert browser.log_in().get_json()["revision"] >= least
        assert browser.who == "ada@school.example"


def test_another_server_of_the_same_numbers_opens_to_no_session(dsn: str, tmp_path: Path) -> None:
    add(dsn)
    _sign_in(dsn)
    rows_of(dsn, "UPDATE student.database SET server = '1', started = '-infinity'")
    assert not _opens(dsn, TOKEN, tmp_path)


def test_everybody_is_logged_out_by_a_command(dsn: str, tmp_path: Path) -> None:
    add(dsn)
    _sign_in(dsn)
    operator.end_sessions(read_settings({"LECTERN_DATA": str(tmp_path), "DATABASE_URL": dsn}))
    assert not _opens(dsn, TOKEN, tmp_path)


def test_a_recovery_to_a_point_in_time_opens_to_no_session_of_before(own: Running, tmp_path: Path) -> None:
    with backup(own, standby=False) as home:
        _signal(home, "recovery.signal")
        rows_of(own.dsn, "DELETE FROM student.session WHERE token_hash = %s", hash_of(ENDED))
        own.stop()
        restored = Running(home, RECOVERED)
        assert rows_of(restored.dsn, "SELECT count(*) FROM student.session") == [(2,)]
        assert not _opens(restored.dsn, ENDED, tmp_path)
        assert not _opens(restored.dsn, TOKEN, tmp_path)


def test_a_replica_that_takes_over_keeps_the_sessions(own: Running, tmp_path: Path) -> None:
    with replica(own) as standby:
        rows_of(own.dsn, "DELETE FROM student.session WHERE token_hash = %s", hash_of(ENDED))
        wait_for_replay(own, standby)
        own.stop()
        standby.promote()
        assert ask(standby.dsn, "SELECT pg_is_in_recovery()") is False
        assert _opens(standby.dsn, TOKEN, tmp_path)
        assert not _opens(standby.dsn, ENDED, tmp_path)


def _signal(home: Home, name: str) -> None:
    """What tells a server to recover from its archive, the account's own file."""
    file = home.cluster / name
    file.touch()
    if home.account.uid is not None and home.account.gid is not None:
        os.chown(file, home.account.uid, home.account.gid)

