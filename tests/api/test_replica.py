"""A streaming replica, tried for real; and twenty instances before one PostgreSQL, straight and through a pooler."""
from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Barrier

import pytest
from flask import Flask

from api import pool
from api.app import create_app
from api.errors import PoolBusyError
from api.pool import Pool
from api.settings import read_api_settings
from builder.embedded import Server
from builder.embedded.postmaster import find
from builder.migrate import migrate
from edge.store import open_store
from tests.api.poolers import pgbouncer
from tests.api.replicas import CONF, Running, ask, primary, replica, wait_for_replay
from tests.api.students import Student, fill
from tests.edge.servers import wait_until

INSTANCES, SHARE = 20, 5
MOST = 25
"""max_connections: a quarter of what the instances may want together, as 2,000 would be of a million students' database."""


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Running, Running]]:
    with primary() as first:
        migrate(first.dsn)
        fill(first.dsn)
        with replica(first) as second:
            yield first, second


@pytest.fixture
def app(pair: tuple[Running, Running], tmp_path: Path) -> Iterator[Flask]:
    first, second = pair
    settings = read_api_settings({"LECTERN_DATA": str(tmp_path), "DATABASE_URL": first.dsn, "DATABASE_REPLICA_URL": second.dsn})
    with closing(open_store(settings.shared.store)) as store:
        app = create_app(settings, store)
        yield app
        app.extensions[pool.EXTENSION].close()


def _read_by_replica(app: Flask) -> int:
    """Whether the replica was asked: its connections in use before the primary's are told apart by being opened."""
    figures = app.extensions[pool.EXTENSION].replica_figures
    assert figures is not None
    return int(figures.opened)


def _looked_up(server: Running) -> int:
    """How often bookmarks were looked up there."""
    found = ask(server.dsn, "SELECT coalesce(seq_scan, 0) + coalesce(idx_scan, 0) FROM pg_stat_user_tables WHERE relname = 'bookmark'")
    assert isinstance(found, int)
    return found


def test_a_students_own_write_is_seen_at_once_though_the_replica_stands_still(app: Flask, pair: tuple[Running, Running]) -> None:
    first, second = pair
    ada = Student(first.dsn, app)
    wait_for_replay(first, second)
    assert ada.says("/overlay?videos=1")["progress"] == []
    assert _read_by_replica(app) == 1, "what may be late is asked of the replica"
    ask(second.dsn, "SELECT pg_wal_replay_pause()")
    try:
        for place in (5.0, 7.0):
            at_ms = 1_700_000_000_000 + int(place)
            ada.write("POST", "/progress", {"videos": [{"video": 1, "position_s": place, "at_ms": at_ms}]})
            (seen,) = ada.says("/overlay?videos=1")["progress"]
            assert seen["position_s"] == place
        assert ask(second.dsn, f"SELECT count(*) FROM student.progress WHERE account_id = {ada.id}") == 0, "it did stand still"
    finally:
        ask(second.dsn, "SELECT pg_wal_replay_resume()")


def test_what_the_replica_knows_is_read_there_and_its_end_is_nobodys_loss(app: Flask, pair: tuple[Running, Running]) -> None:
    first, second = pair
    bob = Student(first.dsn, app)
    bob.write("PUT", "/bookmarks/3")
    wait_for_replay(first, second)
    before = _looked_up(second)
    assert bob.says("/overlay?videos=3")["bookmarks"] == [3]
    assert _read_by_replica(app) == 1
    app.extensions[pool.EXTENSION].close()  # at its end at the latest a session tells what it did
    wait_until(lambda: _looked_up(second) > before, within_s=10, what="the replica's own word that it was asked")
    second.stop()
    try:
        bob.write("PUT", "/bookmarks/1")
        assert bob.says("/overlay?videos=1,3")["bookmarks"] == [1, 3]
        assert bob.says("/overlay?videos=1,2,3")["bookmarks"] == [1, 3], "and the next asks the primary without trying"
    finally:
        second.start()
    assert ask(second.dsn, "SELECT pg_is_in_recovery()") is True


def test_twenty_instances_break_a_small_server_and_a_pooler_before_it_carries_them() -> None:
    with primary(CONF | {"max_connections": str(MOST)}) as server, ExitStack() as stack:
        def rush(dsn: str) -> tuple[int, int]:
            """All connections of all instances at once: how many had their answer, and how many sessions the server had at most."""
            pools = [Pool(dsn, share=SHARE, wait_s=4.0, prepares=False) for _ in range(INSTANCES)]
            together = Barrier(INSTANCES * SHARE)
            most = 0

            def one(number: int) -> bool:
                nonlocal most
                together.wait(30)
                try:
                    with pools[number % INSTANCES].transaction() as cursor:
                        cursor.execute("SELECT pg_sleep(0.05)")  # held for a while, so that many are wanted at once
                        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
                        ((sessions,),) = cursor.fetchall()
                        most = max(most, int(sessions))
                except PoolBusyError:
                    return False
                return True

            with ThreadPoolExecutor(INSTANCES * SHARE) as threads:
                answered = sum(threads.map(one, range(INSTANCES * SHARE)))
            for each in pools:
                each.close()
            return answered, most

        refused = INSTANCES * SHARE - rush(server.dsn)[0]
        assert refused > 0, "without a pooler the server has no connection for some"
        process = find(server.home.cluster)
        assert process is not None
        through = stack.enter_context(pgbouncer(server.dsn, Server(server.dsn, process.pid, False), size=MOST - 10))
        answered, most = rush(through)
        assert answered == INSTANCES * SHARE
        assert most <= MOST - 10
