"""Addresses that programs know of any site: whom to tell of a weakness and where a password is changed (RFC 8615), whose host it is."""
from __future__ import annotations

from collections.abc import Iterator

from builder.catalog import keys
from builder.pages.page import HTML, PAGES, Head, Kind, Page, Site
from builder.pages.retired import Retired
from edge.address import Path

SECURITY = Kind("security_txt", "metadata", "text/plain; charset=utf-8", PAGES)
CHANGE_PASSWORD = Kind("change_password", "metadata", HTML, PAGES, "retired.html")  # a redirect that may change: 302
INDEXNOW_KEY = Kind("indexnow_key", "metadata", "text/plain; charset=utf-8", PAGES)
KINDS = (SECURITY, CHANGE_PASSWORD, INDEXNOW_KEY)


def pages(site: Site) -> Iterator[Page]:
    """What stands under ``/.well-known/``; and the file by which search engines see who tells them of changes (indexnow.org)."""
    if site.security_contacts:
        yield Page(Path("/.well-known/security.txt"), SECURITY, [keys.SITE], "", _security(site))
    # With a slash, as every page's address ends; without it, as the W3C writes it, it is found too.
    head = Head(site.words.gettext("Moved"), site.words.gettext("This page has moved."), noindex=True)
    yield Page(Path("/.well-known/change-password/"), CHANGE_PASSWORD, [keys.SITE], "", Retired(Path("/account/settings/")), head)
    if site.indexnow_key:
        yield Page(Path(f"/{site.indexnow_key}.txt"), INDEXNOW_KEY, [keys.SITE], "", site.indexnow_key)


def _security(site: Site) -> str:
    """RFC 9116. The day it expires is a setting: a page made from the clock would differ from one build to the next."""
    lines = [*(f"Contact: {contact}" for contact in site.security_contacts), f"Expires: {site.security_expires}T00:00:00Z",
             f"Preferred-Languages: {', '.join(dict.fromkeys((site.language, 'en')))}"]
    if site.base_url.startswith("https:"):
        lines.append(f"Canonical: {site.base_url}/.well-known/security.txt")
    return "".join(f"{line}\n" for line in lines)
