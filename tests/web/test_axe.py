"""No page kind, light or dark, breaks a rule of accessibility that axe-core can judge."""
from __future__ import annotations

from typing import Literal

import pytest
from playwright.sync_api import Browser

from tests.web.axe import PATHS, violations
from tests.web.serving import Served


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page_kind(browser: Browser, shown: Served, theme: Literal["light", "dark"]) -> None:
    context = browser.new_context(base_url=shown.url, color_scheme=theme, viewport={"width": 1280, "height": 800})
    page = context.new_page()
    found: dict[str, list[str]] = {}
    for kind, path in PATHS.items():
        page.goto(path)
        if wrong := violations(page):
            found[kind] = wrong
    context.close()
    assert found == {}


def test_axe_finds_what_is_wrong(browser: Browser, shown: Served) -> None:
    page = browser.new_page(base_url=shown.url)
    page.goto("/about/")
    page.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<button></button>')")
    assert [one.partition(" ")[0] for one in violations(page)] == ["button-name"]
    page.close()
