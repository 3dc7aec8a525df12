"""Films on a web server: whether they are there (HEAD), and how long an HLS stream is (its playlist, RFC 8216)."""
from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urljoin

from builder.catalog.providers.pace import HostDown
from builder.catalog.providers.port import Answer, Ask, conditions, found, hold_up, host_of, of_status
from builder.catalog.providers.web import Reply, Unreachable, Web

PLAYLIST_BYTES = 4 << 20  # a day of four-second pieces takes 1.5 MB
_NO_HEAD = (400, 403, 405, 501)  # signed addresses and old servers refuse HEAD where GET is answered
_PIECE = re.compile(r"#EXTINF:\s*(\d+(?:\.\d+)?)")


class Files:
    """A film that is one file."""

    batch = 1

    def host(self, url: str) -> str:
        """See Provider."""
        return host_of(url)

    def ask(self, web: Web, asks: Sequence[Ask]) -> list[Answer]:
        """See Provider. One byte is asked for where HEAD is not answered."""
        (ask,) = asks
        reply = web.fetch(ask.url, method="HEAD", headers=conditions(ask))
        if reply.status in _NO_HEAD:
            try:
                reply = web.fetch(ask.url, headers={**conditions(ask), "Range": "bytes=0-0"}, most_bytes=1 << 16)
            except Unreachable as error:
                return [Answer(ask.url, "failed", f"it refuses HEAD, and by GET {error}")]
        if answer := of_status(ask, hold_up(reply)):
            return [answer]
        if reply.headers.get("content-type", "").lower().startswith("text/html"):
            return [Answer(ask.url, "failed", "a web page stands where a film should be")]
        if reply.headers.get("content-length") == "0":
            return [Answer(ask.url, "failed", "it is empty")]
        return [found(ask, reply)]


class Streams:
    """A film that is a playlist of pieces."""

    batch = 1

    def host(self, url: str) -> str:
        """See Provider."""
        return host_of(url)

    def ask(self, web: Web, asks: Sequence[Ask]) -> list[Answer]:
        """See Provider. A list of variants is followed to its first one; a stream that goes on has no length."""
        (ask,) = asks
        reply = hold_up(web.fetch(ask.url, headers=conditions(ask), most_bytes=PLAYLIST_BYTES))
        if answer := of_status(ask, reply):
            return [answer]
        lines = _lines(reply)
        if lines is None:
            return [Answer(ask.url, "failed", "its answer is no playlist")]
        if (variant := _variant(lines)) is None:
            return [found(ask, reply, _length(lines))]
        try:
            pieces = _lines(web.fetch(urljoin(reply.url, variant), most_bytes=PLAYLIST_BYTES))
        except (Unreachable, HostDown, ValueError) as error:
            return [Answer(ask.url, "failed", f"its first variant cannot be read: {error}")]
        if pieces is None:
            return [Answer(ask.url, "failed", "its first variant is no playlist")]
        return [found(ask, reply, _length(pieces))]


def _lines(reply: Reply) -> list[str] | None:
    """The lines of a playlist; None where the reply is none."""
    if reply.status != 200:
        return None
    lines = [line.strip() for line in reply.body.decode("utf-8-sig", "replace").splitlines()]
    return lines if lines and lines[0].startswith("#EXTM3U") else None


def _variant(lines: list[str]) -> str | None:
    for number, line in enumerate(lines):
        if line.startswith("#EXT-X-STREAM-INF"):
            return next((uri for uri in lines[number + 1:] if uri and not uri.startswith("#")), None)
    return None


def _length(lines: list[str]) -> float | None:
    """The sum of the pieces; None while more may come (no end, and not declared as VOD)."""
    if "#EXT-X-ENDLIST" not in lines and "#EXT-X-PLAYLIST-TYPE:VOD" not in lines:
        return None
    return sum(float(piece[1]) for line in lines if (piece := _PIECE.match(line)))
