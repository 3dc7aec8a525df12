"""A token bucket on our side, so that a CDN's quota delays purges and does not refuse them."""
from __future__ import annotations

import threading
import time
from collections.abc import Callable

from edge.cdn.port import Rate


class Quota:
    """Requests of one account in this process. Others may spend from the same bucket: then the CDN says so."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock = rate, clock
        self._tokens, self._at = float(rate.burst), clock()
        self._lock = threading.Lock()

    def take(self) -> float:
        """Take the token of one request: 0.0 when there was one, else the seconds until there is."""
        with self._lock:
            now = self._clock()
            self._tokens = min(self._rate.burst, self._tokens + max(0.0, now - self._at) * self._rate.a_second)
            self._at = max(self._at, now)
            if self._tokens >= 1:
                self._tokens -= 1
                return 0.0
            return (1 - self._tokens) / self._rate.a_second

    def empty(self, retry_after_s: float) -> None:
        """The CDN refused: whoever else spent the tokens, there is none for so long."""
        with self._lock:
            self._tokens, self._at = 1.0 - self._rate.a_second * retry_after_s, self._clock()
