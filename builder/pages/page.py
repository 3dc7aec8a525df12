"""What every page kind speaks in: Kind, Head, Page, and the JSON that goes into HTML."""
from __future__ import annotations

from typing import Any, NamedTuple

import orjson
from markupsafe import Markup

from builder.pages.words import turned_nowhere
from edge.address import Path, segment
from edge.language import ENGLISH, Language, language

HTML = "text/html; charset=utf-8"
JSON = "application/json; charset=utf-8"
ATOM = "application/atom+xml; charset=utf-8"
XML = "application/xml; charset=utf-8"

# Upload order: what a page links to goes up before the page that names it.
# A path that is new goes up before all of them: nothing that a reader can reach links to it yet.
ASSETS, NEW, LEAVES, PAGES, LISTS, MAPS, RETIRED = range(7)


class Kind(NamedTuple):
    """A kind of page: its freshness tier, media type, place in the upload order, and template.

    A kind without a template has its body made by a serializer. *indexed*: search engines may show its pages, which sitemaps name;
    pages of every other kind bear `noindex`, or are no documents.
    """

    name: str
    tier: str
    content_type: str
    order: int
    template: str | None = None
    indexed: bool = False


class Head(NamedTuple):
    """What a document says of itself to browsers, search engines and other sites."""

    title: str  # unique on the site
    description: str
    og_type: str = "website"
    jsonld: Markup = Markup("")
    feed: str = ""
    oembed: str = ""
    image: str = ""
    noindex: bool = False
    section: str = ""  # which entry of the site's navigation is current


class Page(NamedTuple):
    """A page before it is rendered: a pure function of catalog rows.

    Its keys tell all of it: where none was touched and the list is the same, to the order, so is the page.
    """

    path: Path
    kind: Kind
    keys: list[int]
    groups: str  # group tags, space-separated
    content: Any  # the template's `page`, or the finished text where the kind has no template
    head: Head | None = None
    unit: int = 0  # which unit of its part it is made by


class Url(NamedTuple):
    """An entry of a sitemap; `clip` is a builder.pages.sitemap.Clip."""

    path: str
    clip: Any = None


SITEMAP = Kind("sitemap", "metadata", XML, MAPS, "sitemap.xml")


class Crumb(NamedTuple):
    title: str
    path: str


class Site(NamedTuple):
    """What every page knows of the site."""

    name: str
    base_url: str  # without a slash at its end
    hue: int
    frame_hosts: tuple[str, ...] = ()  # whose players may be framed beside the known ones; no set, whose order is chance
    language: str = ENGLISH  # a BCP 47 tag
    imprint: str = ""  # Markdown; "" where there is no such page
    privacy: str = ""  # likewise
    security_contacts: tuple[str, ...] = ()  # URIs
    security_expires: str = ""  # the day until which they hold
    logo: str = ""  # SVG; "" for the mark that comes along
    offline: bool = True  # whether pages may be kept by a service worker
    desk: bool = False  # whether editors have one
    hub: str = ""  # URL of the WebSub hub that feeds name
    indexnow_key: str = ""  # which a file at the site's root shows

    @property
    def words(self) -> Language:
        """The language that the site speaks."""
        return language(self.language)


def at(folder: str, *slugs: str) -> Path:
    """The path of a page: ``at("videos", slug)`` is ``/videos/SLUG/``."""
    path = f"/{segment(folder)}/"
    for slug in slugs:
        path += f"{segment(slug)}/"
    return Path(path)


def nth(title: str, namesakes: int) -> str:
    """A title that its namesakes do not have: the second of them ends in "(2)"."""
    return f"{title} ({namesakes + 1})" if namesakes else title


def dumps(value: Any) -> str:
    """Compact JSON, readable in any script."""
    return turned_nowhere(orjson.dumps(value).decode())


def script_json(value: Any) -> Markup:
    """JSON that may stand in a script element: no ``<``, ``>``, ``&`` in it, so no tag or comment can open."""
    return Markup(dumps(value).replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


def breadcrumbs(site: Site, crumbs: list[Crumb]) -> dict[str, Any]:
    """schema.org BreadcrumbList of the way to a page."""
    return {
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"@type": "ListItem", "position": n, "name": c.title, "item": site.base_url + c.path}
            for n, c in enumerate(crumbs, 1)
        ],
    }
