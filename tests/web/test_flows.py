"""A student's ways through the site, in a real browser, on the real stack."""
from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.web.conftest import Heard, Live


def test_a_student_browses_from_home_to_a_lecture(page: Page, site: Live, heard: Heard) -> None:
    page.goto("/")
    page.get_by_role("link", name="Courses").first.click()
    page.get_by_role("link", name="FlaskCon").first.click()
    page.locator(".batches .t").first.click()
    page.locator(".card .t").first.click()
    expect(page.locator(".player")).to_be_visible()
    assert heard.errors == []
    assert heard.elsewhere == []
