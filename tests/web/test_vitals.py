"""One page view in a hundred says how quick it was: to the site's own API, by page kind, and with nothing that tells whose it was."""
from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, Request

from tests.web.conftest import Heard, Live
from tests.web.students import hide, lectures

Open = Callable[..., BrowserContext]
PAINTED = """() => new Promise((done) => new PerformanceObserver(() => setTimeout(done)).observe(
    { type: "largest-contentful-paint", buffered: true }))"""
A_READER = "Object.defineProperty(navigator, 'webdriver', { get: () => false }); Math.random = () => %s"


def _sampled(open_context: Open, chance: str = "0.0099") -> tuple[Page, list[Request]]:
    context = open_context()
    context.add_init_script(A_READER % chance)
    asked: list[Request] = []
    context.on("request", lambda request: asked.append(request) if "vitals" in request.url else None)
    return context.new_page(), asked


@pytest.mark.parametrize(("address", "kind"), [("/", "home"), ("/videos/", "list"), ("lecture", "video"), ("/search/", "search")])
def test_a_page_that_is_left_tells_once_what_kind_it_was_and_how_quick(open_context: Open, site: Live, heard: Heard, address: str,
                                                                       kind: str) -> None:
    page, asked = _sampled(open_context)
    with page.expect_response(lambda answer: "vitals" in answer.url):  # the module
        page.goto(lectures(site)[0][1] if address == "lecture" else address)
    page.evaluate(PAINTED)
    with page.expect_response("**/api/v1/vitals") as answered:
        hide(page)
    hide(page, False)
    hide(page)
    assert answered.value.status == 204
    told = json.loads(answered.value.request.post_data or "")
    assert told["kind"] == kind
    assert set(told) <= {"kind", "lcp_ms", "inp_ms", "cls"}
    assert 0 < told["lcp_ms"] < 60_000
    assert 0 <= told["cls"] < 1
    assert len([request for request in asked if request.method == "POST"]) == 1
    assert heard.errors == []


def test_a_reader_who_has_cookies_sends_none_with_it(open_context: Open, site: Live) -> None:
    page, _ = _sampled(open_context)
    page.context.add_cookies([{"name": "known", "value": "reader", "url": site.url}])
    with page.expect_response(lambda answer: "vitals" in answer.url):
        page.goto("/videos/")
    with page.expect_response("**/api/v1/vitals") as answered:
        hide(page)
    assert "cookie" not in answered.value.request.all_headers()


def test_ninety_nine_in_a_hundred_do_not_even_load_it(open_context: Open, site: Live) -> None:
    page, asked = _sampled(open_context, "0.01")
    page.goto("/")
    page.goto("/videos/")
    hide(page)
    assert asked == []
