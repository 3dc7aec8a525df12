"""Calls slow down when asked to, come back, and are given up in bounded time and tries."""
from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from edge.store.retry import GaveUpError, Retrier, TryAgainError


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)


def retrier(clock: Clock, **options: float) -> Retrier:
    return Retrier(clock=lambda: clock.now, sleep=clock.sleep, chance=lambda: 1.0, **options)  # type: ignore[arg-type]


def failing(times: int, *, slower: bool = False) -> Callable[[], str]:
    """An action that succeeds after so many failures."""
    left = [times]

    def action() -> str:
        if left[0]:
            left[0] -= 1
            raise TryAgainError("busy", slower=slower)
        return "done"

    return action


def test_what_succeeds_waits_for_nothing() -> None:
    clock = Clock()
    assert retrier(clock).call(failing(0)) == "done"
    assert clock.slept == []


def test_waits_double_up_to_a_bound() -> None:
    clock = Clock()
    assert retrier(clock).call(failing(8)) == "done"
    assert clock.slept == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0])


def test_waits_are_drawn_by_chance_so_that_callers_spread() -> None:
    clock = Clock()
    chances = iter([0.0, 0.5, 1.0])
    Retrier(clock=lambda: clock.now, sleep=clock.sleep, chance=lambda: next(chances)).call(failing(3))
    assert clock.slept == pytest.approx([0.0, 0.1, 0.4])


def test_a_call_that_goes_on_failing_is_given_up_when_patience_ends() -> None:
    clock = Clock()
    with pytest.raises(GaveUpError, match="busy"):
        retrier(clock, patience_s=60).call(failing(10_000))
    assert 60 < clock.now < 70


def test_a_third_of_all_calls_may_fail_for_as_long_as_it_takes() -> None:
    slow = retrier(Clock(), budget=10)
    for number in range(3000):
        slow.call(failing(1 if number % 3 == 0 else 0))


def test_when_most_calls_fail_the_budget_ends() -> None:
    slow = retrier(Clock(), budget=10)
    with pytest.raises(GaveUpError):
        list(map(slow.call, [failing(2) for _ in range(100)]))


def test_asked_to_slow_down_it_lets_fewer_go_at_once_and_comes_back() -> None:
    slow = retrier(Clock(), width=32)
    slow.call(failing(8, slower=True))
    assert slow.allowed <= 2
    for _ in range(1000):
        slow.call(failing(0))
    assert slow.allowed == 32


def test_a_lost_answer_alone_slows_nothing() -> None:
    slow = retrier(Clock(), width=32)
    slow.call(failing(5))
    assert slow.allowed == 32


def test_one_call_always_may_go() -> None:
    slow = retrier(Clock(), width=4)
    seen: list[int] = []

    def action() -> None:
        seen.append(slow.allowed)
        if len(seen) < 13:
            raise TryAgainError("busy", slower=True)

    slow.call(action)
    assert seen == [4, 2, 1, *[1] * 10]


def test_no_more_than_the_width_go_at_once() -> None:
    slow = Retrier(width=3)
    running, most = [0], [0]
    lock, together = threading.Lock(), threading.Barrier(3)

    def action() -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        together.wait(timeout=10)  # passes only when three go at once
        with lock:
            running[0] -= 1

    threads = [threading.Thread(target=slow.call, args=(action,)) for _ in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 3


def test_another_error_is_passed_on_at_once() -> None:
    clock = Clock()

    def action() -> None:
        raise LookupError("no such bucket")

    with pytest.raises(LookupError):
        retrier(clock).call(action)
    assert clock.slept == []
