"""Subjects and instructors: who or what, then the lectures, newest first, fifty to ninety-nine at the own address."""
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

SUBJECT = Kind("subject", "metadata", HTML, LISTS, "topic.html")
INSTRUCTOR = Kind("instructor", "metadata", HTML, LISTS, "topic.html")
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
    """All subjects that have a page."""
    ids = catalog.ids("shown_subjects")
    return (ids[n : n + CHUNK] for n in range(0, len(ids), CHUNK))


def instructor_chunks(catalog: Catalog) -> Iterator[list[int]]:
    """All instructors that have a page."""
    ids = catalog.ids("shown_instructors")
    return (ids[n : n + CHUNK] for n in range(0, len(ids), CHUNK))


def subject_pages(catalog: Catalog, site: Site, ids: Sequence[int]) -> Iterator[Page]:
    """The pages and feeds of the subjects *ids*."""
    return _pages(catalog, site, SUBJECT, "Subjects", catalog.subjects(ids), keys.subject)


def instructor_pages(catalog: Catalog, site: Site, ids: Sequence[int]) -> Iterator[Page]:
    """The pages of the instructors *ids*."""
    return _pages(catalog, site, INSTRUCTOR, "Instructors", catalog.instructors(ids), keys.instructor)


def _pages(catalog: Catalog, site: Site, kind: Kind, plural: str, topics: list[Topic], key: Callable[[int], int]) -> Iterator[Page]:
    items = catalog.list_items([key(t.id) for t in topics])
    cards = catalog.cards(id for numbered in items.values() for _, id in numbered)
    if kind is SUBJECT:
        feed.prepare(catalog, (id for numbered in items.values() for _, id in numbered[-feed.ENTRIES :]))
    folder = plural.lower()
    for topic in topics:
        numbered = [pair for pair in items.get(key(topic.id), []) if pair[1] in cards]
        if not numbered:
            continue
        cut = Cut(items[key(topic.id)][-1][0])
        base = at(folder, topic.slug)
        groups = group_tag(kind.name, topic.id)
        atom = f"{base}feed.xml" if kind is SUBJECT else ""
        crumbs = [Crumb(plural, f"/{folder}/")]
        title = f"{nth(topic.title, topic.namesakes)} · {plural}"
        about = f"Lectures on {topic.title}." if kind is SUBJECT else f"Lectures by {topic.title}."
        jsonld = script_json({"@context": "https://schema.org", "@graph": [breadcrumbs(site, [*crumbs, Crumb(topic.title, base)])]})
        for page in range(cut.numbered + 1):
            low, high = cut.bounds(page)
            shown = [cards[id] for number, id in reversed(numbered) if low <= number <= high]
            head = Head(f"{title} · page {page}" if page else title, about, feed=atom, section=folder, jsonld=jsonld)
            page_keys = [key(topic.id), *(keys.video_card(c.id) for c in shown)]
            content = Shown(topic, kind.name, crumbs, shown, pager(base, cut, page), atom)
            yield Page(page_path(base, page), kind, page_keys, groups, content, head)
        if atom:
            yield feed.feed(catalog, topic.title, base, key(topic.id), groups, [id for _, id in numbered[: -feed.ENTRIES - 1 : -1]])
