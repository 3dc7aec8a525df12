"""Sitemaps (sitemaps.org), cut by id ranges so that one video's edit reaches one small file.

A unit is a range of ids of one kind, packed: range number above eight bits of kind.
"""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from builder.catalog import keys
from builder.catalog.reads import Catalog
from builder.catalog.sources import frame_url
from builder.catalog.text import cut
from builder.pages import index, legal
from builder.pages.listing import PER_PAGE, Cut, page_path
from builder.pages.page import MAPS, SITEMAP, XML, Kind, Page, Site, Url, at
from builder.pages.words import noon
from edge.address import Path

SITEMAP_INDEX = Kind("sitemap_index", "metadata", XML, MAPS, "sitemapindex.xml")
KINDS = (SITEMAP, SITEMAP_INDEX)
RANGE = 100  # ids a file, so that an edit makes a small one anew; the protocol allows 50,000 files
LONGEST_S = 28_800  # video:duration's limit
FOLDERS = ("videos", "courses", "batches", "subjects", "instructors", "lists")
_KINDS = {"videos": "video", "courses": "course", "batches": "batch", "subjects": "subject", "instructors": "instructor"}
CHUNK = 20


class Clip(NamedTuple):
    """What video:video says."""

    picture: str
    title: str
    description: str
    content: str
    player: str
    duration_s: int | None
    published: str


def chunks(catalog: Catalog) -> Iterator[list[int]]:
    """Every range that has entries, and the index (unit -1)."""
    units = [-1, *_ranges(catalog)]
    return (units[n : n + CHUNK] for n in range(0, len(units), CHUNK))


def pages(catalog: Catalog, site: Site, units: Sequence[int]) -> Iterator[Page]:
    """The sitemaps of *units*; a range without entries has none."""
    for unit in units:
        if unit == -1:
            paths = [*(map_path(u) for u in _ranges(catalog)), *index.map_paths()]
            yield Page(Path("/sitemap.xml"), SITEMAP_INDEX, [keys.fact_of(paths)], "", [Url(p) for p in paths], unit=unit)
        else:
            urls, page_keys = _urls(catalog, site, unit)
            if urls:
                yield Page(map_path(unit), SITEMAP, page_keys, "", urls, unit=unit)


def map_path(unit: int) -> Path:
    """``/sitemaps/videos-3.xml``."""
    return Path(f"/sitemaps/{FOLDERS[unit & 255]}-{unit >> 8}.xml")


def _ranges(catalog: Catalog) -> list[int]:
    units = [n << 8 | folder for folder, n in catalog.rows("map_ranges", size=RANGE)]
    return [*units, FOLDERS.index("lists")]


def unit_of(folder: str, id: int) -> int:
    """The range that a thing is in."""
    return id // RANGE << 8 | FOLDERS.index(folder)


def _urls(catalog: Catalog, site: Site, unit: int) -> tuple[list[Url], list[int]]:
    folder, low = FOLDERS[unit & 255], (unit >> 8) * RANGE
    if folder == "lists":
        return _lists(catalog, site)
    rows = catalog.rows(f"{folder}_between", low=low, high=low + RANGE - 1)
    if folder == "videos":
        return _videos(catalog, site, [r[0] for r in rows])
    urls: list[Url] = []
    page_keys: list[int] = []
    for id, slug, last in rows:
        base = at(folder, slug)
        count = (last + PER_PAGE - 1) // PER_PAGE if folder == "batches" else Cut(last).numbered
        urls += [Url(base), *(Url(page_path(base, n)) for n in range(2 if folder == "batches" else 1, count + 1))]
        page_keys += [keys.card(_KINDS[folder], id), keys.fact(count)]
    return urls, page_keys


def _videos(catalog: Catalog, site: Site, ids: Sequence[int]) -> tuple[list[Url], list[int]]:
    sources = catalog.sources_of(ids)
    urls: list[Url] = []
    page_keys: list[int] = []
    for v in catalog.clips(ids):
        page_keys += [keys.video(v.id), keys.batch_card(v.batch_id)]
        own = [] if v.gated else sources.get(v.id, [])
        path = at("videos", v.slug)
        picture = f"{site.base_url}/{v.picture}" if v.picture else v.picture_url
        content = next((s.url for s in own if s.kind == "file"), "")
        player = "" if content else next((f for s in own if (f := frame_url(s.kind, s.url, s.start_s))), "")
        clip = None
        if picture and (content or player):
            duration = v.duration_s if v.duration_s and v.duration_s <= LONGEST_S else None
            clip = Clip(picture, v.title, v.plain or v.title, content, player or "", duration, noon(v.recorded_on) if v.recorded_on else "")
        urls.append(Url(path, clip))
        if v.long_html:
            urls += [Url(f"{path}text/page/{n}/") for n in range(2, len(cut(v.long_html)) + 1)]
    return urls, page_keys


def _lists(catalog: Catalog, site: Site) -> tuple[list[Url], list[int]]:
    urls = [Url("/"), Url("/about/"), *(Url(page.path) for page in legal.pages(site))]
    ends = catalog.list_ends([keys.VIDEOS, keys.BATCHES])
    for base, key in ((at("videos"), keys.VIDEOS), (at("batches"), keys.BATCHES)):
        urls += [Url(page_path(base, n)) for n in range(Cut(ends.get(key, 0)).numbered + 1)]
    return urls, [keys.fact_of(urls)]
