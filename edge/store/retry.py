"""How fast calls to a remote store go, and how often a failed one is sent again.

A store under a first big upload answers 503 in bursts. Then fewer calls go at once, each failed one
waits a random time that doubles (full jitter), and all go on. Only what lasts is an error.
"""
from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

WIDTH = 32
"""Calls at once. More gained nothing against a real server on the same machine."""

PATIENCE_S = 60.0
"""How long one call may go on failing: three times the bursts that were seen."""

BUDGET = 1000.0
"""Repeats that a store may cost; a call that succeeds gives REFUND back, so a third of all calls may
fail for as long as it takes, and an outage is bounded."""
REFUND = 0.5

FIRST_WAIT_S, LONGEST_WAIT_S = 0.1, 5.0

CONNECT_S, ANSWER_S = 5, 30
"""A call without a line, or without an answer, for so long has failed."""

LONGEST_CALL_S = PATIENCE_S + CONNECT_S + ANSWER_S
"""What one call may take from its first try to the end of its last."""


class TryAgainError(Exception):
    """Raised by an action that may do better a little later. *slower*: the store asked for fewer calls."""

    def __init__(self, why: str, *, slower: bool = False) -> None:
        super().__init__(why)
        self.slower = slower


class GaveUpError(Exception):
    """A call failed for longer than patience or budget last; the text is its last failure."""


class Retrier:
    """Calls one store for all threads: so many at once, and again what failed in passing. Time and chance enter by parameter."""

    def __init__(self, *, width: int = WIDTH, patience_s: float = PATIENCE_S, budget: float = BUDGET,
                 clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep,
                 chance: Callable[[], float] = random.random) -> None:
        self.width = width
        self._patience_s, self._budget, self._left = patience_s, budget, budget
        self._clock, self._sleep, self._chance = clock, sleep, chance
        self._turn = threading.Condition()
        self._running = 0
        self._allowed = float(width)

    def call(self, action: Callable[[], T]) -> T:
        """What *action* returns, once it raises TryAgainError no more. Raises GaveUpError, and what else it raises."""
        first_failure: float | None = None
        wait_s = FIRST_WAIT_S
        while True:
            try:
                done = self._in_turn(action)
            except TryAgainError as failure:
                now = self._clock()
                first_failure = now if first_failure is None else first_failure
                self._failed(failure, now - first_failure)
                self._sleep(wait_s * self._chance())
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
            else:
                self._succeeded()
                return done

    @property
    def allowed(self) -> int:
        """Calls that may run at once just now."""
        return max(1, int(self._allowed))

    def _in_turn(self, action: Callable[[], T]) -> T:
        with self._turn:
            self._turn.wait_for(lambda: self._running < self.allowed)
            self._running += 1
        try:
            return action()
        finally:
            with self._turn:
                self._running -= 1
                self._turn.notify()

    def _failed(self, failure: TryAgainError, for_s: float) -> None:
        with self._turn:
            self._left -= 1
            if failure.slower:
                self._allowed = max(1.0, self._allowed * 0.7)
            if self._left < 0 or for_s > self._patience_s:
                raise GaveUpError(str(failure)) from failure

    def _succeeded(self) -> None:
        with self._turn:
            self._left = min(self._budget, self._left + REFUND)
            if self._allowed < self.width:
                self._allowed = min(self.width, self._allowed + 1 / self._allowed)
                self._turn.notify()
