"""The site's own long lists: all videos, all batches, newest first. A unit is a page number; 0 is the list's address."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from builder.catalog import keys
from builder.catalog.model import Batch, Card
from builder.catalog.reads import Catalog
from builder.pages.listing import Cut, Pager, page_path, pager
from builder.pages.page import HTML, LISTS, Head, Kind, Page, Site
from edge.address import Path

VIDEOS = Kind("videos", "metadata", HTML, LISTS, "videos.html")
BATCHES = Kind("batches", "catalog", HTML, LISTS, "batches.html")
KINDS = (VIDEOS, BATCHES)
CHUNK = 40


class Shown(NamedTuple):
    """One page of a site-wide list: its cards, or its batches."""

    cards: list[Card]
    batches: list[Batch]
    pager: Pager


def video_chunks(catalog: Catalog) -> Iterator[list[int]]:
    """All pages of the list of videos."""
    return _chunks(catalog, keys.VIDEOS)


def batch_chunks(catalog: Catalog) -> Iterator[list[int]]:
    """All pages of the list of batches."""
    return _chunks(catalog, keys.BATCHES)


def video_pages(catalog: Catalog, site: Site, units: Sequence[int]) -> Iterator[Page]:
    """Pages of the list of videos; 0 is its own address."""
    base = Path("/videos/")
    for page, cut, ids in _cut(catalog, keys.VIDEOS, units):
        cards = catalog.cards(ids)
        shown = Shown([cards[id] for id in ids if id in cards], [], pager(base, cut, page))
        head = Head(f"Lectures · page {page}" if page else "Lectures", "All lectures, newest first.", section="videos",
                    feed="" if page else "/feed.xml")
        yield Page(page_path(base, page), VIDEOS, [keys.VIDEOS, *(keys.video_card(id) for id in ids)], "", shown, head)


def batch_pages(catalog: Catalog, site: Site, units: Sequence[int]) -> Iterator[Page]:
    """Pages of the list of batches; 0 is its own address."""
    base = Path("/batches/")
    for page, cut, ids in _cut(catalog, keys.BATCHES, units):
        batches = catalog.batches(ids)
        shown = Shown([], [batches[id] for id in ids if id in batches], pager(base, cut, page))
        head = Head(f"Batches · page {page}" if page else "Batches", "All batches of all courses, newest first.", section="courses")
        yield Page(page_path(base, page), BATCHES, [keys.BATCHES, *(keys.batch(id) for id in ids)], "", shown, head)


def _chunks(catalog: Catalog, list_key: int) -> Iterator[list[int]]:
    units = list(range(Cut(_last(catalog, list_key)).numbered + 1))
    return (units[n : n + CHUNK] for n in range(0, len(units), CHUNK))


def _cut(catalog: Catalog, list_key: int, units: Sequence[int]) -> Iterator[tuple[int, Cut, list[int]]]:
    """For each page its number, the list's cut and the item ids, newest first."""
    cut = Cut(_last(catalog, list_key))
    spans = [cut.bounds(page) for page in units]
    items = catalog.list_items([list_key], min(low for low, _ in spans), max(high for _, high in spans)).get(list_key, [])
    for page, (low, high) in zip(units, spans, strict=True):
        yield page, cut, [id for number, id in reversed(items) if low <= number <= high]


def _last(catalog: Catalog, list_key: int) -> int:
    rows = catalog.rows("list_ends", lists=[list_key])
    return int(rows[0][1]) if rows else 0
