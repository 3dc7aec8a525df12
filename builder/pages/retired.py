"""Addresses that were used once: a redirect where the thing lives on, "gone" where it does not.

The body is a whole page, so that a bucket that knows nothing of statuses still tells a reader where to go.
"""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from builder.catalog import keys
from builder.catalog.reads import Catalog
from builder.pages.page import HTML, RETIRED, Head, Kind, Page, Site, at
from edge.address import Path, key_of, path_of
from edge.store.port import storable

REDIRECT = Kind("redirect", "retired", HTML, RETIRED, "retired.html")
GONE = Kind("gone", "retired", HTML, RETIRED, "retired.html")
KINDS = (REDIRECT, GONE)
CHUNK = 2000
RESERVED = frozenset(
    ("about", "account", "api", "assets", "batches", "captions", "courses", "data", "desk", "instructors", "preview",
     "sitemaps", "subjects", "videos",
     # Files at the top: a folder of the same name cannot stand beside them in every store.
     "404.html", "favicon.ico", "feed.xml", "index.html", "robots.txt", "site.webmanifest", "sitemap.xml"))
_FOLDERS = {"video": "videos", "batch": "batches", "course": "courses", "subject": "subjects", "instructor": "instructors"}
_FED = ("course", "subject")


class Retired(NamedTuple):
    """Where the thing is now; "" where it is nowhere."""

    location: str


def chunks(catalog: Catalog) -> Iterator[list[int]]:
    """One chunk: they are few and small."""
    return iter([[0]])


def pages(catalog: Catalog, site: Site, units: Sequence[int]) -> Iterator[Page]:
    """All redirects. The database keeps a slug from being old and in use at once; an alias never
    lies in the site's own folders, and one that some store could not hold is left out."""
    moved: dict[Path, Path] = {}
    for kind, old, now in catalog.rows("retired"):
        before, after = at(_FOLDERS[kind], old), at(_FOLDERS[kind], now)
        moved[before] = after
        if kind in _FED:  # to a reader of feeds "gone" means: never ask again
            moved[Path(f"{before}feed.xml")] = Path(f"{after}feed.xml")
    for path, slug, _ in catalog.rows("aliases"):
        key = key_of(Path(path.rstrip("/") + "/"))
        if storable(key) and key.partition("/")[0] not in RESERVED:
            moved[path_of(key)] = at("videos", slug)
    for path, location in sorted(moved.items()):
        yield _page(path, location)


def gone(paths: Sequence[str]) -> Iterator[Page]:
    """The "gone" pages of paths."""
    return (_page(Path(path), Path("")) for path in paths)


def _page(path: Path, location: Path) -> Page:
    head = Head("Moved" if location else "Gone", "This page has moved." if location else "This page is no longer here.", noindex=True)
    return Page(path, REDIRECT if location else GONE, [keys.SITE], "", Retired(location), head)
