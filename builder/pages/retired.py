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
    ("about", "account", "api", "assets", "batches", "captions", "courses", "data", "desk", "imprint", "instructors", "media", "offline",
     "preview", "pictures", "privacy", "protected", "retained", "sitemaps", "subjects", "videos",
     # Files at the top: a folder of the same name cannot stand beside them in every store.
     "404.html", ".well-known", "favicon.ico", "feed.xml", "index.html", "robots.txt", "site.webmanifest", "sitemap.xml", "sw.js"))
_FOLDERS = {"video": "videos", "batch": "batches", "course": "courses", "subject": "subjects", "instructor": "instructors"}
_FED = ("course", "subject")


class Retired(NamedTuple):
    """Where the thing is now; "" where it is nowhere."""

    location: str


def chunks(catalog: Catalog) -> Iterator[list[int]]:
    """All things that have an old address; a unit is a thing's `moved` key."""
    units = [keys.moved(kind, id) for kind, id in catalog.rows("moved")]
    return (units[n : n + CHUNK] for n in range(0, len(units), CHUNK))


def pages(catalog: Catalog, site: Site, units: Sequence[int]) -> Iterator[Page]:
    """The redirects of things. The database keeps a slug from being old and in use at once; an alias never
    lies in the site's own folders, and one that some store could not hold, or that is no UTF-8, is left out."""
    moved: dict[Path, tuple[Path, str, int]] = {}
    owners: dict[str, list[int]] = {}
    for unit in units:
        owners.setdefault(keys.kind_of(unit), []).append(unit >> 8)
    for kind, ids in owners.items():
        for id, old, now in catalog.rows("retired", kind=kind, ids=ids):
            before, after = at(_FOLDERS[kind], old), at(_FOLDERS[kind], now)
            moved[before] = after, kind, id
            if kind in _FED:  # to a reader of feeds "gone" means: never ask again
                moved[Path(f"{before}feed.xml")] = Path(f"{after}feed.xml"), kind, id
    for path, slug, id in catalog.rows("aliases", ids=owners.get("video", [])):
        key = key_of(Path(path.rstrip("/") + "/"))
        if storable(key) and key.partition("/")[0] not in RESERVED and "\ufffd" not in key:
            moved[path_of(key)] = at("videos", slug), "video", id
    for path, (location, kind, id) in sorted(moved.items()):
        unit = keys.moved(kind, id)
        head = Head(site.words.gettext("Moved"), site.words.gettext("This page has moved."), noindex=True)
        yield Page(path, REDIRECT, [unit, keys.card(kind, id)], "", Retired(location), head, unit)


def gone(site: Site, paths: Sequence[str]) -> Iterator[Page]:
    """The "gone" pages of paths."""
    head = Head(site.words.gettext("Gone"), site.words.gettext("This page is no longer here."), noindex=True)
    return (Page(Path(path), GONE, [keys.SITE], "", Retired(Path("")), head) for path in paths)
