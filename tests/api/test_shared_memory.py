"""One count for all processes of a machine: exact, bounded, and whole after a kill."""
from __future__ import annotations

import os
import random
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.counters import shared_memory
from api.counters.shared_memory import SharedMemoryCounter, file_of
from api.errors import ServeError
from tests.api import counter_files

WINDOW_S = 900
_HITS = """
import sys
from pathlib import Path
from api.counters.shared_memory import SharedMemoryCounter
counter = SharedMemoryCounter(folder=Path(sys.argv[1]))
sys.stdin.readline()
print(sum(counter.hit("client", 500, 900).allowed for _ in range(300)))
"""
_STOPS_WHILE_COUNTING = """
import sys, time
from pathlib import Path
from api.counters.shared_memory import SharedMemoryCounter
counter = SharedMemoryCounter(folder=Path(sys.argv[1]))
counter.hit("client", 10, 900)
counter._lock.acquire()
print("holds it", flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with counter_files.removed(tmp_path):
        yield tmp_path


def _start(script: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", script, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_processes_that_count_at_the_same_time_allow_no_more_than_the_limit_and_no_less(folder: Path) -> None:
    counting = [_start(_HITS, folder) for _ in range(3)]
    for process in counting:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    assert sum(int(process.communicate(timeout=60)[0]) for process in counting) == 500


def test_a_process_that_is_killed_while_it_counts_holds_nobody_up_for_long(folder: Path) -> None:
    with _start(_STOPS_WHILE_COUNTING, folder) as process:
        assert process.stdout
        assert process.stdout.readline() == "holds it\n"
        process.send_signal(signal.SIGKILL)
    other = SharedMemoryCounter(folder=folder)
    begun = time.monotonic()
    assert [other.hit("client", 10, WINDOW_S).left for _ in range(5)] == [8, 7, 6, 5, 4]
    assert time.monotonic() - begun < 3 * shared_memory.LOCK_S, "the second one found it set right"
    assert other._lock.acquire(False), "and it holds again"
    assert not other._lock.acquire(False)
    other._lock.release()


def test_a_sum_that_a_killed_process_left_wrong_ends_with_its_window(folder: Path) -> None:
    now = [1000.0]
    counts = SharedMemoryCounter(folder=folder, clock=lambda: now[0])
    counts.hit("client", 10, WINDOW_S)
    table = counts._short
    table._slots[table._find(counts._digest("client")) + shared_memory._SUM] = 10
    assert not counts.hit("client", 10, WINDOW_S).allowed
    now[0] += 2 * WINDOW_S
    assert counts.hit("client", 10, WINDOW_S).left == 9


def test_counts_outlive_the_process_and_other_sites_have_their_own(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    for _ in range(3):
        SharedMemoryCounter(folder=folder).hit("client", 10, WINDOW_S)
    assert SharedMemoryCounter(folder=folder).look("client", 10, WINDOW_S).left == 7
    with counter_files.removed(tmp_path_factory.mktemp("other")) as other:
        assert SharedMemoryCounter(folder=other).look("client", 10, WINDOW_S).left == 10


def test_no_window_ever_holds_more_than_the_limit_nor_does_one_hold_for_long_after_it(folder: Path) -> None:
    chance, now = random.Random(7), [50_000.0]
    allowed: list[float] = []
    counts = SharedMemoryCounter(folder=folder, clock=lambda: now[0])
    for _ in range(4000):
        now[0] += chance.choice((0.0, 0.1, 3.0, 20.0, 100.0)) if chance.random() < 0.98 else chance.choice((890.0, 931.0, 5000.0))
        window = counts.hit("client", 20, WINDOW_S)
        within = [at for at in allowed if at > now[0] - WINDOW_S]
        longer = [at for at in allowed if at > now[0] - WINDOW_S - WINDOW_S / 30]
        if window.allowed:
            assert len(within) < 20
            allowed.append(now[0])
        else:
            assert len(longer) >= 20, "refused without need"
        assert 0 < window.reset_s <= WINDOW_S + WINDOW_S / 30
    assert 500 < len(allowed) < 4000


def test_after_the_time_that_a_refusal_tells_one_is_allowed_again(folder: Path) -> None:
    now = [777.0]
    counts = SharedMemoryCounter(folder=folder, clock=lambda: now[0])
    for _ in range(5):
        counts.hit("client", 5, WINDOW_S)
    refused = counts.hit("client", 5, WINDOW_S)
    assert not refused.allowed
    now[0] += refused.reset_s
    assert counts.hit("client", 5, WINDOW_S).allowed


def test_a_known_place_is_kept_for_its_month_beside_a_flood_of_short_ones(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_memory, "KEYS", 64)
    monkeypatch.setattr(shared_memory, "_SETS", 8)
    now, month_s = [10_000.0], 30 * 24 * 60 * 60
    counts = SharedMemoryCounter(folder=folder, clock=lambda: now[0])
    counts.hit("place", 1, month_s)
    for number in range(1000):
        now[0] += 1
        counts.hit(f"client {number}", 5, WINDOW_S)
        counts.hit("busy", 10_000, WINDOW_S)
    assert counts.keys <= 65
    assert counts.get("busy") > 900, "only the silent give way"
    now[0] += month_s - 2000
    assert counts.look("place", 1, month_s).left == 0
    now[0] += month_s / 5
    assert counts.look("place", 1, month_s).left == 1


def test_two_counts_at_once_are_each_counted(folder: Path) -> None:
    counts = SharedMemoryCounter(folder=folder)
    student, address = ("student 1", 2, WINDOW_S), ("address 192.0.2.1", 5, WINDOW_S)
    assert [[one.left for one in counts.hit_all((student, address))] for _ in range(3)] == [[1, 4], [0, 3], [0, 2]]


def test_it_is_a_storage_as_flask_limiter_asks_for_too(folder: Path) -> None:
    now = [1000.0]
    counts = SharedMemoryCounter(folder=folder, clock=lambda: now[0])
    assert counts.look("client", 3, WINDOW_S) == (True, 3, 900.0)
    assert counts.look("client", 0, WINDOW_S) == (False, 0, 900.0)
    assert counts.hit("client", 3, WINDOW_S, 3) == (True, 0, 930.0 - 1000.0 % 30)
    assert counts.hit("client", 3, WINDOW_S).left == 0
    assert counts.look("client", 2, WINDOW_S) == (False, 0, 930.0 - 1000.0 % 30)
    counts.hit("client", 5, 30 * 24 * 60 * 60)
    assert (counts.get("client"), counts.get("nobody"), counts.keys) == (4, 0, 2)
    assert (counts.reset(), counts.keys, counts.get("client")) == (2, 0, 0)
    assert counts.hit("client", 3, WINDOW_S).left == 2


@pytest.mark.parametrize("sets", [1, 2])
def test_each_of_those_who_share_a_place_has_a_count_of_its_own(folder: Path, monkeypatch: pytest.MonkeyPatch, sets: int) -> None:
    monkeypatch.setattr(shared_memory, "KEYS", 8 * sets)
    monkeypatch.setattr(shared_memory, "_SETS", sets)
    now = [50_000.0]
    counts = SharedMemoryCounter(folder=folder, clock=lambda: now[0])
    for number in range(1, 9):
        now[0] += 1
        for _ in range(9 - number):
            assert counts.hit(f"client {number}", 100, WINDOW_S).allowed
        assert counts.look("nobody", 1, WINDOW_S) == (True, 1, 900.0)
    assert [counts.look(f"client {number}", 100, WINDOW_S).left for number in range(1, 9)] == list(range(92, 100))
    assert (counts.keys, counts.get("nobody")) == (8, 0)
    assert counts.look("client 1", 8, WINDOW_S).allowed is False
    if sets == 1:
        counts.hit("one more", 100, WINDOW_S)
        assert [counts.get(f"client {number}") for number in range(1, 9)] == [0, *range(7, 0, -1)], "the longest silent gave way"
        assert counts.get("one more") == 1


def test_a_window_of_a_day_is_counted_with_the_long_ones(folder: Path) -> None:
    counts = SharedMemoryCounter(folder=folder)
    counts.hit("client", 5, 24 * 60 * 60)
    counts.hit("client", 5, 24 * 60 * 60 - 1)
    assert (counts._long.keys, counts._short.keys) == (1, 1)


def test_where_a_key_stands_is_chances_own_for_each_site(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with counter_files.removed(tmp_path_factory.mktemp("other")) as other:
        one, again, elsewhere = SharedMemoryCounter(folder=folder), SharedMemoryCounter(folder=folder), SharedMemoryCounter(folder=other)
    assert one._digest("client") == again._digest("client") != elsewhere._digest("client")


def test_nobody_else_can_read_the_counts_or_lay_a_file_there_before(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    SharedMemoryCounter(folder=folder)
    assert stat.S_IMODE(os.stat(file_of(folder)).st_mode) == 0o600
    file_of(folder).unlink()
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "file"
    elsewhere.touch()
    file_of(folder).symlink_to(elsewhere)
    with pytest.raises(ServeError, match="cannot be used"):
        SharedMemoryCounter(folder=folder)
    assert elsewhere.stat().st_size == 0
