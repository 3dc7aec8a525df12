"""A vendor's HTTP interface on loopback: one function answers, every request is kept."""
from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Request(NamedTuple):
    """What came. Header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Reply(NamedTuple):
    """What goes back; a status of 0 closes the connection without a word."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class Api:
    """An interface: subclasses answer. *fault*, while set, is what every request gets instead."""

    def __init__(self) -> None:
        self.url = ""
        self.seen: list[Request] = []
        self.fault: Reply | None = None
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Reply:
        """What the vendor would say."""
        raise NotImplementedError

    def say(self, request: Request) -> Reply:
        """One at a time, so that counts and buckets are exact."""
        with self._lock:
            self.seen.append(request)
            return self.fault or self.answer(request)


class DoesNothing(Api):
    """Says what *inner* would, and has nothing done."""

    def __init__(self, reply: Callable[[Request], Reply]) -> None:
        super().__init__()
        self._reply = reply

    def answer(self, request: Request) -> Reply:
        """A 200 that means nothing."""
        return self._reply(request)


@contextmanager
def served(api: Api) -> Iterator[Api]:
    """Runs *api* on a free port; its `url` says where."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            reply = api.say(Request(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            if not reply.status:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_POST = do_PURGE = _any

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    api.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
