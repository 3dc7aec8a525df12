"""Counting by a moving window: storages for flask-limiter, in this process or in Redis; api/tally.py has one in shared memory.

Why not its own: its memory storage walks every key a hundred times a second and keeps an object a request
(1,000 addresses with 1,000 requests each took 178 MB); its Redis storage asks twice a request. Here an
address is an array of 4-byte numbers that is cleaned when it is touched, and Redis is asked once.
"""
from __future__ import annotations

import threading
import time
from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from limits.storage import MovingWindowSupport, Storage

if TYPE_CHECKING:
    from api.shared import Client, Shared


MOST_KEYS = 200_000
"""Beyond it the address that was silent longest is forgotten: a flood of addresses must not take the memory."""

_TICKS = 10  # a second


Wanted = tuple[str, int, int]
"""A key, its limit, and its window's length in seconds."""


class Window(NamedTuple):
    """What is known of a key after a look at it."""

    allowed: bool
    left: int
    reset_s: float
    """Seconds until the oldest that counts leaves the window; the window's length where none does."""


class Ring(Storage, MovingWindowSupport):
    """Counts in this process. *clock* gives seconds that never go back."""

    STORAGE_SCHEME = ["ring"]  # noqa: RUF012  (as its base class has it)
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


_SCRIPT = """
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
local found = {}
for n, key in ipairs(KEYS) do
  local limit, window, amount = tonumber(ARGV[3 * n - 2]), tonumber(ARGV[3 * n - 1]), tonumber(ARGV[3 * n])
  local oldest = redis.call('LINDEX', key, 0)
  while oldest and tonumber(oldest) <= now - window do
    redis.call('LPOP', key)
    oldest = redis.call('LINDEX', key, 0)
  end
  local count = redis.call('LLEN', key)
  local allowed = count + math.max(amount, 1) <= limit
  if allowed and amount > 0 then
    for _ = 1, amount do redis.call('RPUSH', key, now) end
    redis.call('PEXPIRE', key, window)
    count = count + amount
    oldest = oldest or now
  end
  found[n] = {allowed and 1 or 0, math.max(0, limit - count), (oldest and tonumber(oldest) or now) + window - now}
end
return found
"""


class InRedis(Ring):
    """Counts in Redis, by its clock; in this process while it is away."""

    STORAGE_SCHEME = ["lectern+redis"]  # noqa: RUF012  (as its base class has it)

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, *, shared: Shared, **options: Any) -> None:
        super().__init__(uri, wrap_exceptions)
        self._shared = shared
        self._scripts: tuple[Client, Any] = None, None

    def hit(self, key: str, limit: int, window_s: int, amount: int = 1) -> Window:
        """As Ring's."""
        found = self._asked([(key, limit, window_s)], amount)
        return found[0] if found else super().hit(key, limit, window_s, amount)

    def hit_all(self, wanted: Sequence[Wanted]) -> list[Window]:
        """As Ring's, by one question; a cluster, which has keys in many places, is asked one at a time."""
        if self._shared.is_cluster:
            return super().hit_all(wanted)
        return self._asked(wanted, 1) or [super(InRedis, self).hit(*one) for one in wanted]

    def look(self, key: str, limit: int, window_s: int) -> Window:
        """As Ring's."""
        found = self._asked([(key, limit, window_s)], 0)
        return found[0] if found else super().look(key, limit, window_s)

    def check(self) -> bool:
        """Whether Redis answers."""
        return self._shared.ask(lambda client: bool(client.ping())) or False

    def _asked(self, wanted: Sequence[Wanted], amount: int) -> list[Window] | None:
        def ask(client: Client) -> list[Window]:
            if self._scripts[0] is not client:
                self._scripts = client, client.register_script(_SCRIPT)
            said = self._scripts[1](keys=[f"lectern:{key}" for key, _, _ in wanted],
                                    args=[number for _, limit, window_s in wanted for number in (limit, window_s * 1000, amount)])
            return [Window(bool(allowed), left, reset_ms / 1000) for allowed, left, reset_ms in said]

        return self._shared.ask(ask)
