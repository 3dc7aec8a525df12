"""Fastly's purge interface, as its API reference has it."""
from __future__ import annotations

import json
import re

from tests.edge.fakes.cache import Cache
from tests.edge.fakes.server import Api, Reply, Request

SERVICE, TOKEN = "SU1Z0isxPaozGVKXdv0eY", "fastly-secret"
KEYS = 256


class FastlyApi(Api):
    """One service whose cache is *cache*, for the host *host*."""

    def __init__(self, cache: Cache, host: str) -> None:
        super().__init__()
        self.cache, self.host = cache, host

    def answer(self, request: Request) -> Reply:
        """401 without the token, 404 for a stranger's service, 400 for more than 256 keys."""
        assert "fastly-soft-purge" not in request.headers, "a soft purge serves the old page once more"
        if request.headers.get("fastly-key") != TOKEN:
            return _json(401, {"msg": "Provided credentials are missing or invalid"})
        if request.method != "POST":
            return _json(405, {"msg": "Method not allowed"})
        if request.target.startswith("/purge/"):
            host, slash, path = request.target.removeprefix("/purge/").partition("/")
            if host == self.host:
                self.cache.forget_path(slash + path)
            return _json(200, {"status": "ok", "id": f"108-1391560174-{len(self.seen)}"})
        found = re.fullmatch(r"/service/([^/]+)/(purge|purge_all)", request.target)
        if not found or found[1] != SERVICE:
            return _json(404, {"msg": "Record not found", "detail": "Cannot load service"})
        if found[2] == "purge_all":
            self.cache.forget_all()
            return _json(200, {"status": "ok"})
        # Keys in the body, or in a header that is split at spaces.
        keys = json.loads(request.body or b"{}").get("surrogate_keys") or request.headers.get("surrogate-key", "").split()
        if not keys or len(keys) > KEYS:
            return _json(400, {"msg": "Bad request", "detail": f"Between 1 and {KEYS} surrogate keys"})
        self.cache.forget_tags(keys)
        return _json(200, {key: f"108-{n}" for n, key in enumerate(keys)})


def _json(status: int, content: object) -> Reply:
    return Reply(status, json.dumps(content).encode(), (("Content-Type", "application/json"),))
