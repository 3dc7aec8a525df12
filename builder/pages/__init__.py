"""The registry of page kinds: one file each, which says its paths, keys, tier and context."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from builder.catalog.reads import Catalog
from builder.pages import batch, course, feed, home, index, lists, retired, sitemap, topic, video
from builder.pages.page import Kind, Page, Site


class Part(NamedTuple):
    """A part of the site that is planned and rendered by units: ids, or page numbers."""

    name: str
    chunks: Callable[[Catalog], Iterator[list[int]]]  # all units of a full build, in pieces for one task each
    pages: Callable[[Catalog, Site, Sequence[int]], Iterator[Page]]


# The largest first, so that the last task to end is a small one.
PARTS = {
    part.name: part
    for part in (
        Part("video", video.chunks, video.pages),
        Part("instructor", topic.instructor_chunks, topic.instructor_pages),
        Part("subject", topic.subject_chunks, topic.subject_pages),
        Part("batch", batch.chunks, batch.pages),
        Part("course", course.chunks, course.pages),
        Part("videos", lists.video_chunks, lists.video_pages),
        Part("batches", lists.batch_chunks, lists.batch_pages),
        Part("index", index.chunks, index.pages),
        Part("sitemap", sitemap.chunks, sitemap.pages),
        Part("home", home.chunks, home.pages),
        Part("retired", retired.chunks, retired.pages),
    )
}
KINDS: dict[str, Kind] = {
    kind.name: kind
    for module in (video, topic, batch, course, lists, index, sitemap, home, feed, retired)
    for kind in module.KINDS
}
