"""The Internet Archive's metadata API, ``/metadata/ID`` (archive.org/developers/md-read.html)."""
from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from builder.catalog.providers.port import Answer, Ask, conditions, found, hold_up, host_of, inside, length, listed, of_status, read_json
from builder.catalog.providers.web import Web

ENDPOINT = "https://archive.org"
ITEM_BYTES = 8 << 20  # an item lists all its files
_FILM = re.compile(r"\.(?:mp4|m4v|webm|ogv|mov|mpe?g|avi|mkv|flv)$", re.IGNORECASE)
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,3}):(\d{2})")


class Archive:
    """Items of the Archive, or single files of them."""

    batch = 1

    def __init__(self, endpoint: str = ENDPOINT) -> None:
        self._endpoint = endpoint

    def host(self, url: str) -> str:
        """See Provider."""
        return host_of(self._endpoint)

    def ask(self, web: Web, asks: Sequence[Ask]) -> list[Answer]:
        """See Provider. An item that does not exist is an empty object, so the item's page is asked too."""
        (ask,) = asks
        item, _, file = urlsplit(ask.url).path.removeprefix("/details/").partition("/")
        reply = hold_up(web.fetch(f"{self._endpoint}/metadata/{item}", headers=conditions(ask), most_bytes=ITEM_BYTES))
        if answer := of_status(ask, reply):
            return [answer if answer.outcome != "missing" else Answer(ask.url, "failed", answer.why)]
        told = read_json(reply.body)
        if told == {}:
            page = hold_up(web.fetch(f"{self._endpoint}/details/{item}", method="HEAD"))
            if page.status in (404, 410):
                return [Answer(ask.url, "missing", "the Archive has no such item")]
            return [Answer(ask.url, "failed", "its answer is empty")]
        if told is not None and told.get("is_dark") is True:
            return [Answer(ask.url, "missing", "the Archive took the item down")]
        if told is None or not isinstance(told.get("files"), list):
            return [Answer(ask.url, "failed", "its answer is no item")]
        films = _films(told, unquote(file))
        if file and not films:
            return [Answer(ask.url, "missing", "the item no longer has this file")]
        return [found(ask, reply, _seconds(films), f"{self._endpoint}/services/img/{quote(item)}",
                      inside(told, "metadata", "title"))]


def _films(told: dict[str, Any], file: str) -> list[dict[str, Any]]:
    """The file that is meant, or the item's films; what was derived of it names its original."""
    files = [f for f in listed(told["files"]) if isinstance(f.get("name"), str)]
    if file:
        return [f for f in files if f["name"] == file]
    return [f for f in files if _FILM.search(f["name"]) and f.get("source") == "original"]


def _seconds(films: list[dict[str, Any]]) -> int | None:
    """The length of the only film; None where an item has several, or tells none."""
    if len(films) != 1 or not isinstance(text := inside(films[0], "length"), str):
        return None
    if clock := _CLOCK.fullmatch(text.strip()):
        hours, minutes, seconds = (int(part or 0) for part in clock.groups())
        return length(hours * 3600 + minutes * 60 + seconds)
    return length(text.strip())
