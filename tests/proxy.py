"""A TCP proxy before a server on a Unix socket, whose open lines can be made to swallow all that comes, without a close."""
from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import parse_qs, urlsplit


class Proxy:
    """`dsn` leads through it."""

    def __init__(self, dsn: str) -> None:
        parts = urlsplit(dsn)
        self._target = f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.5432"
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.dsn = (f"host=127.0.0.1 user=postgres sslmode=disable gssencmode=disable dbname={parts.path.lstrip('/')} "
                    f"port={self._listening.getsockname()[1]}")
        self._lines: list[tuple[threading.Event, socket.socket, socket.socket]] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def swallow(self) -> None:
        """The lines that are open now go dead; new ones work."""
        for dead, _, _ in self._lines:
            dead.set()

    def refuse(self) -> None:
        """Take no new lines."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End all lines."""
        self.refuse()
        self._listening.close()
        for _, *ends in self._lines:
            for end in ends:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        for _, *ends in self._lines:
            for end in ends:
                end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._target)
                dead = threading.Event()
                self._lines.append((dead, client, server))
                for pair in ((client, server), (server, client)):
                    self._threads.append(threading.Thread(target=_pump, args=(*pair, dead), daemon=True))
                    self._threads[-1].start()


def _pump(source: socket.socket, target: socket.socket, dead: threading.Event) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            if not dead.is_set():
                target.sendall(data)
    if not dead.is_set():  # a half-open line says nothing of its end either
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxy(dsn: str) -> Iterator[Proxy]:
    """A proxy for the length of the block."""
    one = Proxy(dsn)
    try:
        yield one
    finally:
        one.close()
