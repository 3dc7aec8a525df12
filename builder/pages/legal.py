"""The imprint and the privacy page: words of the site's owner, from the files that settings name. Without a file no page."""
from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from markupsafe import Markup

from builder.catalog import keys
from builder.catalog.text import clean
from builder.pages.page import HTML, PAGES, Head, Kind, Page, Site
from edge.address import Path

LEGAL = Kind("legal", "catalog", HTML, PAGES, "legal.html", indexed=True)
KINDS = (LEGAL,)


class Shown(NamedTuple):
    """What one of these pages shows."""

    title: str
    text: Markup


def pages(site: Site) -> Iterator[Page]:
    """The pages that have words."""
    words = site.words
    if site.imprint:
        about = words.gettext("Who is behind %(name)s, and how to reach them.", name=site.name)
        yield _page("/imprint/", words.gettext("Imprint"), about, site.imprint)
    if site.privacy:
        about = words.gettext("What %(name)s knows of you, and what becomes of it.", name=site.name)
        yield _page("/privacy/", words.gettext("Privacy"), about, site.privacy)


def _page(path: str, title: str, about: str, markdown: str) -> Page:
    return Page(Path(path), LEGAL, [keys.SITE], "", Shown(title, _html(markdown)), Head(title, about))


@lru_cache(4)
def _html(markdown: str) -> Markup:
    return Markup(clean(markdown, "markdown").html)
