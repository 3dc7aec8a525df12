"""IndexNow's interface, as its documentation has it: who may tell is seen by a file on the host itself."""
from __future__ import annotations

import json
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from tests.edge.fakes.server import Api, Reply, Request

URLS = 10_000


class IndexNowApi(Api):
    """An engine; *shows* gives the text at a URL, None where there is none. `told` has the URLs of each request that it took."""

    def __init__(self, shows: Callable[[str], str | None]) -> None:
        super().__init__()
        self.shows = shows
        self.told: list[list[str]] = []

    def answer(self, request: Request) -> Reply:
        """400 for another form or too many URLs, 422 for another host or a key of another form, 403 where the file does not show the
        key; 202 at first, while the key is looked at, then 200."""
        if (request.method, request.target) != ("POST", "/indexnow"):
            return Reply(404)
        try:
            said = json.loads(request.body)
            host, key, place, urls = (said[name] for name in ("host", "key", "keyLocation", "urlList"))
        except (ValueError, KeyError, TypeError):
            return Reply(400, b"Invalid format")
        if request.headers.get("content-type") != "application/json; charset=utf-8" or not urls or len(urls) > URLS:
            return Reply(400, b"Invalid format")
        ours = all(urlsplit(url).hostname == host and url.isascii() for url in (place, *urls))
        if not ours or not re.fullmatch(r"[A-Za-z0-9-]{8,128}", key):
            return Reply(422, b"URLs do not belong to the host, or the key does not match the schema")
        if self.shows(place) != key:
            return Reply(403, b"Key not valid")
        self.told.append(urls)
        return Reply(202 if len(self.told) == 1 else 200)
