"""Subjects and instructors: who or what, then the lectures, newest first, fifty to ninety-nine at the own address.

A unit is one page of one of them: the id above sixteen bits of page number, 0 for the own address, which the feed
goes with.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from builder.catalog import keys
from builder.catalog.model import Card, Topic
from builder.catalog.reads import Catalog
from builder.pages import feed
from builder.pages.listing import Cut, Pager, page_path, pager
from builder.pages.page import HTML, LISTS, Crumb, Head, Kind, Page, Site, at, breadcrumbs, nth, script_json
from edge.address import group_tag

SUBJECT = Kind("subject", "metadata", HTML, LISTS, "topic.html", indexed=True)
INSTRUCTOR = Kind("instructor", "metadata", HTML, LISTS, "topic.html", indexed=True)
KINDS = (SUBJECT, INSTRUCTOR)
CHUNK = 400


class Shown(NamedTuple):
    """What one page of a subject's or instructor's lectures shows."""

    topic: Topic
    kind: str
    crumbs: list[Crumb]
    cards: list[Card]  # newest first
    pager: Pager
    feed: str


def subject_chunks(catalog: Catalog) -> Iterator[list[int]]:
    """All pages of all subjects that have one."""
    return _chunks(catalog, catalog.ids("shown_subjects"), keys.subject)


def instructor_chunks(catalog: Catalog) -> Iterator[list[int]]:
    """All pages of all instructors who have one."""
    return _chunks(catalog, catalog.ids("shown_instructors"), keys.instructor)


def subject_pages(catalog: Catalog, site: Site, units: Sequence[int]) -> Iterator[Page]:
    """Pages of subjects, with their feeds."""
    return _pages(catalog, site, SUBJECT, "subjects", catalog.subjects(_ids(units)), keys.subject, units)


def instructor_pages(catalog: Catalog, site: Site, units: Sequence[int]) -> Iterator[Page]:
    """Pages of instructors."""
    return _pages(catalog, site, INSTRUCTOR, "instructors", catalog.instructors(_ids(units)), keys.instructor, units)


def unit_of(id: int, page: int = 0) -> int:
    """The unit that is a page of a subject or instructor."""
    return id << 16 | page


def _ids(units: Sequence[int]) -> list[int]:
    return sorted({unit >> 16 for unit in units})


def _chunks(catalog: Catalog, ids: list[int], key: Callable[[int], int]) -> Iterator[list[int]]:
    ends = catalog.list_ends([key(id) for id in ids])
    units = [unit_of(id, page) for id in ids for page in range(Cut(ends.get(key(id), 0)).numbered + 1)]
    return (units[n : n + CHUNK] for n in range(0, len(units), CHUNK))


def _pages(catalog: Catalog, site: Site, kind: Kind, folder: str, topics: list[Topic], key: Callable[[int], int],
           units: Sequence[int]) -> Iterator[Page]:
    ends = catalog.list_ends([key(t.id) for t in topics])
    cuts = {t.id: Cut(ends.get(key(t.id), 0)) for t in topics}
    wanted: dict[int, list[int]] = {}
    for unit in units:
        id, page = unit >> 16, unit & 0xFFFF
        if id in cuts and page <= cuts[id].numbered:
            wanted.setdefault(id, []).append(page)
    items = catalog.list_spans([(key(id), *cuts[id].bounds(page)) for id, pages in wanted.items() for page in pages])
    cards = catalog.cards(id for numbered in items.values() for _, id in numbered)
    if kind is SUBJECT:
        feed.prepare(catalog, (id for numbered in items.values() for _, id in numbered[-feed.ENTRIES :]))
    words = site.words
    subject = kind is SUBJECT
    plural = words.gettext("Subjects") if subject else words.gettext("Instructors")
    for topic in topics:
        numbered = [pair for pair in items.get(key(topic.id), ()) if pair[1] in cards]
        cut = cuts[topic.id]
        base = at(folder, topic.slug)
        groups = group_tag(kind.name, topic.id)
        atom = f"{base}feed.xml" if kind is SUBJECT else ""
        crumbs = [Crumb(plural, f"/{folder}/")]
        title = f"{nth(topic.title, topic.namesakes)} · {plural}"
        about = (words.gettext("Lectures on %(subject)s.", subject=topic.title) if subject
                 else words.gettext("Lectures by %(name)s.", name=topic.title))
        jsonld = script_json({"@context": "https://schema.org", "@graph": [breadcrumbs(site, [*crumbs, Crumb(topic.title, base)])]})
        for page in wanted.get(topic.id, ()):
            low, high = cut.bounds(page)
            shown = [cards[id] for number, id in reversed(numbered) if low <= number <= high]
            head = Head(words.gettext("%(title)s · page %(number)s", title=title, number=page) if page else title,
                        about, feed=atom, section=folder, jsonld=jsonld)
            page_keys = [key(topic.id), cut.fact(page), *(keys.video_card(c.id) for c in shown)]
            content = Shown(topic, kind.name, crumbs, shown, pager(base, cut, page), atom)
            unit = unit_of(topic.id, page)
            yield Page(page_path(base, page), kind, page_keys, groups, content, head, unit)
            if atom and not page:
                yield feed.feed(catalog, topic.title, base, key(topic.id), groups, [c.id for c in shown], unit)
