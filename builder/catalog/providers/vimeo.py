"""The Vimeo API, ``/videos/ID`` with a token (developer.vimeo.com/api/reference/videos)."""
from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from builder.catalog.providers.pace import HostDown
from builder.catalog.providers.port import Answer, Ask, conditions, found, hold_up, inside, listed, of_status, read_json
from builder.catalog.providers.web import Web

ENDPOINT = "https://api.vimeo.com/videos"
_WIDTH = 1280  # pixels: wider pictures are scaled down again


class Vimeo:
    """The API with a token; an unlisted video is asked for with its secret, ``ID:SECRET``."""

    batch = 1

    def __init__(self, token: str, endpoint: str = ENDPOINT) -> None:
        self._token = token
        self._endpoint = endpoint

    def host(self, url: str) -> str:
        """See Provider: the API is one host."""
        return "vimeo"

    def ask(self, web: Web, asks: Sequence[Ask]) -> list[Answer]:
        """See Provider."""
        (ask,) = asks
        name = urlsplit(ask.url).path.strip("/").replace("/", ":")
        headers = {**conditions(ask), "Authorization": f"bearer {self._token}", "Accept": "application/vnd.vimeo.video+json;version=3.4"}
        reply = hold_up(web.fetch(f"{self._endpoint}/{name}?fields=uri,name,duration,status,pictures.sizes", headers=headers))
        told = read_json(reply.body)
        if reply.status == 401:
            raise HostDown("the API refuses LECTERN_VIMEO_TOKEN (401)")
        if reply.status == 404 and not (told and "error" in told):
            return [Answer(ask.url, "failed", "it answers 404, but not as the API does")]
        if answer := of_status(ask, reply):
            return [answer]
        if told is None or not isinstance(told.get("uri"), str):
            return [Answer(ask.url, "failed", "its answer is no Vimeo video")]
        sizes = sorted((size for size in listed(inside(told, "pictures", "sizes")) if isinstance(size.get("width"), int)),
                       key=lambda size: int(size["width"]))
        fitting = next((size for size in sizes if size["width"] >= _WIDTH), sizes[-1] if sizes else {})
        return [found(ask, reply, told.get("duration"), fitting.get("link"), told.get("name"))]
