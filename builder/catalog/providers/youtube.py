"""The YouTube Data API v3, ``videos.list``: fifty ids a request, one unit of quota each.

Source: developers.google.com/youtube/v3/docs/videos/list and …/docs/errors. An id that does not exist, was removed
or is private is simply absent from a good answer; so absence counts only in an answer that is whole and knows others.
"""
from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from builder.catalog.providers.pace import HostDown
from builder.catalog.providers.port import LONGEST_S, Answer, Ask, hold_up, inside, line, listed, picture, read_json
from builder.catalog.providers.web import Reply, Web

ENDPOINT = "https://www.googleapis.com/youtube/v3/videos"
BATCH = 50  # ids that one request takes
WITNESS = "jNQXAC9IVRw"  # the first video of all, there since 2005: an answer that knows it knows what it says
_DURATION = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_PICTURES = ("maxres", "standard", "high", "medium")
_LOST = {"deleted": "it was removed", "failed": "its upload failed", "rejected": "it was rejected"}


class YouTube:
    """``videos.list`` with a key, for at most *units* requests."""

    batch = BATCH

    def __init__(self, key: str, units: int, endpoint: str = ENDPOINT) -> None:
        self._key = key
        self._units = units
        self._endpoint = endpoint
        self._lock = threading.Lock()
        self.spent = 0
        """Units spent so far: an invalid request costs one too."""

    def host(self, url: str) -> str:
        """See Provider: the API is one host."""
        return "youtube"

    def ask(self, web: Web, asks: Sequence[Ask]) -> list[Answer]:
        """See Provider. [] when no unit is left."""
        ids = {ask.url.partition("?v=")[2][:11]: ask for ask in sorted(asks)}
        asked_with = _digest(ids)
        known = {(ask.asked_with, ask.etag) for ask in asks}
        etag = asks[0].etag if known == {(asked_with, asks[0].etag)} else ""
        if (reply := self._request(web, list(ids), etag)) is None:
            return []
        if reply.status == 304:
            return [Answer(ask.url, "same") for ask in asks]
        items, new_etag = _items(reply, list(ids))
        absent = [id for id in ids if id not in items]
        doubt = ""
        if len(absent) * 2 > len(ids):
            doubt = self._doubt(web, absent)
        return [_absent(ask, doubt, new_etag, asked_with) if id in absent else _present(ask, items[id], new_etag, asked_with)
                for id, ask in ids.items()]

    def _doubt(self, web: Web, absent: list[str]) -> str:
        """Why an answer that lacks most of what was asked for is not believed; "" once a second one knows the witness."""
        reply = self._request(web, [*absent[: BATCH - 1], WITNESS], "")
        items = _items(reply, [*absent, WITNESS])[0] if reply is not None and reply.status == 200 else {}
        if WITNESS not in items or items.keys() & set(absent):
            return "its answer is empty or cut short"
        return ""

    def _request(self, web: Web, ids: list[str], etag: str) -> Reply | None:
        with self._lock:
            if self.spent >= self._units:
                return None
            self.spent += 1
        query = urlencode({"part": "snippet,contentDetails,status", "id": ",".join(ids), "maxResults": BATCH, "key": self._key}, safe=",")
        reply = web.fetch(f"{self._endpoint}?{query}", headers={"If-None-Match": etag} if etag else None, hops=0)
        if reply.status in (200, 304):
            return reply
        hold_up(reply)
        errors = listed(inside(read_json(reply.body), "error", "errors"))
        reason = str(errors[0].get("reason", ""))[:60] if errors else ""
        raise HostDown(f"the API answers {reply.status} {reason}".rstrip())


def seconds(duration: object) -> int | None:
    """Whole seconds of an ISO 8601 duration such as PT1H2M3S; None for P0D (a live stream), P3W…, and what is none."""
    if not isinstance(duration, str) or len(duration) > 40 or not (parts := _DURATION.fullmatch(duration)):
        return None
    total = sum(int(part or 0) * size for part, size in zip(parts.groups(), (604_800, 86_400, 3600, 60, 1), strict=True))
    return total if 1 <= total <= LONGEST_S else None


def _digest(ids: Sequence[str] | dict[str, Ask]) -> str:
    return hashlib.sha256(",".join(ids).encode()).hexdigest()[:16]


def _items(reply: Reply, asked: list[str]) -> tuple[dict[str, dict[str, Any]], str]:
    """The videos of an answer by id, and its ETag. Raises HostDown for an answer that is not whole."""
    body = read_json(reply.body)
    items = {str(item.get("id")): item for item in listed(inside(body, "items"))}
    if (body is None or body.get("kind") != "youtube#videoListResponse" or not isinstance(body.get("items"), list)
            or inside(body, "pageInfo", "totalResults") != len(items) or not items.keys() <= set(asked)):
        raise HostDown("the API's answer is not whole")
    return items, str(body.get("etag") or reply.headers.get("etag", ""))[:1000]


def _absent(ask: Ask, doubt: str, etag: str, asked_with: str) -> Answer:
    if doubt:
        return Answer(ask.url, "failed", doubt)
    return Answer(ask.url, "missing", "YouTube does not know it", etag=etag, asked_with=asked_with)


def _present(ask: Ask, item: dict[str, Any], etag: str, asked_with: str) -> Answer:
    lost = _LOST.get(inside(item, "status", "uploadStatus"), "")
    if not lost and inside(item, "status", "privacyStatus") == "private":
        lost = "it is private"
    pictures = [inside(item, "snippet", "thumbnails", name, "url") for name in _PICTURES]
    return Answer(ask.url, "missing" if lost else "found", lost, seconds(inside(item, "contentDetails", "duration")),
                  next((good for url in pictures if (good := picture(url))), None), etag,
                  asked_with=asked_with, title=line(inside(item, "snippet", "title")))
