"""The bell through everything that makes a LISTEN deaf: poolers, half-open lines, restarts, replicas, crowds."""
from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil
import psycopg2
import pytest

from builder import bell as bells
from builder.bell import Bell, BellError, BellLost
from builder.embedded import Server
from builder.embedded.home import home_of
from builder.embedded.postmaster import dsn_of_running, find, initialise, start, stop
from tests.conftest import open_folder
from tests.site import Built, fill

_LOOPBACK = "host=127.0.0.1 user=postgres sslmode=disable gssencmode=disable"
BELL_LOCK = (0x4C656374, 0x62656C6C)  # who has it rings for all
LONG_S = 20.0  # for what comes at once, or else never


@pytest.fixture
def full(site: Built) -> Built:
    fill(site)
    return site


@pytest.fixture
def bell(full: Built) -> Iterator[Bell]:
    bell = Bell(full.dsn)
    yield bell
    bell.close()


def test_an_edit_rings_once_it_is_committed_and_says_nothing_else(full: Built, bell: Bell) -> None:
    with closing(psycopg2.connect(full.dsn)) as editor, editor.cursor() as cursor:
        cursor.execute("UPDATE catalog.video SET title = title || '!' WHERE id = 1")
        assert not bell.wait(0.1)
        editor.commit()
        assert bell.wait(LONG_S)
        cursor.execute("UPDATE catalog.video SET title = title WHERE id = 1")
        editor.commit()
        cursor.execute("UPDATE catalog.video SET title = 'Never' WHERE id = 1")
        editor.rollback()
    _until_silent(bell)


def test_a_bulk_edit_of_many_statements_rings_once(full: Built) -> None:
    with closing(psycopg2.connect(full.dsn)) as listener, closing(psycopg2.connect(full.dsn)) as editor:
        listener.autocommit = True
        listener.cursor().execute("LISTEN lectern_change")
        for n in range(50):
            editor.cursor().execute("UPDATE catalog.video SET title = 'T' || %s || id", (n,))
        editor.commit()
        listener.cursor().execute("SELECT 1")
        assert [notice.payload for notice in listener.notifies] == [""]


def test_of_many_who_commit_at_once_all_are_found_by_who_looks_when_it_rings(full: Built, bell: Bell) -> None:
    """One may ring for several: so whoever looks at each ring, and at no other time, misses nobody."""
    start = threading.Barrier(9)

    def edit(number: int) -> None:
        with closing(psycopg2.connect(full.dsn)) as connection, connection.cursor() as cursor:
            start.wait()
            for n in range(10):
                cursor.execute("UPDATE catalog.subject SET title = %s WHERE id = %s", (f"S {number}.{n}", number))
                connection.commit()

    full.sql("INSERT INTO catalog.subject (id, slug, title) SELECT n, 's' || n, 'S' || n FROM generate_series(100, 107) n")
    _until_silent(bell)
    full.sql("DELETE FROM catalog.change")
    editors = [threading.Thread(target=edit, args=(number,)) for number in range(100, 108)]
    for editor in editors:
        editor.start()
    start.wait()
    found, ends = 0, time.monotonic() + LONG_S
    while found < 80 and time.monotonic() < ends:
        if bell.wait(1):
            found += full.sql("WITH gone AS (DELETE FROM catalog.change RETURNING 1) SELECT count(*) FROM gone")[0][0]
    for editor in editors:
        editor.join()
    assert found == 80


def test_who_commits_silently_while_another_rings_is_found_by_an_echo(full: Built, bell: Bell) -> None:
    full.sql("""CREATE FUNCTION public.stall() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NULL; END'""")
    full.sql("""CREATE CONSTRAINT TRIGGER stall AFTER INSERT ON catalog.change DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW WHEN (NEW.actor = 'stalled') EXECUTE FUNCTION public.stall()""")
    with (closing(psycopg2.connect(full.dsn)) as disk, closing(psycopg2.connect(full.dsn)) as ringing,
          closing(psycopg2.connect(full.dsn)) as silent):
        disk.cursor().execute("SELECT pg_advisory_xact_lock(1)")
        ringing.cursor().execute("SELECT pg_advisory_xact_lock(%s, %s)", BELL_LOCK)
        ringing.cursor().execute("UPDATE catalog.video SET title = 'Loud' WHERE id = 1")
        silent.cursor().execute("SET lectern.actor = 'stalled'; UPDATE catalog.video SET title = 'Silent' WHERE id = 2")
        committing = threading.Thread(target=silent.commit, daemon=True)
        committing.start()
        ends = time.monotonic() + LONG_S
        while time.monotonic() < ends and not full.sql("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
            assert committing.is_alive()
        ringing.commit()
        assert bell.wait(LONG_S)
        assert full.sql("SELECT count(*) FROM catalog.change WHERE actor = 'stalled'") == [(0,)]
        disk.commit()
        committing.join(LONG_S)
        assert not committing.is_alive()
    assert bell.wait(LONG_S)
    assert full.sql("SELECT count(*) FROM catalog.change WHERE actor = 'stalled'") == [(1,)]


def test_no_editor_waits_for_one_whose_transaction_stays_open(full: Built, bell: Bell) -> None:
    with closing(psycopg2.connect(full.dsn)) as slow, slow.cursor() as cursor:
        cursor.execute("UPDATE catalog.video SET title = 'Slow' WHERE id = 1")
        full.sql("SET lock_timeout = '5s'; UPDATE catalog.video SET title = 'Quick' WHERE id = 2")
        assert bell.wait(LONG_S)
        _until_silent(bell)
        slow.commit()
        assert bell.wait(LONG_S)


def test_the_session_is_idle_while_it_waits(full: Built, bell: Bell) -> None:
    bell.wait(0.01)
    assert full.sql("SELECT state, xact_start FROM pg_stat_activity WHERE application_name = 'lectern bell'") == [("idle", None)]


def test_the_bell_proves_itself_and_a_proof_is_no_ring(full: Built, bell: Bell) -> None:
    with closing(Bell(full.dsn)) as other:
        bell.prove()
        assert not other.wait(0.1)
    assert not bell.wait(0.1)


def test_a_change_that_comes_during_the_proof_is_heard_after_it(full: Built, bell: Bell) -> None:
    full.sql("UPDATE catalog.video SET title = 'New' WHERE id = 1")
    bell.prove()
    assert bell.wait(0)


@pytest.mark.parametrize("pooler", ["stand-in", *(["pgbouncer"] if shutil.which("pgbouncer") else [])])
def test_a_pooler_in_transaction_mode_is_found_and_the_remedy_named(full: Built, server: Server, pooler: str) -> None:
    with _deaf(full.dsn) if pooler == "stand-in" else _pgbouncer(full.dsn, server) as dsn:
        with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1")  # it serves all else
        with closing(Bell(dsn)) as bell, pytest.raises(BellError, match="DATABASE_DIRECT_URL"):
            bell.prove(within_s=0.5)


def test_a_half_open_line_is_found_within_ten_seconds_and_left(full: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bells.SILENCE_S + bells.ANSWER_S < 10
    monkeypatch.setattr(bells, "SILENCE_S", 0.5)
    monkeypatch.setattr(bells, "ANSWER_S", 0.5)
    with _proxy(full.dsn) as (dsn, swallow), closing(Bell(dsn)) as bell:
        assert bell.alive()
        full.sql("UPDATE catalog.video SET title = 'Heard' WHERE id = 1")
        assert bell.wait(LONG_S)
        _until_silent(bell)
        swallow.set()
        full.sql("UPDATE catalog.video SET title = 'Unheard' WHERE id = 1")
        began = time.monotonic()
        with pytest.raises(BellLost):
            bell.wait(LONG_S)
        assert time.monotonic() - began < 5
        assert not bell.alive()
        monkeypatch.setattr(bells, "CONNECT_S", 0.3)
        with pytest.raises(BellLost):  # nobody answers there; and the attempt has an end
            Bell(dsn)
        swallow.clear()
        monkeypatch.setattr(bells, "CONNECT_S", LONG_S)
        assert bell.reconnect()
        full.sql("UPDATE catalog.video SET title = 'Heard again' WHERE id = 1")
        assert bell.wait(LONG_S)


def test_a_lost_connection_is_said_and_mended(full: Built, bell: Bell) -> None:
    full.sql("""SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'lectern bell' AND datname = current_database()""")
    with pytest.raises(BellLost):
        bell.wait(LONG_S)
    assert not bell.alive()
    with pytest.raises(BellLost):
        bell.wait(0)
    assert bell.reconnect()
    assert bell.alive()
    full.sql("UPDATE catalog.video SET title = 'New' WHERE id = 1")
    assert bell.wait(LONG_S)


def test_reconnecting_waits_ever_longer_and_stops_when_told(full: Built) -> None:
    with _proxy(full.dsn) as (dsn, _):
        bell = Bell(dsn)
    pauses: list[float] = []

    def pause(seconds: float) -> bool:
        pauses.append(seconds)
        return len(pauses) == 9

    assert bell.reconnect(pause=pause, chance=lambda: 1.0) is False
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5, 5]


def test_an_unreachable_database_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BellLost, match="DATABASE_DIRECT_URL"):
        Bell(f"postgresql://nobody@/none?host={tmp_path}")


def test_a_replica_is_refused_with_a_sentence() -> None:
    with open_folder("lectern-replica-") as folder:
        home = home_of(folder)
        initialise(home)
        start(home, {"fsync": "off"})
        _end(home.cluster)
        standby = home.cluster / "standby.signal"  # what a server restored from a base backup finds
        standby.touch()
        if home.account.uid is not None and home.account.gid is not None:
            shutil.chown(standby, home.account.uid, home.account.gid)
        try:
            start(home, {"fsync": "off"})
            dsn = dsn_of_running(home.cluster)
            assert dsn is not None
            with pytest.raises(BellError, match=r"replica.*DATABASE_DIRECT_URL"):
                Bell(dsn)
        finally:
            _end(home.cluster)


def _until_silent(bell: Bell) -> None:
    """Hear the echoes to their end: each ring is heard again a few times, and then no more."""
    rings = 0
    while bell.wait(0.7):
        rings += 1
        assert rings < 50, "it never stops"


def _end(cluster: Path) -> None:
    running = find(cluster)
    if running is not None:
        stop(running)


def _socket_of(dsn: str) -> tuple[str, str]:
    """Folder and database of a server that listens on a socket."""
    parts = urlsplit(dsn)
    return parse_qs(parts.query)["host"][0], parts.path.lstrip("/")


@contextmanager
def _proxy(dsn: str, passing: Callable[[bytes], bytes] = bytes) -> Iterator[tuple[str, threading.Event]]:
    """A TCP proxy before the server, and the event that makes it swallow all that comes, without a close.

    *passing* sees what the server sends.
    """
    folder, database = _socket_of(dsn)
    swallow, over = threading.Event(), threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))
    open_now: list[socket.socket] = [listening]
    threads: list[threading.Thread] = []

    def pump(source: socket.socket, target: socket.socket, change: Callable[[bytes], bytes]) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if not swallow.is_set():
                    target.sendall(change(data))
        if not swallow.is_set():  # a half-open line says nothing of its end either
            with suppress(OSError):
                target.shutdown(socket.SHUT_RDWR)

    def accept() -> None:
        with suppress(OSError):
            while not over.is_set():
                client, _ = listening.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(f"{folder}/.s.PGSQL.5432")
                open_now.extend((client, server))
                for pair in ((client, server, bytes), (server, client, passing)):
                    threads.append(threading.Thread(target=pump, args=pair))
                    threads[-1].start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield f"{_LOOPBACK} port={listening.getsockname()[1]} dbname={database}", swallow
    finally:
        over.set()
        for one in open_now:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        acceptor.join(5)
        for thread in threads:
            thread.join(5)
        for one in open_now:
            one.close()


@contextmanager
def _deaf(dsn: str) -> Iterator[str]:
    """What a client sees of a pooler in transaction mode: LISTEN is answered, and no notice ever comes."""
    kept = bytearray()

    def drop_notices(data: bytes) -> bytes:
        kept.extend(data)
        passed = bytearray()
        while len(kept) >= 5 and len(kept) > (length := int.from_bytes(kept[1:5], "big")):
            message = bytes(kept[:length + 1])
            del kept[:length + 1]
            if message[:1] != b"A":  # NotificationResponse
                passed += message
        return bytes(passed)

    with _proxy(dsn, drop_notices) as (through, _):
        yield through


@contextmanager
def _pgbouncer(dsn: str, server: Server) -> Iterator[str]:
    """The real one, under the server's account, for it refuses root's."""
    folder, database = _socket_of(dsn)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with open_folder("lectern-pooler-") as place:
        (place / "users").write_text('"postgres" ""\n')
        (place / "ini").write_text(
            f"[databases]\n* = host={folder} port=5432\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
            f"auth_type = trust\nauth_file = {place}/users\npool_mode = transaction\n")
        owner = psutil.Process(server.pid)
        as_owner = {"user": owner.uids().real, "group": owner.gids().real, "extra_groups": []} if os.geteuid() == 0 else {}
        process = subprocess.Popen(["pgbouncer", str(place / "ini")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **as_owner)
        through = f"{_LOOPBACK} port={port} dbname={database} connect_timeout=5"
        try:
            ends = time.monotonic() + LONG_S
            while not _answers(through):
                assert process.poll() is None
                assert time.monotonic() < ends
            yield through
        finally:
            process.terminate()
            process.wait(10)


def _answers(dsn: str) -> bool:
    with suppress(psycopg2.OperationalError), closing(psycopg2.connect(dsn)):
        return True
    return False
