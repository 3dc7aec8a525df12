"""What readers are shown: the site's own address asked over HTTP, as a cache before it may hold each encoding apart."""
from __future__ import annotations

import http.client
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

import brotli  # type: ignore[import-untyped]

from edge.store.port import Object

ENCODINGS = ("gzip", "br", "")  # an edge may hold each of them apart; "" asks without the header
ASK_S = 5.0  # for an answer
_MOST_BYTES = 64 << 20
_GZIP_WBITS = 31
_SERVERS = ("X-Served-By", "X-Amz-Cf-Pop", "CF-Ray", "Via", "Server")  # the one that tells most of who answered, first
_SERVED_BY_LETTERS = 200


class Answer(NamedTuple):
    """What an edge answered, the body unpacked; None where its coding is none that we know, or it is cut short."""

    status: int
    location: str
    body: bytes | None
    served_by: str

    def shows(self, thing: Object, plain: bytes) -> bool:
        """Whether this is *thing*, whose unpacked body is *plain*. A 301 or 410 that an edge makes itself has its own body."""
        if thing.status == http.client.MOVED_PERMANENTLY and self.status == thing.status:
            return urlsplit(self.location).path == thing.location
        return (thing.status == http.client.GONE and self.status == thing.status) or self.body == plain


class Edge:
    """What readers reach, at the site's own address. One connection, kept; not for several threads at once."""

    def __init__(self, base_url: str, timeout_s: float = ASK_S) -> None:
        parts = urlsplit(base_url)
        self.url = base_url
        made: Callable[..., http.client.HTTPConnection] = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection)
        self._line = made(parts.hostname, parts.port, timeout=timeout_s)

    def ask(self, path: str, encoding: str) -> Answer | None:
        """GET *path* with that Accept-Encoding; None where nobody answered. Never follows a redirect."""
        tries = 2 if self._line.sock else 1  # a kept connection may have been closed meanwhile
        for _ in range(tries):
            with suppress(OSError, http.client.HTTPException):
                return self._ask(path, encoding)
            self._line.close()
        return None

    def close(self) -> None:
        """Give the connection back; the next question opens another."""
        self._line.close()

    def _ask(self, path: str, encoding: str) -> Answer:
        self._line.putrequest("GET", path, skip_accept_encoding=True)
        self._line.putheader("User-Agent", "Lectern-Receipt")
        if encoding:
            self._line.putheader("Accept-Encoding", encoding)
        self._line.endheaders()
        answer = self._line.getresponse()
        raw = answer.read(_MOST_BYTES)
        served_by = next((value for name in _SERVERS if (value := answer.headers.get(name))), "")
        return Answer(answer.status, answer.headers.get("Location", ""), _plain(raw, answer.headers.get("Content-Encoding", "")),
                      served_by[:_SERVED_BY_LETTERS])


class Probe(Protocol):
    """What asks: an `Edge`, or a stand-in for one."""

    url: str

    def ask(self, path: str, encoding: str) -> Answer | None:
        """As `Edge.ask`."""


def _plain(raw: bytes, coding: str) -> bytes | None:
    """The body without its coding."""
    try:
        match coding.strip().lower():
            case "" | "identity":
                return raw
            case "gzip" | "x-gzip":
                return zlib.decompress(raw, wbits=_GZIP_WBITS)
            case "br":
                return bytes(brotli.decompress(raw))
    except (zlib.error, brotli.error):
        return None
    return None
