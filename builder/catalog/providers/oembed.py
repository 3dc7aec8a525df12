"""oEmbed (oembed.com): of a provider whose endpoint is known, or of any page that names its own."""
from __future__ import annotations

from collections.abc import Sequence
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin

from builder.catalog.providers.port import Answer, Ask, conditions, found, hold_up, host_of, of_status, read_json
from builder.catalog.providers.web import TEXT_BYTES, Reply, Web

YOUTUBE = "https://www.youtube.com/oembed"
VIMEO = "https://vimeo.com/api/oembed.json"
_TYPES = ("video", "rich", "photo", "link")


class OEmbed:
    """One provider's endpoint."""

    batch = 1

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint

    def host(self, url: str) -> str:
        """See Provider."""
        return host_of(self._endpoint)

    def ask(self, web: Web, asks: Sequence[Ask]) -> list[Answer]:
        """See Provider. A 404 says that the provider has nothing there; 401 that it is private (oEmbed 2.3.3)."""
        (ask,) = asks
        query = urlencode({"url": ask.url, "format": "json"})
        return [_answer(ask, hold_up(web.fetch(f"{self._endpoint}?{query}", headers=conditions(ask))))]


class Discovery:
    """Any page: whether it is there, and what the oEmbed that its head names tells of it."""

    batch = 1

    def host(self, url: str) -> str:
        """See Provider."""
        return host_of(url)

    def ask(self, web: Web, asks: Sequence[Ask]) -> list[Answer]:
        """See Provider. A page that names no oEmbed is found, and tells nothing."""
        (ask,) = asks
        page = hold_up(web.fetch(ask.url, headers={**conditions(ask), "Accept": "text/html, */*;q=0.8"}, most_bytes=4 * TEXT_BYTES))
        if answer := of_status(ask, page):
            return [answer]
        endpoint = _endpoint(page)
        if endpoint is None:
            return [found(ask, page)]
        told = _answer(Ask(ask.url), hold_up(web.fetch(endpoint)))
        if told.outcome != "found":
            return [found(ask, page)]
        return [found(ask, page, told.duration_s, told.picture_url, told.title)]


def _answer(ask: Ask, reply: Reply) -> Answer:
    if answer := of_status(ask, reply):
        return answer
    told = read_json(reply.body)
    if not told or told.get("type") not in _TYPES:
        return Answer(ask.url, "failed", "its answer is no oEmbed")
    return found(ask, reply, told.get("duration"), told.get("thumbnail_url"), told.get("title"))


def _endpoint(page: Reply) -> str | None:
    if "html" not in page.headers.get("content-type", ""):
        return None
    links = _Links()
    links.feed(page.body.decode("utf-8", "replace"))
    try:
        return urljoin(page.url, links.href) if links.href else None
    except ValueError:
        return None


class _Links(HTMLParser):
    """The address of the first link to a JSON oEmbed."""

    def __init__(self) -> None:
        super().__init__()
        self.href = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if (tag == "link" and not self.href and (named.get("type") or "").lower() == "application/json+oembed"
                and "alternate" in (named.get("rel") or "").lower().split()):
            self.href = (named.get("href") or "").strip()
