"""What processes have counted that are no more: each count is told once, whoever dies when, and their files do not pile up."""
from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.mmap_dict import MmapedDict

from api import dead_counts

PROCESS = """
import sys
from prometheus_client import Counter, Gauge, Histogram
Counter("asked", "Questions", ("route",)).labels("fine").inc(float(sys.argv[1]))
Gauge("here", "Now", multiprocess_mode="livesum").set(1)
Histogram("took", "Seconds", buckets=(1.0, 2.0)).observe(1.5)
"""


ASKED = ["asked", "asked_total", {"route": "fine"}, "Questions"]
NUMBERS = count(2**22 + 1)  # above the largest that Linux gives a process


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def counted(folder: Path, number: float) -> Path:
    """What a process leaves that counted *number*; its counter's file."""
    pid = next(NUMBERS)
    left: dict[str, list[tuple[Any, ...]]] = {
        f"counter_{pid}.db": [(*ASKED, number)],
        f"gauge_livesum_{pid}.db": [("here", "here", {}, "Now", 1)],
        f"histogram_{pid}.db": [("took", "took_sum", {}, "Seconds", 1.5), *(
            ("took", "took_bucket", {"le": bucket}, "Seconds", bucket == "2.0") for bucket in ("1.0", "2.0", "+Inf"))],
    }
    for file, values in left.items():
        for *key, value in values:
            write(folder / file, key, float(value))
    return folder / f"counter_{pid}.db"


def write(file: Path, key: list[Any], value: float) -> None:
    kept = MmapedDict(str(file))
    kept.write_value(json.dumps(key, sort_keys=True), value, 0.0)
    kept.close()


def told(folder: Path) -> dict[str, float | None]:
    registry = CollectorRegistry()
    registry.register(dead_counts.Joined(folder))
    return {"asked": registry.get_sample_value("asked_total", {"route": "fine"}), "here": registry.get_sample_value("here"),
            "took": registry.get_sample_value("took_count"), "below 2 s": registry.get_sample_value("took_bucket", {"le": "2.0"}),
            "below 1 s": registry.get_sample_value("took_bucket", {"le": "1.0"}), "took in all": registry.get_sample_value("took_sum")}


def files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir() if file.name != "lock")


def test_processes_that_came_and_went_leave_two_files_and_all_that_they_counted(folder: Path) -> None:
    for n in range(10):
        counted(folder, n)
        if n == 4:
            dead_counts.sweep(folder)
    subprocess.run([sys.executable, "-c", PROCESS, "10"], check=True, env={"PROMETHEUS_MULTIPROC_DIR": str(folder)})
    expected = {"asked": 55, "here": 6, "took": 11, "below 2 s": 11, "below 1 s": 0, "took in all": 16.5}
    assert told(folder) == expected
    dead_counts.sweep(folder)
    assert files(folder) == ["counter_0.db", "histogram_0.db"]
    assert told(folder) == expected | {"here": None}
    dead_counts.sweep(folder)
    assert told(folder) == expected | {"here": None}


def test_a_living_process_keeps_its_files_and_another_s_folder_is_left_to_it(folder: Path) -> None:
    counted(folder, 3)
    (dead,) = {file.stem.rpartition("_")[2] for file in folder.glob("*.db")}
    for file in folder.glob("*.db"):
        file.rename(folder / file.name.replace(dead, str(os.getpid())))
    before = files(folder)
    dead_counts.sweep(folder)
    assert files(folder) == before
    counted(folder, 4)
    with dead_counts._locked(folder, fcntl.LOCK_EX):
        dead_counts.sweep(folder)
        assert len(files(folder)) == 2 * len(before)


class Killed(BaseException):
    """Nothing of the sweep catches it; the lock goes, as with a process."""


def test_a_sweep_that_is_killed_at_any_of_its_steps_neither_loses_nor_doubles_a_count(folder: Path) -> None:
    for call in range(100):
        place = folder / str(call)
        place.mkdir()
        counted(place, 2)
        dead_counts.sweep(place)
        counted(place, 3)
        with pytest.MonkeyPatch.context() as patch:
            die_after(call, patch)
            try:
                dead_counts.sweep(place)
            except Killed:
                pass
            else:
                assert call > 10
                return
        dead_counts.sweep(place)
        assert told(place) == {"asked": 5, "here": None, "took": 2, "below 2 s": 2, "below 1 s": 0, "took in all": 3}, call
        assert files(place) == ["counter_0.db", "histogram_0.db"], call


def die_after(calls: int, patch: pytest.MonkeyPatch) -> None:
    """So many calls that change a file are let through."""
    def dying(real: Any) -> Any:
        def call(*given: Any, **more: Any) -> Any:
            nonlocal calls
            if not calls:
                raise Killed
            calls -= 1
            return real(*given, **more)
        return call

    for owner, names in ((Path, ("rename", "unlink", "write_bytes")), (MmapedDict, ("write_value", "close"))):
        for name in names:
            patch.setattr(owner, name, dying(getattr(owner, name)))


def at_once(monkeypatch: pytest.MonkeyPatch, first: Callable[[], None]) -> None:
    """A process is given the dead one's number between the first look and the second; *first* is what it does."""
    asked = 0

    def is_dead(pid: int) -> bool:
        nonlocal asked
        asked += 1
        if pid and asked > 1:
            first()
        return bool(pid) and asked == 1

    monkeypatch.setattr(dead_counts, "_is_dead", is_dead)


def test_a_new_process_of_a_dead_one_s_number_goes_on_counting_in_its_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = counted(folder, 3)
    next(folder.glob("histogram*")).unlink()
    theirs = MmapedDict(str(file))  # opened before it was put aside
    at_once(monkeypatch, lambda: None)
    dead_counts.sweep(folder)
    theirs.write_value(json.dumps(ASKED, sort_keys=True), 4.0, 0.0)
    assert told(folder)["asked"] == 4


def test_a_new_process_that_began_a_file_of_its_own_is_counted_beside_the_dead_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = counted(folder, 3)
    next(folder.glob("histogram*")).unlink()
    at_once(monkeypatch, lambda: write(file, ASKED, 10.0))
    dead_counts.sweep(folder)
    assert told(folder)["asked"] == 13


@pytest.mark.parametrize("left", [b"", b"\xff\xff\x00\x00", b"\x60\x00\x00\x00" + b"\xff" * 60])
def test_a_file_that_a_kill_left_broken_spoils_no_scrape_after_the_next_sweep(folder: Path, left: bytes) -> None:
    counted(folder, 3)
    (folder / "counter_4194303.db").write_bytes(left)  # a number above the largest that Linux gives
    dead_counts.sweep(folder)
    assert told(folder)["asked"] == 3
    assert files(folder) == ["counter_0.db", "histogram_0.db"]
