"""Counting in this process: a key is an array of 4-byte numbers that is cleaned when it is touched."""
from __future__ import annotations

import threading
import time
from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from limits.storage import MovingWindowSupport, Storage

from api.counters.window import Wanted, Window

MOST_KEYS = 200_000
"""Beyond it the address that was silent longest is forgotten: a flood of addresses must not take the memory."""

_TICKS = 10  # a second


class MemoryCounter(Storage, MovingWindowSupport):
    """Counts in this process. *clock* gives seconds that never go back."""

    STORAGE_SCHEME = ["lectern+memory"]  # noqa: RUF012  (as its base class has it)
    base_exceptions = ()

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, *, clock: Callable[[], float] = time.monotonic,
                 **options: Any) -> None:
        super().__init__(uri, wrap_exceptions)
        self._clock = clock
        self._begun = clock()
        self._lock = threading.Lock()
        self._kept: dict[int, OrderedDict[str, _Line]] = {}  # by the window's length: so the longest silent stand first

    def hit(self, key: str, limit: int, window_s: int, amount: int = 1) -> Window:
        """Count *amount* for *key* where that stays within *limit* in *window_s*."""
        now = int((self._clock() - self._begun) * _TICKS) + 1
        with self._lock:
            kept = self._kept.setdefault(window_s, OrderedDict())
            _forget(kept, now)
            if (line := kept.get(key)) is None:
                line = kept[key] = _Line(window_s * _TICKS)
            else:
                kept.move_to_end(key)
            line.drop(now)
            allowed = line.count + amount <= limit
            if allowed:
                line.add(now, amount)
            return line.window(now, limit, allowed)

    def hit_all(self, wanted: Sequence[Wanted]) -> list[Window]:
        """Count one for each of *wanted*, whatever comes of the others."""
        return [self.hit(*one) for one in wanted]

    def look(self, key: str, limit: int, window_s: int) -> Window:
        """The same without counting: ``allowed`` says whether one more would be."""
        now = int((self._clock() - self._begun) * _TICKS) + 1
        with self._lock:
            if (line := self._kept.get(window_s, OrderedDict()).get(key)) is None:
                return Window(limit > 0, limit, float(window_s))
            line.drop(now)
            return line.window(now, limit, line.count < limit)

    @property
    def keys(self) -> int:
        """How many are kept."""
        return sum(map(len, self._kept.values()))

    # What flask-limiter asks of a storage.

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """As MovingWindowSupport says."""
        return self.hit(key, limit, expiry, amount).allowed

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """As MovingWindowSupport says: the window's start by the wall clock, and how many are in it."""
        seen = self.look(key, limit, expiry)
        return time.time() + seen.reset_s - expiry, limit - seen.left

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """As Storage says; the window moves all the same."""
        most = 2**31
        return most - self.hit(key, most, expiry, amount).left

    def get(self, key: str) -> int:
        """As Storage says."""
        return sum(line.count for kept in self._kept.values() if (line := kept.get(key)))

    def get_expiry(self, key: str) -> float:
        """As Storage says."""
        return time.time() + max((window_s for window_s, kept in self._kept.items() if key in kept), default=0)

    def check(self) -> bool:
        """It is always there."""
        return True

    def reset(self) -> int:
        """Forget all; how many keys it were."""
        with self._lock:
            number = self.keys
            self._kept.clear()
        return number

    def clear(self, key: str) -> None:
        """Forget *key*."""
        with self._lock:
            for kept in self._kept.values():
                kept.pop(key, None)


def _forget(kept: OrderedDict[str, _Line], now: int) -> None:
    """Two at a time, the longest silent first, so no thread need walk over all."""
    for _ in range(2):
        if not kept:
            return
        key, line = next(iter(kept.items()))
        if line.is_over(now) or len(kept) > MOST_KEYS:
            del kept[key]


class _Line:
    """The times of one key's requests that still count, in ticks, the oldest first."""

    __slots__ = ("first", "length", "times")

    def __init__(self, length: int) -> None:
        self.length = length
        self.times = array("I")
        self.first = 0  # of those that still count

    @property
    def count(self) -> int:
        return len(self.times) - self.first

    def add(self, now: int, amount: int) -> None:
        if amount == 1:
            self.times.append(now)
        else:
            self.times.extend([now] * amount)

    def drop(self, now: int) -> None:
        times, end = self.times, now - self.length
        while self.first < len(times) and times[self.first] <= end:
            self.first += 1
        if self.first * 2 > len(times):
            del times[: self.first]
            self.first = 0

    def is_over(self, now: int) -> bool:
        return not self.times or self.times[-1] <= now - self.length

    def window(self, now: int, limit: int, allowed: bool) -> Window:
        oldest = self.times[self.first] if self.count else now
        return Window(allowed, max(0, limit - self.count), (oldest + self.length - now) / _TICKS)
