"""No page kind, light or dark, breaks a rule of accessibility that axe-core can judge."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, expect

from builder.embedded import Server
from tests.conftest import database, open_folder
from tests.site import fill
from tests.web.axe import PATHS, light_and_dark, violations
from tests.web.serving import Served, served

_WORDS = "## Who we are\n\nA school by the *sea*, with [a page](https://school.example/) and `code`.\n\n- one\n- two\n\n"
_RARE = {
    "/imprint/": "Imprint", "/privacy/": "Privacy", "/subjects/subject/page/1/": "Subject", "/videos/page/1/": "", "/courses/": "",
    "/courses/c/": "", "/videos/lecture-1/": "การเรียนรู้", "/videos/lecture-2/": "מבוא", "/videos/lecture-3/": "Lecture 3",
    "/videos/lecture-3/text/page/2/": "Lecture 3", "/videos/lecture-4/": "gone", "/desk/": "",
}
"""Path, and what its heading says."""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page_kind(browser: Browser, shown: Served, theme: Literal["light", "dark"]) -> None:
    context = browser.new_context(base_url=shown.url, color_scheme=theme, viewport={"width": 1280, "height": 800})
    page = context.new_page()
    found: dict[str, list[str]] = {}
    for kind, path in PATHS.items():
        page.goto(path)
        if wrong := violations(page, contrast=theme == "dark"):
            found[kind] = wrong
    context.close()
    assert found == {}


@pytest.fixture
def rare(server: Server, _migrated: str) -> Iterator[Served]:
    """A site with what few have: words of its owner, a long text, lists of several pages, indexes by letter, a lecture that left."""
    with database(server, f"TEMPLATE {_migrated}") as dsn, open_folder("lectern-rare-") as folder, served(dsn, folder) as site:
        site.site = site.site._replace(imprint=_WORDS, privacy=_WORDS)
        fill(site.built, videos=120)
        site.sql("UPDATE catalog.video SET title = 'การเรียนรู้ของเครื่อง', language = 'th' WHERE id = 1")
        site.sql("UPDATE catalog.video SET title = 'מבוא לאלגברה', description = 'קורס ראשון', language = 'he' WHERE id = 2")
        site.sql("UPDATE catalog.video SET description = %s, description_markup = 'markdown' WHERE id = 3", _WORDS * 400)
        site.sql("INSERT INTO live.index_split (list, prefix) VALUES ('course', ''), ('instructor', '')")
        site.build()
        site.sql("UPDATE catalog.video SET status = 'withdrawn' WHERE id = 4")
        site.build()
        yield site


def test_axe_finds_nothing_on_pages_that_few_sites_have(browser: Browser, rare: Served) -> None:
    page = browser.new_page(base_url=rare.url, viewport={"width": 1280, "height": 800})
    found: dict[str, list[str]] = {}
    for path, text in _RARE.items():
        page.goto(path)
        expect(page.locator("h1")).to_contain_text(text)
        if wrong := light_and_dark(page):
            found[path] = wrong
    page.close()
    assert found == {}


def test_axe_finds_what_is_wrong(browser: Browser, shown: Served) -> None:
    page = browser.new_page(base_url=shown.url)
    page.goto("/about/")
    page.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<button></button>')")
    assert [one.partition(" ")[0] for one in violations(page)] == ["button-name"]
    page.close()
