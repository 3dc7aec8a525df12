"""Cloudflare's purge interface: by plan so many requests in a token bucket, 100 operations a request."""
from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from tests.edge.fakes.cache import Cache
from tests.edge.fakes.server import Api, Reply, Request

ZONE, TOKEN = "023e105f4ecef8ad9ca31a8372d0c353", "cloudflare-secret"
OPERATIONS = 100
TAG_BYTES = 1024


class CloudflareApi(Api):
    """One zone whose cache is *cache*, for the host *host*."""

    def __init__(self, cache: Cache, host: str, *, a_second: float = 5 / 60, burst: int = 25,
                 clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.cache, self.host = cache, host
        self.refused = 0
        self._a_second, self._burst, self._clock = a_second, burst, clock
        self._tokens, self._at = float(burst), clock()

    def answer(self, request: Request) -> Reply:
        """403 without the token or for a stranger's zone, 429 from an empty bucket, 400 for what is no purge."""
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _no(403, 10000, "Authentication error")
        if (request.method, request.target) != ("POST", f"/client/v4/zones/{ZONE}/purge_cache"):
            return _no(404, 7003, "Could not route to the zone")
        now = self._clock()
        self._tokens, self._at = min(self._burst, self._tokens + (now - self._at) * self._a_second), now
        if self._tokens < 1:
            self.refused += 1
            return _no(429, 10429, "Rate limited", ("Retry-After", str(math.ceil((1 - self._tokens) / self._a_second))))
        self._tokens -= 1
        return self._purge(json.loads(request.body))

    def _purge(self, said: dict[str, object]) -> Reply:
        match said:
            case {"purge_everything": True} if len(said) == 1:
                self.cache.forget_all()
            case {"tags": [*tags]} if len(said) == 1 and 0 < len(tags) <= OPERATIONS:
                if any(not str(tag).isascii() or len(str(tag)) > TAG_BYTES or set(str(tag)) & set(" ,") for tag in tags):
                    return _no(400, 1012, "Invalid tag")
                self.cache.forget_tags([str(tag) for tag in tags], fold_case=True)
            case {"files": [*files]} if len(said) == 1 and 0 < len(files) <= OPERATIONS:
                if any(urlsplit(str(file)).netloc != self.host for file in files):
                    return _no(400, 1016, "Unable to purge: the URL is not of this zone")
                for file in files:
                    self.cache.forget_path(urlsplit(str(file)).path)
            case _:
                return _no(400, 1093, "Request must contain one of purge_everything, files, tags, hosts or prefixes")
        return _say(200, {"success": True, "errors": [], "messages": [], "result": {"id": ZONE}})


def _no(status: int, code: int, message: str, *headers: tuple[str, str]) -> Reply:
    return _say(status, {"success": False, "errors": [{"code": code, "message": message}], "messages": [], "result": None}, *headers)


def _say(status: int, content: object, *headers: tuple[str, str]) -> Reply:
    return Reply(status, json.dumps(content).encode(), (("Content-Type", "application/json"), *headers))
