"""A student searches, in a real browser, on the real stack."""
from __future__ import annotations

import re

from playwright.sync_api import Browser, Page, expect

from tests.web.conftest import Heard, Live


def test_what_is_typed_is_found_while_it_is_typed_and_stands_in_the_address(page: Page, site: Live, heard: Heard) -> None:
    page.goto("/")
    page.get_by_role("searchbox", name="Search lectures").fill("djnago")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/search/\?q=djnago$"))
    expect(page.locator("#hits .card").first).to_be_visible()
    expect(page.locator("#hits mark").first).to_have_text("Django")
    page.locator("#q").fill("search first writ")
    expect(page.locator("#hits .t").first).to_have_text("Search-First Writing for Developers")
    expect(page).to_have_url(re.compile(r"\?q=search\+first\+writ$"))
    expect(page.locator("#found")).to_contain_text("lecture")
    page.reload()
    expect(page.locator("#hits .t").first).to_have_text("Search-First Writing for Developers")
    assert heard.errors == []
    assert heard.elsewhere == []


def test_arrows_lead_through_what_was_found_and_back_to_the_field(page: Page) -> None:
    page.goto("/search/?q=django")
    links = page.locator("#hits a.t")
    expect(links.first).to_be_visible()
    page.locator("#q").press("ArrowDown")
    expect(links.nth(0)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(links.nth(1)).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(page.locator("#q")).to_be_focused()


def test_filters_stand_in_the_address_and_going_back_takes_them_off(page: Page) -> None:
    page.goto("/search/?q=django")
    every = page.locator("#found")
    expect(every).to_contain_text("lecture")
    before = every.text_content()
    page.get_by_label("Year").select_option(index=1)
    expect(page).to_have_url(re.compile(r"&year=\d{4}$"))
    expect(every).not_to_have_text(before or "")
    page.go_back()
    expect(every).to_have_text(before or "")
    expect(page.get_by_label("Year")).to_have_value("")


def test_what_was_found_says_its_year_once_though_its_course_s_name_has_it(page: Page) -> None:
    page.goto("/search/?q=django")
    expect(page.locator("#hits .card").first).to_be_visible()
    lines = page.locator("#hits .who").all_inner_texts()
    assert len(lines) > 1
    for line in lines:
        years = re.findall(r"\b20\d\d\b", line)
        assert len(years) == 1, line


def test_where_nothing_is_found_there_are_ways_on(page: Page, heard: Heard) -> None:
    page.goto("/search/?q=xyzzyplughfrotz")
    expect(page.locator("#found")).to_contain_text("Nothing was found")
    expect(page.locator("#nothing a").first).to_be_visible()
    assert heard.errors == []


def test_a_page_whose_script_is_older_than_the_search_files_loads_itself_anew_once_and_keeps_what_was_typed(page: Page) -> None:
    loads: list[str] = []
    page.on("load", lambda loaded: loads.append(loaded.url))
    page.clock.install()
    page.goto("/search/?q=djang")
    expect(page.locator("#hits .card").first).to_be_visible()
    page.context.route("**/search/files.json", lambda route: route.fulfill(json={"format": 2, "other": []}))
    page.clock.fast_forward(301_000)  # a release has come meanwhile
    page.locator("#q").press("End")
    page.locator("#q").press_sequentially("o")
    page.clock.fast_forward(1000)
    expect(page.locator("#found")).to_contain_text("could not be loaded")  # an edge gives the old page still: it asks no more
    page.wait_for_load_state("networkidle")
    assert [url.partition("/search/")[2] for url in loads] == ["?q=djang", "?q=django"]
    page.context.unroute("**/search/files.json")
    page.reload()
    expect(page.locator("#hits mark").first).to_have_text("Django")


def test_the_page_that_is_not_there_offers_a_search(page: Page) -> None:
    page.goto("/no-such-page/")
    page.locator("main").get_by_label("Search lectures").fill("django")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/search/\?q=django"))
    expect(page.locator("#hits .card").first).to_be_visible()


def test_without_scripts_the_page_says_so_and_leads_on(browser: Browser, site: Live) -> None:
    context = browser.new_context(java_script_enabled=False, base_url=site.url)
    page = context.new_page()
    page.goto("/search/?q=django")
    told = page.locator("noscript").inner_html()  # Chromium told to run no script by its driver does not show it
    assert "Search needs a script" in told
    assert 'href="/videos/"' in told
    context.close()


def test_a_lecture_that_was_withdrawn_is_found_no_more(page: Page, site: Live) -> None:
    ((id, title),) = site.sql("SELECT id, title FROM catalog.video WHERE title = 'Search-First Writing for Developers'")
    page.goto("/search/?q=search+first+writing")
    expect(page.locator("#hits .t").first).to_have_text(title)
    site.sql("UPDATE catalog.video SET status = 'withdrawn' WHERE id = %s RETURNING id", id)
    site.publish()
    try:
        page.goto("about:blank")
        page.context.clear_cookies()
        session = page.context.new_cdp_session(page)
        session.send("Network.clearBrowserCache")
        page.goto("/search/?q=search+first+writing")
        expect(page.locator("#found")).not_to_be_empty()
        expect(page.locator("#hits .t", has_text=title)).to_have_count(0)
    finally:
        site.sql("UPDATE catalog.video SET status = 'published' WHERE id = %s RETURNING id", id)
        site.publish()
