"""The registry of page kinds: one file each, which says its paths, keys, tier and context."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from builder.catalog import keys
from builder.catalog.reads import Catalog
from builder.pages import batch, course, feed, home, index, lists, retired, sitemap, topic, video
from builder.pages.page import SITEMAP, Kind, Page, Site


class Part(NamedTuple):
    """A part of the site that is planned and rendered by units: ids, or page numbers."""

    name: str
    chunks: Callable[[Catalog], Iterator[list[int]]]  # all units of a full build, in pieces for one task each
    pages: Callable[[Catalog, Site, Sequence[int]], Iterator[Page]]
    kinds: tuple[Kind, ...]  # what comes of its units; the first is what links lead to
    key: Callable[[int], int] | None = None  # the key that all pages of a unit bear, where units are ids
    folder: str = ""  # where those pages are, by slug


# The largest first, so that the last task to end is a small one.
PARTS = {
    part.name: part
    for part in (
        Part("video", video.chunks, video.pages, (video.VIDEO, video.TEXT, video.DATA), keys.video, "videos"),
        Part("captions", video.caption_chunks, video.caption_pages, (video.CAPTIONS, video.TRANSCRIPT), keys.video),
        Part("instructor", topic.instructor_chunks, topic.instructor_pages, (topic.INSTRUCTOR,), keys.instructor, "instructors"),
        Part("subject", topic.subject_chunks, topic.subject_pages, (topic.SUBJECT, feed.FEED), keys.subject, "subjects"),
        Part("batch", batch.chunks, batch.pages, batch.KINDS, keys.batch, "batches"),
        Part("course", course.chunks, course.pages, (course.COURSE, feed.FEED), keys.course, "courses"),
        Part("videos", lists.video_chunks, lists.video_pages, (lists.VIDEOS,)),
        Part("batches", lists.batch_chunks, lists.batch_pages, (lists.BATCHES,)),
        Part("index", index.chunks, index.pages, (*index.KINDS, SITEMAP)),
        Part("sitemap", sitemap.chunks, sitemap.pages, sitemap.KINDS),
        Part("home", home.chunks, home.pages, (*home.KINDS, feed.FEED)),
        Part("retired", retired.chunks, retired.pages, (retired.REDIRECT,)),
    )
}
KINDS: dict[str, Kind] = {
    kind.name: kind
    for module in (video, topic, batch, course, lists, index, sitemap, home, feed, retired)
    for kind in module.KINDS
}
