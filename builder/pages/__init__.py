"""The registry of page kinds: one file each, which says its paths, keys, tier and context."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from builder.catalog.reads import Catalog
from builder.pages import (
    account,
    batch,
    captions,
    course,
    desk,
    feed,
    home,
    index,
    legal,
    lists,
    offline,
    retired,
    search,
    sitemap,
    topic,
    video,
    wellknown,
)
from builder.pages.page import SITEMAP, Kind, Page, Site


class Part(NamedTuple):
    """A part of the site that is planned and rendered by units: ids, or page numbers."""

    code: int  # stands in the manifest's rows: never changed or given to another part
    name: str
    chunks: Callable[[Catalog], Iterator[list[int]]]  # all units of a full build, in pieces for one task each
    pages: Callable[[Catalog, Site, Sequence[int]], Iterator[Page]]
    kinds: tuple[Kind, ...]  # what comes of its units; the first is what links lead to
    folder: str = ""  # where a thing's own pages are, by slug; "" where units are no things
    paged: bool = False  # units are pages of a thing

    def pack(self, unit: int) -> int:
        """A unit of this part, as the manifest's rows name it."""
        return unit << 8 | self.code

    def label(self, unit: int) -> str:
        """The unit as people read it: ``video:7``, ``subject:7 page 2``."""
        page = f" page {unit & 0xFFFF}" if self.paged and unit & 0xFFFF else ""
        return f"{self.name}:{unit >> 16 if self.paged else unit}{page}"

    def thing(self, unit: int) -> int | None:
        """The id of the thing whose own address the unit makes."""
        if not self.paged:
            return unit
        return None if unit & 0xFFFF else unit >> 16


# The largest first, so that the last task to end is a small one.
PARTS = {
    part.name: part
    for part in (
        Part(1, "video", video.chunks, video.pages, (video.VIDEO, video.TEXT, video.DATA), "videos"),
        Part(2, "captions", captions.chunks, captions.pages, captions.KINDS),
        Part(3, "instructor", topic.instructor_chunks, topic.instructor_pages, (topic.INSTRUCTOR,), "instructors", True),
        Part(4, "subject", topic.subject_chunks, topic.subject_pages, (topic.SUBJECT, feed.FEED), "subjects", True),
        Part(5, "batch", batch.chunks, batch.pages, batch.KINDS, "batches"),
        Part(6, "course", course.chunks, course.pages, (course.COURSE, feed.FEED), "courses"),
        Part(7, "videos", lists.video_chunks, lists.video_pages, (lists.VIDEOS,)),
        Part(8, "batches", lists.batch_chunks, lists.batch_pages, (lists.BATCHES,)),
        Part(9, "index", index.chunks, index.pages, (*index.KINDS, SITEMAP)),
        Part(10, "sitemap", sitemap.chunks, sitemap.pages, sitemap.KINDS),
        Part(13, "search", search.chunks, search.pages, (search.FILE, search.INDEX, search.SEARCH)),
        Part(11, "home", home.chunks, home.pages,
             (*home.KINDS, *account.KINDS, *desk.KINDS, *legal.KINDS, *offline.KINDS, *wellknown.KINDS, feed.FEED)),
        Part(12, "retired", retired.chunks, retired.pages, (retired.REDIRECT,)),
    )
}
_BY_CODE = {part.code: part for part in PARTS.values()}
KINDS: dict[str, Kind] = {kind.name: kind for kind in (*(kind for part in PARTS.values() for kind in part.kinds), retired.GONE)}


def part_of(packed: int) -> Part | None:
    """The part of a packed unit; None where no part of this version made it (assets, "gone")."""
    return _BY_CODE.get(packed & 255)
