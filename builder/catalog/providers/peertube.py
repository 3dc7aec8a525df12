"""PeerTube's REST API, ``/api/v1/videos/ID`` (docs.joinpeertube.org/api-rest-reference.html); every host is its own."""
from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urljoin, urlsplit

from builder.catalog.providers.port import Answer, Ask, conditions, found, hold_up, host_of, inside, listed, of_status, read_json
from builder.catalog.providers.web import Web

_PUBLISHED = 1  # state ids from 2 on: being made, waiting for a stream, failed


class PeerTube:
    """Any PeerTube host."""

    batch = 1

    def host(self, url: str) -> str:
        """See Provider."""
        return host_of(url)

    def ask(self, web: Web, asks: Sequence[Ask]) -> list[Answer]:
        """See Provider. Only a 404 in the API's own form (RFC 7807) says "not found": the host may run something else now."""
        (ask,) = asks
        parts = urlsplit(ask.url)
        base = f"{parts.scheme}://{parts.netloc}"
        reply = hold_up(web.fetch(f"{base}/api/v1/videos/{parts.path.rpartition('/')[2]}", headers=conditions(ask)))
        told = read_json(reply.body)
        if reply.status in (404, 410) and inside(told, "status") != reply.status:
            return [Answer(ask.url, "failed", f"it answers {reply.status}, but not as PeerTube does")]
        if answer := of_status(ask, reply):
            return [answer]
        if told is None or not isinstance(told.get("uuid"), str):
            return [Answer(ask.url, "failed", "its answer is no PeerTube video")]
        path = told.get("previewPath") or told.get("thumbnailPath")
        if not path and (kept := [t for t in listed(told.get("thumbnails")) if isinstance(t.get("width"), int)]):
            path = max(kept, key=lambda t: int(t["width"])).get("fileUrl")
        picture = urljoin(f"{base}/", path) if isinstance(path, str) and path else None
        whole = inside(told, "state", "id") in (None, _PUBLISHED)
        return [found(ask, reply, told.get("duration") if whole else None, picture, told.get("name"))]
