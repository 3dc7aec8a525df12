"""What tells that the database went away, and what is a mistake of ours."""
from __future__ import annotations

import os
import signal
from contextlib import closing

import psutil
import psycopg2
import pytest

from builder.connections import is_lost
from builder.embedded.home import home_of
from builder.embedded.postmaster import find, initialise, start, stop
from tests.conftest import open_folder


def test_what_libpq_says_without_a_sqlstate_is_a_lost_database() -> None:
    assert is_lost(psycopg2.DatabaseError("server closed the connection unexpectedly"))  # about each second crash is told so


def test_a_server_that_crashed_is_lost() -> None:
    with open_folder("lectern-crash-") as folder:
        home = home_of(folder)
        initialise(home)
        try:
            with closing(psycopg2.connect(start(home, {"fsync": "off"}))) as connection, connection.cursor() as cursor:
                backend = psutil.Process(connection.info.backend_pid)
                os.kill(backend.pid, signal.SIGQUIT)  # as all backends get it where one of them crashed
                backend.wait(10)
                with pytest.raises(psycopg2.DatabaseError) as raised:
                    cursor.execute("SELECT 1")
                assert is_lost(raised.value)
        finally:
            if left := find(home.cluster):
                stop(left)


@pytest.mark.parametrize("statement", ["SELEC 1", "SELECT 1 / 0", "SELECT * FROM there_is_none"])
def test_a_mistake_of_ours_is_none(empty_dsn: str, statement: str) -> None:
    with closing(psycopg2.connect(empty_dsn)) as connection, connection.cursor() as cursor:
        with pytest.raises(psycopg2.Error) as raised:
            cursor.execute(statement)
        assert not is_lost(raised.value)
        connection.rollback()
        cursor.execute("SET application_name = 'x'")
        with pytest.raises(psycopg2.Error) as raised:
            cursor.fetchall()  # there are no rows; it has no SQLSTATE either
        assert not is_lost(raised.value)
