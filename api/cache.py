"""What was made once for one student, kept for a while: bytes by key, in this process and, where there is one, in Redis.

Keys carry the student's revision, so what is stale is never asked for again; time only ends it. Of those
who ask for one key at the same time, one makes the value and the others wait for it (dogpile.cache). That
lock is this process's own: a process that is killed leaves none behind. Bytes go into Redis and come out
of it as they are, never as pickles, which would run whatever somebody wrote there.
"""
from __future__ import annotations

import json
import math
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dogpile.cache import make_region, register_backend
from dogpile.cache.api import NO_VALUE, BytesBackend, NoValue
from flask import Flask, Response, current_app, g, has_request_context, request

from api.lru import Lru

if TYPE_CHECKING:
    from api.shared_redis import SharedRedis

ITEMS_PER_INSTANCE = 10_000  # the guide's
EXTENSION = "lectern.cache"
NAME = "lectern"
_PREFIX = "lectern:cache:"
_UNTIL = struct.Struct(">d")
_MOST_NOTED_BYTES = 99
_BACKEND = "lectern.levels"
_BAR = b"|"  # what dogpile.cache sets between what it notes and the value

register_backend(_BACKEND, __name__, "Levels")


@dataclass(slots=True)
class Figures:
    """What was asked of the cache in this process."""

    hits: int = 0
    misses: int = 0
    shared_hits: int = 0  # of the hits, those that only Redis had
    items: int = 0


class Cache:
    """At most *items* values in this process, in front of *shared*. *clock* gives the time of day in seconds."""

    def __init__(self, *, items: int = ITEMS_PER_INSTANCE, shared: SharedRedis | None = None,
                 clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._region = make_region(serializer=bytes, deserializer=bytes)
        self._region.configure(_BACKEND, arguments={"lru": Lru(items, clock=clock), "shared": shared, "clock": clock})
        levels = self._region.actual_backend
        assert isinstance(levels, Levels)
        self._levels = levels
        self._figures = Figures()

    def get_or_make(self, key: str, make: Callable[[], bytes], ttl_s: int) -> tuple[bytes, bool]:
        """The value of *key* and whether it was there; where it was not, *make* makes it, to be kept for *ttl_s* seconds.

        Raises what *make* raises; a Redis that is away is a miss.
        """
        if kept := self._levels.lru.get(key):
            return self._told(_value(kept), hit=True)
        made: list[bool] = []

        def create() -> bytes:
            made.append(True)
            return _UNTIL.pack(self._clock() + ttl_s) + make()

        value = self._region.get_or_create(key, create)
        assert isinstance(value, bytes)
        return self._told(value[_UNTIL.size :], hit=not made)

    def drop(self, key: str) -> None:
        """Forget *key*, here and in Redis; other processes keep theirs."""
        self._region.delete(key)

    @property
    def figures(self) -> Figures:
        """What was asked of it in this process."""
        self._figures.items = self._levels.lru.items
        self._figures.shared_hits = self._levels.shared_hits
        return self._figures

    def _told(self, value: bytes, *, hit: bool) -> tuple[bytes, bool]:
        if hit:
            self._figures.hits += 1
        else:
            self._figures.misses += 1
        if has_request_context():
            g.cache_hit = hit  # for the answer's headers
        return value, hit


class Levels(BytesBackend):
    """dogpile.cache's backend: the memory of this process before Redis, from which it is filled."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        self.lru: Lru = arguments["lru"]
        self.shared_hits = 0
        self._shared: SharedRedis | None = arguments["shared"]
        self._clock: Callable[[], float] = arguments["clock"]

    def get_serialized(self, key: str) -> bytes | NoValue:
        """As BytesBackend says."""
        if (kept := self.lru.get(key)) is not None:
            return kept
        found = self._shared.ask(lambda client: client.get(_PREFIX + key)) if self._shared else None
        if not isinstance(found, bytes) or (until := _until(found)) <= self._clock():
            return NO_VALUE
        self.lru.put(key, found, until)
        self.shared_hits += 1
        return found

    def set_serialized(self, key: str, value: bytes) -> None:
        """As BytesBackend says."""
        until = _until(value)
        self.lru.put(key, value, until)
        if self._shared:
            left_ms = max(1, int((until - self._clock()) * 1000))
            self._shared.ask(lambda client: client.set(_PREFIX + key, value, px=left_ms))

    def delete(self, key: str) -> None:
        """As CacheBackend says."""
        self.lru.drop(key)
        if self._shared:
            self._shared.ask(lambda client: client.delete(_PREFIX + key))


def current() -> Cache:
    """The application's cache."""
    cache = current_app.extensions[EXTENSION]
    assert isinstance(cache, Cache)
    return cache


def tell(answer: Response) -> Response:
    """X-Cache, and Cache-Status as RFC 9211 has it."""
    if request.path.startswith("/api/"):
        hit = g.get("cache_hit")
        answer.headers.add("X-Cache", "BYPASS" if hit is None else "HIT" if hit else "MISS")
        answer.headers.add("Cache-Status", f"{NAME}; " + ("fwd=bypass" if hit is None else "hit" if hit else "fwd=miss; stored"))
    return answer


def init_app(app: Flask, cache: Cache) -> None:
    """Give *app* its cache."""
    app.extensions[EXTENSION] = cache
    app.after_request(tell)


def _value(kept: bytes) -> bytes:
    return kept[kept.index(_BAR) + 1 + _UNTIL.size :]


def _until(kept: bytes) -> float:
    """When *kept* ends; at once where it is not what we wrote."""
    noted, _, value = kept.partition(_BAR)
    try:
        if len(noted) > _MOST_NOTED_BYTES or not isinstance(json.loads(noted)["ct"], float):
            return 0.0
        until: float = _UNTIL.unpack_from(value)[0]
    except (ValueError, KeyError, TypeError, struct.error):
        return 0.0
    return until if math.isfinite(until) else 0.0
