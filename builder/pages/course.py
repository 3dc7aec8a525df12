"""A course: what it is, its batches as a timeline newest first, and its feed."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from markupsafe import Markup

from builder.catalog import keys
from builder.catalog.model import Batch, Course
from builder.catalog.reads import Catalog
from builder.pages import feed
from builder.pages.listing import Cut, Pager, page_path, pager
from builder.pages.page import HTML, LISTS, Crumb, Head, Kind, Page, Site, at, breadcrumbs, nth, script_json
from builder.pages.words import shorten
from edge.address import group_tag

COURSE = Kind("course", "catalog", HTML, LISTS, "course.html", indexed=True)
KINDS = (COURSE,)
CHUNK = 100


class Shown(NamedTuple):
    """What one page of a course shows."""

    course: Course
    crumbs: list[Crumb]
    text: Markup
    batches: list[Batch]  # newest first
    videos: int  # of all its batches; 0 where they stand on several pages
    total_s: int
    timed: int  # how many of them have a length
    pager: Pager
    feed: str


def chunks(catalog: Catalog) -> Iterator[list[int]]:
    """All courses that have a page."""
    ids = catalog.ids("shown_courses")
    return (ids[n : n + CHUNK] for n in range(0, len(ids), CHUNK))


def pages(catalog: Catalog, site: Site, ids: Sequence[int]) -> Iterator[Page]:
    """The pages and feeds of the shown ones among the courses *ids*."""
    words = site.words
    courses = catalog.courses(ids)
    ends = catalog.list_ends([keys.course(c.id) for c in courses])
    items = catalog.list_spans([(list, 1, last) for list, last in ends.items()])
    batches = catalog.batches([id for numbered in items.values() for _, id in numbered])
    newest = {r[0]: r[1] for r in catalog.rows("course_newest", ids=[c.id for c in courses], limit=feed.ENTRIES)}
    feed.prepare(catalog, (id for ids in newest.values() for id in ids or ()))
    for course in courses:
        numbered = items.get(keys.course(course.id), [])
        base = at("courses", course.slug)
        groups = group_tag("course", course.id)
        title = words.gettext("%(title)s · Courses", title=nth(course.title, course.namesakes))
        clean = catalog.clean(course.description, course.description_markup)
        cut = Cut(ends.get(keys.course(course.id), 0))
        for page in range(cut.numbered + 1):
            low, high = cut.bounds(page)
            shown = [batches[id] for number, id in reversed(numbered) if low <= number <= high and id in batches]
            content = Shown(course, [Crumb(words.gettext("Courses"), "/courses/")], Markup("" if page else clean.html), shown,
                            *(_sums(shown) if not cut.numbered else (0, 0, 0)), pager(base, cut, page), f"{base}feed.xml")
            about = shorten(clean.plain) or words.gettext(
                "Lectures of %(course)s: %(batches)s.", course=course.title, batches=", ".join(b.title for b in shown[:6]))
            head = Head(
                words.gettext("%(title)s · page %(number)s", title=title, number=page) if page else title, about,
                feed=content.feed, image=f"{site.base_url}/{course.card}" if course.card else "", section="courses",
                jsonld=script_json({"@context": "https://schema.org", "@graph": [
                    {"@type": "Course", "name": course.title, "description": about, "url": site.base_url + base,
                     "provider": {"@type": "Organization", "name": site.name, "url": f"{site.base_url}/"}},
                    breadcrumbs(site, [Crumb(words.gettext("Courses"), "/courses/"), Crumb(course.title, base)])]}),
            )
            page_keys = [keys.course(course.id), cut.fact(page), *(key(b.id) for b in shown for key in (keys.batch_card, keys.batch_sums))]
            yield Page(page_path(base, page), COURSE, page_keys, groups, content, head, course.id)
        yield feed.feed(catalog, course.title, base, keys.course(course.id), groups, newest.get(course.id) or [], course.id)


def _sums(batches: list[Batch]) -> tuple[int, int, int]:
    return sum(b.videos for b in batches), sum(b.total_s for b in batches), sum(b.timed for b in batches)
