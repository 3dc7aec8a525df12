"""A cache of bytes in this process, least recently used out first (LRU): bounded, and what has ended is dropped on touch."""
from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable


class Lru:
    """At most *items* values. *clock* gives seconds, of the same kind as the times that ``put`` is given."""

    def __init__(self, items: int, *, clock: Callable[[], float] = time.time) -> None:
        self._items = items
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        """The value of *key*, or None."""
        now = self._clock()
        with self._lock:
            if (found := self._kept.get(key)) is None:
                return None
            if found[0] <= now:
                del self._kept[key]
                return None
            self._kept.move_to_end(key)
            return found[1]

    def put(self, key: str, value: bytes, until: float) -> None:
        """Keep *value* until then."""
        now = self._clock()
        with self._lock:
            self._kept[key] = until, value
            self._kept.move_to_end(key)
            for _ in range(3):  # so it grows no further than what is in use, and no thread need walk over all
                key, (end, _value) = next(iter(self._kept.items()))
                if end > now and len(self._kept) <= self._items:
                    break
                del self._kept[key]
                if not self._kept:
                    break

    def drop(self, key: str) -> None:
        """Forget *key*."""
        with self._lock:
            self._kept.pop(key, None)

    @property
    def items(self) -> int:
        """How many are kept."""
        return len(self._kept)
