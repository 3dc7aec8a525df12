"""Moving windows in one process: exact to a tenth of a second, bounded, and what flask-limiter asks of a storage."""
from __future__ import annotations

import threading
import time

import pytest

from api.counters.memory import MemoryCounter
from api.counters.window import Window

LIMIT = 5


class Clock:
    """Seconds that a test lets pass."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ring(clock: Clock) -> MemoryCounter:
    return MemoryCounter(clock=clock)
def test_the_window_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    ring = MemoryCounter(clock=lambda: now[0])
    for second in range(LIMIT):
        now[0] = float(second)
        assert ring.hit("a", LIMIT, 10).allowed
    refused = ring.hit("a", LIMIT, 10)
    assert (refused.allowed, refused.left) == (False, 0)
    assert refused.reset_s == pytest.approx(6, abs=0.2)
    now[0] = 10.2  # the first left, the second has not
    assert ring.hit("a", LIMIT, 10).allowed
    assert not ring.hit("a", LIMIT, 10).allowed
    now[0] = 30
    assert ring.look("a", LIMIT, 10) == (True, LIMIT, 10.0)


def test_who_left_is_forgotten_without_a_thread_that_looks() -> None:
    now = [0.0]
    ring = MemoryCounter(clock=lambda: now[0])
    for number in range(1000):
        ring.hit(f"client {number}", LIMIT, 10)
    ring.hit("kept for long", 1, 10_000)
    now[0] = 20
    for _ in range(600):
        ring.hit("a", 1000, 10)
    assert ring.keys == 2
    assert not [thread for thread in threading.enumerate() if "limit" in thread.name.lower()]


def test_a_flood_of_addresses_takes_no_more_memory_than_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.counters.memory.MOST_KEYS", 100)
    ring = MemoryCounter()
    for number in range(1000):
        ring.hit(f"client {number}", LIMIT, 10)
        ring.hit("busy", 10_000, 10)
    assert ring.keys <= 102
    assert ring.get("busy") == 1000


def test_threads_do_not_count_past_the_limit() -> None:
    ring = MemoryCounter()
    allowed: list[bool] = []

    def hit() -> None:
        allowed.extend(ring.hit("a", 500, 100).allowed for _ in range(300))

    threads = [threading.Thread(target=hit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert allowed.count(True) == 500



def test_what_is_left_and_when_one_leaves_is_told_with_each_hit(ring: MemoryCounter, clock: Clock) -> None:
    assert ring.look("a", 3, 10) == Window(True, 3, 10.0)
    assert ring.hit("a", 3, 10) == Window(True, 2, 10.0)
    clock.now += 4
    assert ring.hit("a", 3, 10) == Window(True, 1, 6.0)
    assert ring.look("a", 3, 10) == Window(True, 1, 6.0)
    assert ring.hit("a", 3, 10) == Window(True, 0, 6.0)
    assert ring.look("a", 3, 10) == Window(False, 0, 6.0)
    assert ring.hit("a", 3, 10) == Window(False, 0, 6.0), "and a refusal counts for nothing"
    clock.now += 6
    assert ring.look("a", 3, 10) == Window(True, 1, 4.0)


def test_one_leaves_when_its_window_is_over_and_not_a_tenth_before(ring: MemoryCounter, clock: Clock) -> None:
    ring.hit("a", 1, 10)
    clock.now += 9.9
    assert not ring.hit("a", 1, 10).allowed
    clock.now += 0.1
    assert ring.hit("a", 1, 10).allowed


def test_several_at_once_count_all_or_none(ring: MemoryCounter) -> None:
    assert ring.hit("a", 5, 10, 3) == Window(True, 2, 10.0)
    assert ring.hit("a", 5, 10, 3) == Window(False, 2, 10.0)
    assert ring.hit("a", 5, 10, 2) == Window(True, 0, 10.0)


def test_nothing_is_allowed_of_nothing(ring: MemoryCounter) -> None:
    assert ring.look("a", 0, 10) == Window(False, 0, 10.0)
    assert ring.look("a", 1, 10) == Window(True, 1, 10.0)
    ring.hit("b", 5, 10, 3)
    assert ring.look("b", 2, 10) == Window(False, 0, 10.0), "a limit may have been lowered"
    assert ring.hit("a", 0, 10) == Window(False, 0, 10.0)


def test_each_of_several_is_counted_whatever_comes_of_the_others(ring: MemoryCounter) -> None:
    ring.hit("spent", 1, 10)
    assert [one.allowed for one in ring.hit_all([("spent", 1, 10), ("a", 2, 10), ("a", 2, 20)])] == [False, True, True]
    assert (ring.look("a", 2, 10).left, ring.look("a", 2, 20).left) == (1, 1)


def test_a_long_life_keeps_no_more_times_than_count(ring: MemoryCounter, clock: Clock) -> None:
    for _ in range(1000):
        clock.now += 1
        assert ring.hit("a", 10, 10).left == max(0, 10 - min(10, ring.get("a")))
    line = ring._kept[10]["a"]
    assert line.count == 10
    assert len(line.times) <= 20


def test_those_who_left_give_way_two_at_a_time_the_longest_silent_first(ring: MemoryCounter, clock: Clock) -> None:
    for name in "abcd":
        ring.hit(name, LIMIT, 10)
    clock.now += 5
    ring.hit("a", LIMIT, 10)
    clock.now += 5
    assert ring.keys == 4
    ring.hit("new", LIMIT, 10)
    assert ring.keys == 3, "b and c went, and one came"
    ring.hit("new", LIMIT, 10)
    assert ring.keys == 2, "d went; a was not silent"


def test_it_is_a_storage_as_flask_limiter_asks_for(ring: MemoryCounter, clock: Clock) -> None:
    assert ring.check() is True
    assert [ring.acquire_entry("a", 2, 10) for _ in range(3)] == [True, True, False]
    assert ring.acquire_entry("b", 5, 10, 5)
    assert not ring.acquire_entry("b", 5, 10)
    clock.now += 4
    start, count = ring.get_moving_window("a", 2, 10)
    assert count == 2
    assert start == pytest.approx(time.time() - 4, abs=1)
    assert ring.get_moving_window("a", 5, 10)[1] == 2
    assert [ring.incr("c", 10), ring.incr("c", 10, 99)] == [1, 100]
    assert (ring.get("c"), ring.get("nobody")) == (100, 0)
    ring.incr("c", 60)
    assert ring.get("c") == 101
    assert ring.get_expiry("c") == pytest.approx(time.time() + 60, abs=0.5)
    assert ring.get_expiry("nobody") == pytest.approx(time.time(), abs=0.5)
    ring.clear("c")
    ring.clear("nobody")
    assert (ring.get("c"), ring.keys) == (0, 2)
    assert ring.reset() == 2
    assert ring.keys == 0
