"""A batch: its lectures in the editor's order, fifty a page, its JSON for scripts, and its days for calendars."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from builder.catalog import keys
from builder.catalog.model import Batch, Card
from builder.catalog.reads import Catalog
from builder.pages.listing import PER_PAGE, page_path
from builder.pages.page import (
    HTML,
    JSON,
    LEAVES,
    LISTS,
    Crumb,
    Head,
    Kind,
    Page,
    Site,
    at,
    breadcrumbs,
    dumps,
    nth,
    script_json,
)
from builder.pages.schedule import SCHEDULE, has_days, schedule
from builder.pages.words import iso_duration, shorten
from edge.address import Path, group_tag

BATCH = Kind("batch", "catalog", HTML, LISTS, "batch.html", indexed=True)
DATA = Kind("batch_data", "media", JSON, LEAVES)
KINDS = (BATCH, DATA, SCHEDULE)
CHUNK = 40


class Shown(NamedTuple):
    """What one page of a batch shows."""

    batch: Batch
    crumbs: list[Crumb]
    text: Markup
    cards: list[Card]
    start: int  # the number of the first lecture on this page
    number: int
    pages: list[tuple[int, Path]]  # (number, path) of all its pages; empty where there is one
    days: str  # the calendar of its days; "" where it has none
    more: str  # where all of its lectures are told to scripts; "" where this page has all


def chunks(catalog: Catalog) -> Iterator[list[int]]:
    """All batches that have a page."""
    ids = catalog.ids("shown_batches")
    return (ids[n : n + CHUNK] for n in range(0, len(ids), CHUNK))


def pages(catalog: Catalog, site: Site, ids: Sequence[int]) -> Iterator[Page]:
    """The pages of the shown ones among the batches *ids*."""
    words = site.words
    batches = catalog.batches(ids)
    orders = catalog.orders(list(batches))
    for batch in batches.values():
        order = orders[batch.id].ids
        cards = catalog.cards(order)
        groups = f"{group_tag('batch', batch.id)} {group_tag('course', batch.course_id)}"
        base = at("batches", batch.slug)
        clean = catalog.clean(batch.description, batch.description_markup)
        count = (len(order) + PER_PAGE - 1) // PER_PAGE
        numbers = [(n, page_path(base, n if n > 1 else 0)) for n in range(1, count + 1)] if count > 1 else []
        crumbs = [Crumb(words.gettext("Courses"), "/courses/"), Crumb(batch.course_title, at("courses", batch.course_slug))]
        days = Path(f"{base}batch.ics") if has_days(batch) else Path("")
        for n in range(1, count + 1):
            part = order[(n - 1) * PER_PAGE : n * PER_PAGE]
            shown = Shown(batch, crumbs, Markup(clean.html if n == 1 else ""), [cards[id] for id in part],
                          (n - 1) * PER_PAGE + 1, n, numbers, days, data_path(batch.id) if numbers else "")
            path = page_path(base, n if n > 1 else 0)
            page_keys = [keys.batch(batch.id), keys.batch_sums(batch.id), keys.course_card(batch.course_id), keys.fact(count),
                         *(keys.video_card(id) for id in part)]
            yield Page(path, BATCH, page_keys, groups, shown, _head(shown, site, path, clean.plain), batch.id)
        side_keys = [keys.batch_card(batch.id), keys.course_card(batch.course_id), *(keys.video_card(id) for id in order)]
        of = [cards[id] for id in order]
        yield Page(data_path(batch.id), DATA, side_keys, groups, _data(batch, of), unit=batch.id)
        if days:
            day_keys = [keys.batch(batch.id), keys.batch_card(batch.id), *(keys.video_card(id) for id in order)]
            yield Page(days, SCHEDULE, day_keys, groups, schedule(batch, of, site, catalog.site_uuid), unit=batch.id)


def data_path(id: int) -> Path:
    """Where a batch's JSON is."""
    return Path(f"/data/batch/{id}.json")


def _head(shown: Shown, site: Site, path: Path, plain: str) -> Head:
    batch = shown.batch
    title = nth(batch.title, batch.namesakes)
    words = site.words
    image = f"{site.base_url}/{batch.card}" if batch.card else ""
    about = shorten(plain) or words.ngettext(
        "%(n)s lecture of %(batch)s, a batch of %(course)s.", "%(n)s lectures of %(batch)s, a batch of %(course)s.",
        batch.videos, batch=batch.title, course=batch.course_title)
    if shown.number > 1:
        return Head(words.gettext("%(title)s · Batches · page %(number)s", title=title, number=shown.number),
                    words.gettext("Lectures from number %(start)s on: %(about)s", start=words.number(shown.start), about=about),
                    image=image, section="courses")
    run: dict[str, Any] = {"@type": "CourseInstance", "courseMode": "online", "name": batch.title}
    if batch.timed == batch.videos:
        run["courseWorkload"] = iso_duration(batch.total_s)
    if first := batch.starts_on or batch.first_on:
        run["startDate"] = first.isoformat()
    if last := batch.ends_on or batch.last_on:
        run["endDate"] = last.isoformat()
    course = {
        "@type": "Course", "name": batch.course_title, "description": about, "url": site.base_url + shown.crumbs[1].path,
        "provider": {"@type": "Organization", "name": site.name, "url": f"{site.base_url}/"}, "hasCourseInstance": run,
    }
    graph = [course, breadcrumbs(site, [*shown.crumbs, Crumb(batch.title, path)])]
    return Head(words.gettext("%(title)s · Batches", title=title), about, image=image, section="courses",
                jsonld=script_json({"@context": "https://schema.org", "@graph": graph}))


def _data(batch: Batch, cards: list[Card]) -> str:
    return dumps({
        "id": batch.id, "slug": batch.slug, "title": batch.title, "gated": batch.gated,
        "course": {"id": batch.course_id, "slug": batch.course_slug, "title": batch.course_title},
        "videos": [{"id": c.id, "slug": c.slug, "title": c.title, "duration_s": c.duration_s, "language": c.language,
                    "year": c.recorded_on.year if c.recorded_on else None, "by": [i.title for i in c.instructors]} for c in cards],
    })
