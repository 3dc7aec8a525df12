"""The pages there is one of: home, about, 404, robots.txt, the web manifest, the icon, the site's feed; with them the owner's own."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from builder.assets import MARK, Assets
from builder.catalog import keys
from builder.catalog.model import Batch, Card
from builder.catalog.reads import Catalog
from builder.pages import account, desk, feed, legal, offline, wellknown
from builder.pages.index import Name
from builder.pages.page import HTML, LISTS, PAGES, Head, Kind, Page, Site, at, dumps, script_json
from edge.address import Path
from edge.policy import SPECULATION_PATH

HOME = Kind("home", "catalog", HTML, LISTS, "home.html", indexed=True)
ABOUT = Kind("about", "catalog", HTML, PAGES, "about.html", indexed=True)
NOT_FOUND = Kind("not_found", "error", HTML, PAGES, "notfound.html")
ROBOTS = Kind("robots", "metadata", "text/plain; charset=utf-8", PAGES)
WEB_MANIFEST = Kind("web_manifest", "metadata", "application/manifest+json; charset=utf-8", PAGES)
# At this address browsers ask unasked, beside feeds and JSON. As SVG, since only text is fenced at an address that stays.
ICON = Kind("icon", "metadata", "image/svg+xml; charset=utf-8", PAGES)
SPECULATION = Kind("speculation", "metadata", "application/speculationrules+json", PAGES)
KINDS = (HOME, ABOUT, NOT_FOUND, ROBOTS, WEB_MANIFEST, ICON, SPECULATION)
NEW, BATCHES, SUBJECTS = 8, 12, 30


# A link that is pointed at for a moment is fetched, never run: nothing of one student's, nothing that counts as a visit, no file.
_SPECULATION = {"prefetch": [{"source": "document", "eagerness": "moderate", "where": {"and": [
    {"href_matches": "/*"},
    {"not": {"href_matches": ["/account/*", "/api/*", "/desk/*", "/preview/*", "/protected/*", "/search/*", "/*.*", "/*\\?(.+)"]}},
    {"not": {"selector_matches": "[download], [rel~=nofollow]"}},
]}}]}


class Home(NamedTuple):
    """What the home page shows."""

    new: list[Card]
    batches: list[Batch]
    subjects: list[Name]


def chunks(catalog: Catalog) -> Iterator[list[int]]:
    """One chunk of one unit: they are made together."""
    return iter([[0]])


def pages(catalog: Catalog, site: Site, units: Sequence[int]) -> Iterator[Page]:
    """The site's single pages."""
    words = site.words
    newest = [r[0] for r in catalog.rows("newest_videos", limit=feed.ENTRIES)]
    cards = catalog.cards(newest)
    batches = catalog.batches([r[0] for r in catalog.rows("newest_batches", limit=BATCHES)])
    largest = catalog.rows("largest_subjects", limit=SUBJECTS)
    subjects = [Name(title, at("subjects", slug)) for title, slug, _ in largest]
    latest = sorted(batches.values(), key=lambda b: (b.last_on is not None, b.last_on, b.id), reverse=True)
    home = Home([cards[id] for id in newest[:NEW]], latest, subjects)
    website = script_json({"@context": "https://schema.org", "@type": "WebSite", "name": site.name, "url": f"{site.base_url}/"})
    home_keys = [keys.SITE, *(keys.video_card(id) for id in newest[:NEW]),
                 *(key(b.id) for b in home.batches for key in (keys.batch_card, keys.batch_sums)),
                 *(keys.subject_card(id) for _, _, id in largest)]
    about = words.gettext("%(name)s is a library of recorded lectures, to watch in your own time.", name=site.name)
    head = Head(site.name, about, jsonld=website, feed="/feed.xml")
    yield Page(Path("/"), HOME, home_keys, "", home, head)
    yield Page(Path("/about/"), ABOUT, [keys.SITE], "", None, Head(
        words.gettext("About"), words.gettext("What %(name)s is and how it treats you.", name=site.name), section="about"))
    yield Page(Path("/404.html"), NOT_FOUND, [keys.SITE], "", None, Head(
        words.gettext("Not found"), words.gettext("There is no such page."), noindex=True))
    yield Page(Path("/robots.txt"), ROBOTS, [keys.SITE], "",
               f"User-agent: *\nDisallow: /api/\nDisallow: /preview/\nSitemap: {site.base_url}/sitemap.xml\n")
    yield Page(Path("/site.webmanifest"), WEB_MANIFEST, [keys.SITE], "", dumps(
        {"name": site.name, "short_name": site.name, "start_url": "/", "display": "browser", "icons": []}))
    yield Page(Path(SPECULATION_PATH), SPECULATION, [keys.SITE], "", dumps(_SPECULATION))
    yield Page(Path("/favicon.ico"), ICON, [keys.SITE], "", Assets(site.hue, site.language, site.logo).body(MARK).decode())
    yield from account.pages(site)
    yield from desk.pages(site)
    yield from legal.pages(site)
    yield from offline.pages(site)
    yield from wellknown.pages(site)
    yield feed.feed(catalog, site.name, Path("/"), keys.VIDEOS, "", newest)
