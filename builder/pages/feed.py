"""Atom feeds (RFC 4287): of the site, of a course, of a subject. Ids come from public ids, never from slugs or hosts."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import uuid5

from builder.catalog import keys
from builder.catalog.reads import Catalog
from builder.pages.page import ATOM, MAPS, Kind, Page, at
from builder.pages.words import noon, shorten
from edge.address import Path

FEED = Kind("feed", "metadata", ATOM, MAPS, "feed.xml")
KINDS = (FEED,)
ENTRIES = 30
UNDATED = "2000-01-01T12:00:00Z"  # Atom demands a date; a lecture without one sorts last


class Entry(NamedTuple):
    id: int
    urn: str
    title: str
    path: str
    published: str
    updated: str
    summary: str
    authors: tuple[str, ...]


class Feed(NamedTuple):
    urn: str
    title: str
    path: str
    page: str  # the page that the feed is of
    updated: str
    entries: list[Entry]


def feed(catalog: Catalog, title: str, page: Path, key: int, groups: str, ids: Sequence[int], unit: int = 0) -> Page:
    """The feed beside *page* with the newest of *ids* (newest first)."""
    entries = _entries(catalog, ids[:ENTRIES])
    content = Feed(
        uuid5(catalog.site_uuid, keys.show(key)).urn, title, f"{page}feed.xml", page,
        max((e.updated for e in entries), default=UNDATED), entries,
    )
    return Page(Path(content.path), FEED, [key, *(keys.video(e.id) for e in entries)], groups, content, unit=unit)


def prepare(catalog: Catalog, ids: Iterable[int]) -> None:
    """Read what feeds say of *ids* at once, before they are made one by one."""
    _entries(catalog, list(set(ids)))


def _entries(catalog: Catalog, ids: Sequence[int]) -> list[Entry]:
    cards = catalog.cards(ids)
    missing = [id for id in cards if id not in catalog.entries]
    if missing:
        texts = catalog.entry_texts(missing)
        for id in missing:
            card, (plain, words_at) = cards[id], texts[id]
            published = noon(card.recorded_on) if card.recorded_on else UNDATED
            catalog.entries[id] = Entry(
                id, uuid5(catalog.site_uuid, f"video:{id}").urn, card.title, at("videos", card.slug), published,
                _rfc3339(words_at) if words_at else published, shorten(plain, 200),
                tuple(i.title for i in card.instructors),
            )
    return [catalog.entries[id] for id in ids if id in cards]


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
