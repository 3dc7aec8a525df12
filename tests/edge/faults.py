"""A proxy before a real S3 server that loses answers, refuses, delays and invents, by script."""
from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import urlsplit

Fault = Literal["drop", "drop after", "500", "500 after", "503", "409", "412", "403", "404", "slow"]
"""drop: close without asking the server. "after": the server does it, and the answer is lost."""

SLOW_S = 1.0
_PHRASE = {"500": "InternalError", "503": "SlowDown", "409": "ConditionalRequestConflict",
           "412": "PreconditionFailed", "403": "AccessDenied",
           "404": "NoSuchKey"}


class FaultyServer:
    """What the proxy was told, and what it saw."""

    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream).netloc
        self.url = ""
        self.decide: Callable[[str, str, int], Fault | str | None] = lambda method, path, number: None
        self.seen: list[tuple[str, str]] = []
        self._lock = threading.Lock()

    def next_fault(self, method: str, path: str) -> str | None:
        """What to do with this request, by method, path, and how many there were of that method."""
        with self._lock:
            self.seen.append((method, path))
            number = sum(seen == method for seen, _ in self.seen)
            return self.decide(method, path, number)

    def count(self, method: str) -> int:
        """How many requests of *method* came."""
        return sum(seen == method for seen, _ in self.seen)


@contextmanager
def faulty(upstream: str) -> Iterator[FaultyServer]:
    """Runs a proxy before *upstream*."""
    state = FaultyServer(upstream)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16  # head and body in one packet, or each answer waits 40 ms for an acknowledgement

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            fault = state.next_fault(self.command, self.path)
            if fault == "drop":
                self.close_connection = True
            elif fault == "slow":
                time.sleep(SLOW_S)
                self.close_connection = True
            elif fault in _PHRASE:
                self._say(int(fault), f"<Error><Code>{_PHRASE[fault]}</Code><Message>by script</Message></Error>")
            elif fault and fault.startswith("<"):
                self._say(200, fault)
            else:
                self._forward(body, fault)

        def _forward(self, body: bytes, fault: str | None) -> None:
            connection = http.client.HTTPConnection(state.upstream, timeout=30)
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                connection.putheader(name, value)  # Host too: the signature is over it
            connection.endheaders(body)
            answer = connection.getresponse()
            content = answer.read()
            if fault == "drop after":
                self.close_connection = True
            elif fault == "500 after":
                self._say(500, "<Error><Code>InternalError</Code></Error>")
            else:
                self.send_response_only(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                        self.send_header(name, value)
                length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
                self.send_header("Content-Length", length or "0")
                self.end_headers()
                self.wfile.write(content)
            connection.close()

        def _say(self, status: int, body: str) -> None:
            self.send_response_only(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body.encode())

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _any

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
