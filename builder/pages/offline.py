"""Reading without a network: the service worker, and the page that it shows where it has no other."""
from __future__ import annotations

from collections.abc import Iterator

from builder.assets import Assets
from builder.catalog import keys
from builder.pages.page import HTML, LEAVES, PAGES, Head, Kind, Page, Site
from edge.address import Path

# At an address that stays, so that browsers find the next one; they look for it past their own cache with each visit.
WORKER = Kind("worker", "metadata", "text/javascript; charset=utf-8", PAGES)
OFFLINE = Kind("offline", "metadata", HTML, LEAVES, "offline.html")
KINDS = (WORKER, OFFLINE)


def pages(site: Site) -> Iterator[Page]:
    """The worker, or the one that withdraws it; and its page."""
    name = "sw.js" if site.offline else "sw-withdrawn.js"
    yield Page(Path("/sw.js"), WORKER, [keys.SITE], "", Assets(site.hue, site.language, site.logo).body(name).decode())
    words = site.words
    head = Head(words.gettext("You are offline"), words.gettext("This page needs the network."), noindex=True)
    yield Page(Path("/offline/"), OFFLINE, [keys.SITE], "", None, head)
