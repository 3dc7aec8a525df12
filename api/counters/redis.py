"""Counting in Redis, which is asked once a request, by a script."""
from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from api.counters.memory import MemoryCounter
from api.counters.window import Wanted, Window

if TYPE_CHECKING:
    from api.shared_redis import Client, SharedRedis

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


class RedisCounter(MemoryCounter):
    """Counts in Redis, by its clock; in this process while it is away."""

    STORAGE_SCHEME = ["lectern+redis"]  # noqa: RUF012  (as its base class has it)

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, *, shared: SharedRedis, **options: Any) -> None:
        super().__init__(uri, wrap_exceptions)
        self._shared = shared
        self._scripts: tuple[Client, Any] = None, None

    def hit(self, key: str, limit: int, window_s: int, amount: int = 1) -> Window:
        """As MemoryCounter's."""
        found = self._asked([(key, limit, window_s)], amount)
        return found[0] if found else super().hit(key, limit, window_s, amount)

    def hit_all(self, wanted: Sequence[Wanted]) -> list[Window]:
        """As MemoryCounter's, by one question; a cluster, which has keys in many places, is asked one at a time."""
        if self._shared.is_cluster:
            return super().hit_all(wanted)
        return self._asked(wanted, 1) or [super(RedisCounter, self).hit(*one) for one in wanted]

    def look(self, key: str, limit: int, window_s: int) -> Window:
        """As MemoryCounter's."""
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
