"""The editors' desk: static pages, in no index, which scripts fill from the API. Without a desk there are none.

Nothing of the catalog stands in them: who is no editor gets the same empty frames as everybody.
"""
from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from builder.catalog import keys
from builder.pages.page import HTML, PAGES, Head, Kind, Page, Site
from edge.address import Path

DESK = Kind("desk", "catalog", HTML, PAGES, "desk.html")
KINDS = (DESK,)


class Place(NamedTuple):
    """A place at the desk: ``kind`` is what its list holds, "" where it is no list of things."""

    name: str
    kind: str
    path: str
    title: str


class Shown(NamedTuple):
    """What a page of the desk shows: where one is, and where one can go."""

    here: Place
    places: tuple[Place, ...]


def places(site: Site) -> tuple[Place, ...]:
    """All of the desk, in the order of its navigation."""
    words = site.words
    return (
        Place("videos", "video", "/desk/", words.gettext("Lectures")),
        Place("batches", "batch", "/desk/batches/", words.gettext("Batches")),
        Place("courses", "course", "/desk/courses/", words.gettext("Courses")),
        Place("subjects", "subject", "/desk/subjects/", words.gettext("Subjects")),
        Place("instructors", "instructor", "/desk/instructors/", words.gettext("Instructors")),
        Place("history", "", "/desk/history/", words.gettext("History")),
        Place("releases", "", "/desk/releases/", words.gettext("Releases")),
        Place("files", "", "/desk/files/", words.gettext("Files")),
        Place("health", "", "/desk/health/", words.gettext("Health")),
    )


def pages(site: Site) -> Iterator[Page]:
    """The desk's pages, where the site has a desk."""
    if not site.desk:
        return
    there = places(site)
    for here in there:
        title = site.words.gettext("%(place)s at the desk", place=here.title)
        yield Page(Path(here.path), DESK, [keys.SITE], "", Shown(here, there), Head(title, title, noindex=True))
