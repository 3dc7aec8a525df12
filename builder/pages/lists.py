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

VIDEOS = Kind("videos", "metadata", HTML, LISTS, "videos.html", indexed=True)
BATCHES = Kind("batches", "catalog", HTML, LISTS, "batches.html", indexed=True)
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
        words = site.words
        head = Head(words.gettext("Lectures · page %(number)s", number=page) if page else words.gettext("Lectures"),
                    words.gettext("All lectures, newest first."), section="videos",
                    feed="" if page else "/feed.xml")
        page_keys = [keys.VIDEOS, cut.fact(page), *(keys.video_card(c.id) for c in shown.cards)]
        yield Page(page_path(base, page), VIDEOS, page_keys, "", shown, head, page)


def batch_pages(catalog: Catalog, site: Site, units: Sequence[int]) -> Iterator[Page]:
    """Pages of the list of batches; 0 is its own address."""
    base = Path("/batches/")
    for page, cut, ids in _cut(catalog, keys.BATCHES, units):
        batches = catalog.batches(ids)
        shown = Shown([], [batches[id] for id in ids if id in batches], pager(base, cut, page))
        words = site.words
        head = Head(words.gettext("Batches · page %(number)s", number=page) if page else words.gettext("Batches"),
                    words.gettext("All batches of all courses, newest first."), section="courses")
        page_keys = [keys.BATCHES, cut.fact(page), *(key(b.id) for b in shown.batches for key in (keys.batch_card, keys.batch_sums))]
        yield Page(page_path(base, page), BATCHES, page_keys, "", shown, head, page)


def _chunks(catalog: Catalog, list_key: int) -> Iterator[list[int]]:
    units = list(range(Cut(_last(catalog, list_key)).numbered + 1))
    return (units[n : n + CHUNK] for n in range(0, len(units), CHUNK))


def _cut(catalog: Catalog, list_key: int, units: Sequence[int]) -> Iterator[tuple[int, Cut, list[int]]]:
    """For each page its number, the list's cut and the item ids, newest first."""
    cut = Cut(_last(catalog, list_key))
    units = [page for page in units if page <= cut.numbered]
    spans = [cut.bounds(page) for page in units]
    items = catalog.list_spans([(list_key, low, high) for low, high in spans]).get(list_key, [])
    for page, (low, high) in zip(units, spans, strict=True):
        yield page, cut, [id for number, id in reversed(items) if low <= number <= high]


def _last(catalog: Catalog, list_key: int) -> int:
    return catalog.list_ends([list_key]).get(list_key, 0)
