"""The site behind the edges: a real origin over a store, on the server of `serve`, that a test can make old, slow, failing or silent."""
from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from wsgiref.types import StartResponse, WSGIEnvironment

from waitress import wasyncore
from waitress.server import BaseWSGIServer, create_server

from api import server as serving
from edge.origin import Origin
from edge.policy import page_headers
from edge.store.sqlite import SQLiteStore
from tests.edge.asking import Application

HEADERS = page_headers(https=False)
HELD_S = 20.0
SECRET = "0123456789abcdef" * 2
"""Opens protected media."""
BRIEF_S = 1


class Asked(NamedTuple):
    """A request as it came to the origin. Header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]


class Site:
    """A WSGI application: pages from a store, and below /api/ an answer that says how it was asked."""

    def __init__(self, store: SQLiteStore) -> None:
        self._pages = Origin(store, HEADERS, secret=SECRET)
        self.asked: list[Asked] = []
        self.ages: dict[str, int] = {}  # seconds that an answer at a path says to be old
        self.brief: set[str] = set()  # paths whose time is BRIEF_S at an edge
        self.failing: set[str] = set()  # paths that are answered by 503
        self.more: dict[str, list[tuple[str, str]]] = {}  # further headers of a path
        self.held: dict[str, threading.Event] = {}  # a path's answer waits for it
        self.halved: dict[str, threading.Event] = {}  # the second half of a path's body waits for it

    def count(self, path: str) -> int:
        """How often the origin was asked for *path*."""
        return sum(asked.target.partition("?")[0] == path for asked in self.asked)

    def last(self, path: str) -> Asked:
        """The newest request for *path*."""
        return next(asked for asked in reversed(self.asked) if asked.target.partition("?")[0] == path)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        target = str(environ.get("REQUEST_URI") or environ["PATH_INFO"])
        path = target.partition("?")[0]
        headers = {name[5:].replace("_", "-").lower(): str(value) for name, value in environ.items() if name.startswith("HTTP_")}
        self.asked.append(Asked(environ["REQUEST_METHOD"], target, headers))
        if event := self.held.get(path):
            assert event.wait(HELD_S), f"{path} was held for ever"
        if path in self.failing:
            start_response("503 Service Unavailable", [("Content-Type", "text/plain")])
            return [b"no"]
        if path.startswith("/api/"):
            return self._api(environ, start_response)

        def begin(status: str, fields: list[tuple[str, str]], *rest: Any) -> Any:
            if path in self.ages:
                fields = [*fields, ("Age", str(self.ages[path]))]
            if path in self.brief:
                fields = [(k, f"public, s-maxage={BRIEF_S}" if k == "Cache-Control" else v) for k, v in fields]
            return start_response(status, [*fields, *self.more.get(path, [])], *rest)

        body = self._pages(environ, begin)
        return _in_halves(b"".join(body), self.halved[path]) if path in self.halved else body

    def _api(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).decode()
        asked = self.asked[-1]
        answer = json.dumps({"method": asked.method, "target": asked.target, "headers": asked.headers, "body": body}).encode()
        # As careless as an API could be: an edge keeps nothing of it all the same.
        start_response("200 OK", [("Content-Type", "application/json"), ("Cache-Control", "public, max-age=600"), ("Set-Cookie", "sid=1"),
                                  ("Content-Length", str(len(answer)))])
        return [answer]


def _in_halves(body: bytes, rest: threading.Event) -> Iterator[bytes]:
    half = len(body) // 2
    yield body[:half]
    assert rest.wait(HELD_S), "the rest was held for ever"
    yield body[half:]


class Served:
    """A running server of a site, such as `serve` uses."""

    def __init__(self, site: Application) -> None:
        self._map: dict[Any, Any] = {}
        server = create_server(site, host="127.0.0.1", port=0, threads=8, map=self._map, ident=None, asyncore_use_poll=True,
                               clear_untrusted_proxy_headers=False)
        assert isinstance(server, BaseWSGIServer)
        assert server.socket
        server.channel_class = serving._Channel
        self._server = server
        self.port = int(server.socket.getsockname()[1])
        self._thread = threading.Thread(target=server.run)
        self._thread.start()

    def stop(self) -> None:
        """Close the port and every connection. Idempotent."""
        if self._thread.is_alive():
            trigger: Any = self._server.trigger
            trigger.pull_trigger(lambda: wasyncore.close_all(self._map, ignore_all=True))
            self._thread.join(10)
            self._server.task_dispatcher.shutdown()


@contextmanager
def running(site: Application) -> Iterator[Served]:
    """Serves *site* for the length of the block."""
    served = Served(site)
    try:
        yield served
    finally:
        served.stop()
