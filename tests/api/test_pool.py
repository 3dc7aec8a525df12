"""The pool: never more than its share, one deadline, no dead connection lent, nothing set that outlives a transaction."""
from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from api import connections
from api.app import create_app
from api.connections import ASK_AFTER_S, ASK_S, LEAST_CONNECT_S, Connections
from api.errors import PoolBusyError
from api.pool import Pool, current
from api.settings import read_api_settings
from api.transaction import Cursor
from builder.embedded import Server
from builder.embedded.home import home_of
from builder.embedded.postmaster import find, initialise, start, stop
from edge.store import open_store
from tests.api.poolers import KINDS, pgbouncer
from tests.conftest import open_folder
from tests.edge.servers import wait_until
from tests.proxy import proxy

SHARE = 3
PID = "SELECT pg_backend_pid()"


@pytest.fixture(params=KINDS)
def through(request: pytest.FixtureRequest, empty_dsn: str, server: Server) -> Iterator[str]:
    """A database: straight, and through a PgBouncer that has one connection for all."""
    if request.param == "direct":
        yield empty_dsn
        return
    with pgbouncer(empty_dsn, server) as dsn:
        yield dsn


def test_a_transaction_is_kept_at_its_end_and_undone_by_an_exception(through: str) -> None:
    pool = Pool(through, share=SHARE)
    with pool.transaction() as cursor:
        cursor.execute("CREATE TABLE t (n int)")
        cursor.execute("INSERT INTO t VALUES (%s)", (1,))
    with suppress(ZeroDivisionError), pool.transaction() as cursor:
        cursor.execute("INSERT INTO t VALUES (2)")
        raise ZeroDivisionError
    with suppress(ZeroDivisionError), pool.transaction() as cursor:
        cursor.executemany("INSERT INTO t VALUES (%s)", [(3,), (4,)])
        raise ZeroDivisionError
    assert pool.read("SELECT n FROM t") == [(1,)]
    pool.close()


def test_a_failure_that_was_swallowed_is_not_taken_for_kept(through: str) -> None:
    pool = Pool(through, share=SHARE)
    with pytest.raises(psycopg2.InternalError, match="nothing of it was kept"):
        swallow(pool)
    with pool.transaction() as cursor:
        with suppress(psycopg2.Error):
            cursor.execute("this begins nothing")
        cursor.execute("SELECT 1")
        cursor.execute("SELECT now() <> statement_timestamp()")  # still one transaction
        assert cursor.fetchone() == (True,)
    pool.close()


def test_settings_hold_in_the_transaction_and_reach_no_other_client(through: str) -> None:
    pool = Pool(through, share=SHARE, statement_ms=111)
    for ask in (pool.read, lambda sql: in_transaction(pool, sql, reads=True)):
        assert ask("SELECT current_setting('statement_timeout'), current_setting('transaction_read_only')") == [("111ms", "on")]
    assert in_transaction(pool, "SHOW transaction_read_only") == [("off",)]
    with pytest.raises(psycopg2.errors.QueryCanceled):
        pool.read("SELECT pg_sleep(5)")
    with pytest.raises(psycopg2.errors.QueryCanceled):
        in_transaction(pool, "SELECT pg_sleep(5)")
    with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
        pool.read("CREATE TABLE t ()")
    with closing(psycopg2.connect(through)) as other, other.cursor() as cursor:
        cursor.execute("SELECT current_setting('statement_timeout'), current_setting('transaction_read_only')")
        assert cursor.fetchone() == ("0", "off")
    pool.close()


def test_there_are_never_more_sessions_than_the_share(empty_dsn: str) -> None:
    pool = Pool(empty_dsn, share=SHARE)
    most = 0
    with ThreadPoolExecutor(SHARE + 5) as threads, closing(psycopg2.connect(empty_dsn)) as watcher:
        watcher.autocommit = True
        for _ in range(10):
            asked = [threads.submit(pool.read, "SELECT pg_sleep(0.01)") for _ in range(SHARE + 5)]
            while not all(one.done() for one in asked):
                most = max(most, sessions(watcher))
            assert [one.result() for one in asked] == [[("",)]] * len(asked)
            pool.close()
            wait_until(lambda: sessions(watcher) == 0)  # a server takes a moment to see that a client left
    assert 1 <= most <= SHARE
    assert pool.figures.opened > SHARE
    assert pool.figures.waits > 0


def test_a_silent_database_keeps_nobody_from_giving_back_and_is_given_up_in_time(empty_dsn: str) -> None:
    side = Connections(empty_dsn, share=2, wait_s=2.5, idle_s=60, uses=100)
    held = side.lend(1)
    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor(1) as other:
        side._dsn = f"host=127.0.0.1 port={silent.getsockname()[1]} user=x dbname=x sslmode=disable gssencmode=disable"
        begun = time.monotonic()
        waiting = other.submit(side.lend, 2.5)
        wait_until(lambda: side.figures.in_use == 2)
        giving = time.monotonic()
        side.take_back(held)
        assert time.monotonic() - giving < 0.05
        with pytest.raises(PoolBusyError):
            waiting.result()
        assert time.monotonic() - begun < 3.5
    assert side.figures.in_use == 0


@pytest.mark.parametrize("new_lines", ["work", "say nothing"])
def test_a_relay_that_falls_silent_costs_no_more_than_the_wait(empty_dsn: str, new_lines: str) -> None:
    """Its lines stay open and take what is sent, so neither the system nor libpq ever finds out."""
    with proxy(empty_dsn) as relay, socket.create_server(("127.0.0.1", 0)) as silent:
        side = Connections(relay.dsn, share=2, wait_s=10, idle_s=60, uses=100)
        for held in [side.lend(5), side.lend(5)]:
            side.take_back(held)
            held.idle_since -= 2 * ASK_AFTER_S
        relay.swallow()
        begun = time.monotonic()
        if new_lines == "work":
            fresh = side.lend(10)
            assert time.monotonic() - begun < ASK_S + LEAST_CONNECT_S, "the second was not asked after the first"
            with fresh.cursor() as cursor:
                cursor.execute("SELECT 1")
            side.take_back(fresh)
        else:
            side._dsn = f"host=127.0.0.1 port={silent.getsockname()[1]} user=x dbname=x sslmode=disable gssencmode=disable"
            with pytest.raises(PoolBusyError):
                side.lend(3)
            assert time.monotonic() - begun < 4.0
        assert side.figures.in_use == 0
        side.drop_idle()


def test_a_connection_that_answers_in_time_is_not_cut_off_later(empty_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "ASK_S", 0.1)
    side = Connections(empty_dsn, share=1, wait_s=10, idle_s=60, uses=100)
    held = side.lend(5)
    side.take_back(held)
    held.idle_since -= 2 * ASK_AFTER_S
    assert side.lend(5) is held
    with held.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.3)")
    side.take_back(held)
    assert side.figures.errors == 0
    side.drop_idle()


def test_the_time_to_connect_is_divided_among_the_hosts() -> None:
    side = Connections("host=a,b,c dbname=x", share=1, wait_s=9, idle_s=60, uses=100)
    assert side._hosts == 3


def test_who_waits_too_long_is_told_when_to_come_back(empty_dsn: str, tmp_path: Path) -> None:
    settings = read_api_settings({"LECTERN_DATA": str(tmp_path), "DATABASE_URL": empty_dsn})
    with closing(open_store(settings.shared.store)) as store:
        app = create_app(settings, store)
        pool = Pool(empty_dsn, share=1, wait_s=0.2)
        app.extensions["lectern.pool"] = pool

        @app.get("/api/v1/ask")
        def ask() -> str:
            return str(current().read("SELECT 1"))

        assert app.test_client().get("/api/v1/ask").status_code == 200
        with pool.transaction() as cursor:
            cursor.execute("SELECT 1")
            answer = app.test_client().get("/api/v1/ask")
        assert (answer.status_code, answer.content_type, answer.headers["Retry-After"]) == (503, "application/problem+json", "5")
        assert app.test_client().get("/api/v1/ask").status_code == 200
        assert (pool.figures.refused, pool.figures.in_use) == (1, 0)
        pool.close()


def test_an_instances_share_is_divided_among_its_processes(tmp_path: Path) -> None:
    def share(**more: str) -> int:
        return read_api_settings({"LECTERN_DATA": str(tmp_path), "REDIS_URL": "redis://x", **more}).connections

    assert share() == 50
    assert share(LECTERN_API_PROCESSES="4") == 12
    assert share(LECTERN_API_PROCESSES="2", LECTERN_PROFILE="1m") == 50


def test_a_restart_costs_none_of_the_requests_after_it() -> None:
    with open_folder("lectern-restart-") as folder:
        home = home_of(folder)
        initialise(home)
        pool = Pool(start(home, {"fsync": "off"}), share=20)
        try:
            barrier = threading.Barrier(20)

            def meet() -> None:
                with pool.transaction() as cursor:
                    cursor.execute("SELECT 1")
                    barrier.wait(10)

            together(meet, 20)
            assert pool.figures.idle == 20
            running = find(home.cluster)
            assert running is not None
            stop(running)
            start(home, {"fsync": "off"})
            assert [pool.read("SELECT 1") for _ in range(40)] == [[(1,)]] * 40
            pool.close()
        finally:
            if left := find(home.cluster):
                stop(left)


def test_one_broken_connection_ends_all_older_ones(empty_dsn: str) -> None:
    side = Connections(empty_dsn, share=4, wait_s=5, idle_s=60, uses=100)
    first, second, third = (side.lend(5) for _ in range(3))
    side.take_back(first)
    kill(empty_dsn, second)
    with pytest.raises(psycopg2.OperationalError):
        second.cursor().execute("SELECT 1")
    side.take_back(second)
    side.take_back(third)
    assert (first.closed, third.closed, side.figures.idle) == (1, 1, 0)


def test_a_server_that_dies_before_the_give_back_raises_nothing_and_loses_no_slot(empty_dsn: str) -> None:
    side = Connections(empty_dsn, share=1, wait_s=5, idle_s=60, uses=100)
    for dirty in (False, True):
        connection = side.lend(5)
        if dirty:
            connection.cursor().execute("BEGIN")
        kill(empty_dsn, connection)
        side.take_back(connection)
        assert side.figures.in_use == 0


def test_no_slot_is_lost_by_any_end_of_a_transaction(empty_dsn: str) -> None:
    pool = Pool(empty_dsn, share=SHARE)

    def ask(number: int) -> None:
        with suppress(psycopg2.Error, ZeroDivisionError), pool.transaction(reads=number % 2 == 0) as cursor:
            if number % 5 == 0:
                cursor.execute("SELECT 1 / 0")
            if number % 7 == 0:
                raise ZeroDivisionError
            if number % 501 == 0:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            cursor.execute("SELECT 1")

    with ThreadPoolExecutor(SHARE + 2) as threads:
        list(threads.map(ask, range(10_000)))
    assert pool.figures.in_use == 0
    assert pool.figures.errors > 0
    pool.close()


def test_idle_connections_are_closed_without_any_traffic(empty_dsn: str) -> None:
    pool = Pool(empty_dsn, share=SHARE, idle_s=0.3)
    for _ in range(2):
        pool.read("SELECT 1")
        with closing(psycopg2.connect(empty_dsn)) as watcher:
            watcher.autocommit = True
            assert sessions(watcher) == 1
            wait_until(lambda: sessions(watcher) == 0, within_s=5)
        assert pool.figures.idle == 0


def test_a_connection_is_replaced_after_its_uses(empty_dsn: str) -> None:
    pool = Pool(empty_dsn, share=1, uses=3)
    pids = [pool.read(PID)[0][0] for _ in range(6)]
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [3, 3]
    pool.close()


def test_a_forked_child_has_connections_of_its_own(empty_dsn: str) -> None:
    pool = Pool(empty_dsn, share=1)
    mine = pool.read(PID)
    with pool.transaction() as held:
        held.execute("SELECT 1")
        theirs = in_child(lambda: pool.read(PID))
        held.execute("SELECT pg_backend_pid()")  # still ours, and still one answer a question
        assert held.fetchall() == mine
    assert theirs != str(mine)
    assert theirs.startswith("[(")
    assert pool.read(PID) == mine
    pool.close()


def test_reads_go_to_the_replica_and_to_the_primary_when_it_is_away(dsn: str, empty_dsn: str) -> None:
    name = "SELECT current_database()"
    pool = Pool(dsn, replica_dsn=empty_dsn, share=1)
    primary, replica = database_of(dsn), database_of(empty_dsn)
    assert (pool.read(name, reads=True), in_transaction(pool, name, reads=True)) == ([(replica,)], [(replica,)])
    assert (pool.read(name), in_transaction(pool, name)) == ([(primary,)], [(primary,)])
    gone = Pool(dsn, replica_dsn="postgresql://nobody@127.0.0.1:1/x", share=1)
    assert [gone.read(name, reads=True) for _ in range(2)] == [[(primary,)]] * 2
    assert gone.replica_figures is not None
    assert gone.replica_figures.errors == 1  # then it is left alone for a while
    pool.close()
    gone.close()


def swallow(pool: Pool) -> None:
    with pool.transaction() as cursor, suppress(psycopg2.DataError):
        cursor.execute("SELECT 1 / 0")


def test_what_is_asked_all_the_time_is_planned_once_a_connection(empty_dsn: str) -> None:
    sent: list[bytes] = []
    pool = Pool(empty_dsn, share=1, uses=3)
    for number in range(5):
        with watched(sent):
            assert pool.read("SELECT %(n)s + 1, '%%', %(n)s * 2", {"n": number}, prepared=True) == [(number + 1, "%", number * 2)]
    assert [b"PREPARE" in one for one in sent] == [True, False, False, True, False]
    assert pool.read("SELECT current_setting('statement_timeout'), current_setting('transaction_read_only')", {}, prepared=True) == [
        ("5s", "on")]
    pool.close()


@pytest.mark.parametrize("pooler", [None, *(["refuses", "ignores"] if "pgbouncer" in KINDS else [])])
def test_the_longest_time_is_told_once_a_connection_and_by_each_message_where_a_pooler_does_not_heed_it(
        pooler: str | None, empty_dsn: str, server: Server) -> None:
    with ExitStack() as stack:
        dsn = f"{empty_dsn}&options=-c%20lock_timeout%3D77"  # what else an operator has set stays
        if pooler:
            dsn = stack.enter_context(pgbouncer(empty_dsn, server, ignores="options" if pooler == "ignores" else ""))
        pool = Pool(dsn, share=SHARE, statement_ms=222)
        stack.callback(pool.close)
        sent: list[bytes] = []
        with watched(sent):
            for ask in (pool.read, lambda sql: in_transaction(pool, sql)):
                assert ask("SELECT current_setting('statement_timeout'), current_setting('lock_timeout')") == [
                    ("222ms", "0" if pooler else "77ms")]
                with pytest.raises(psycopg2.errors.QueryCanceled):
                    ask("SELECT pg_sleep(5)")
        assert (b"SET LOCAL" in sent[0]) == (pooler is not None)
        assert pool.figures.errors == 0


def test_a_plan_that_cannot_be_kept_costs_no_answer(through: str) -> None:
    """Behind a pooler a connection to the server may be another's each time; and a table may change."""
    one, other = Pool(through, share=1), Pool(through, share=1)
    ask = "SELECT %(n)s::int + 1"
    for pool in (one, other, one):
        assert pool.read(ask, {"n": 1}, prepared=True) == [(2,)]
    assert one.read("SELECT %(n)s IS NULL", {"n": None}, prepared=True) == [(True,)]
    with one.transaction() as cursor:
        cursor.execute("DEALLOCATE ALL; CREATE TABLE t (n int); INSERT INTO t VALUES (3)")
    assert [one.read(ask, {"n": 2}, prepared=True) for _ in range(3)] == [[(3,)]] * 3
    assert one.read("SELECT * FROM t", {}, prepared=True) == [(3,)]
    with one.transaction() as cursor:
        cursor.execute("ALTER TABLE t ADD m text DEFAULT 'x'")
    assert [one.read("SELECT * FROM t", {}, prepared=True) for _ in range(2)] == [[(3, "x")]] * 2
    with pytest.raises(psycopg2.errors.DivisionByZero):
        one.read("SELECT 1 / %(n)s::int", {"n": 0}, prepared=True)
    for pool in (one, other):
        assert pool.figures.in_use == 0
        pool.close()


@contextmanager
def watched(sent: list[bytes]) -> Iterator[None]:
    """Notes what the cursors send."""
    real = Cursor.execute

    def execute(self: Cursor, query: Any, vars: Any = None) -> None:
        sent.append(query)
        real(self, query, vars)

    Cursor.execute = execute  # type: ignore[method-assign]
    try:
        yield
    finally:
        Cursor.execute = real  # type: ignore[method-assign]


def in_transaction(pool: Pool, sql: str, *, reads: bool = False) -> list[tuple[Any, ...]]:
    with pool.transaction(reads=reads) as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def together(what: Callable[[], None], number: int) -> None:
    with ThreadPoolExecutor(number) as threads:
        for one in [threads.submit(what) for _ in range(number)]:
            one.result()


def sessions(watcher: psycopg2.extensions.connection) -> int:
    with watcher.cursor() as cursor:
        cursor.execute("""SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'""")
        row = cursor.fetchone()
    assert row is not None
    return int(row[0])


def kill(dsn: str, connection: psycopg2.extensions.connection) -> None:
    with closing(psycopg2.connect(dsn)) as other, other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", (connection.info.backend_pid,))


def database_of(dsn: str) -> str:
    return str(psycopg2.extensions.parse_dsn(dsn)["dbname"])


def in_child(what: Callable[[], object]) -> str:
    """What a forked child says of it."""
    out, into = os.pipe()
    if (child := os.fork()) == 0:
        try:
            os.write(into, str(what()).encode())
        finally:
            os._exit(0)
    os.close(into)
    os.waitpid(child, 0)
    with os.fdopen(out) as said:
        return said.read()
