"""Lists are sorted and filtered in place, and the address says what is shown."""
from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.web import showcase
from tests.web.serving import Served

BATCH, HUGE, SUBJECT = "/batches/mathematics-2024/", "/batches/physics-2023/", "/subjects/subject-1/"


@pytest.fixture
def page(browser: Browser, shown: Served) -> Iterator[Page]:
    context = browser.new_context(base_url=shown.url)
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()


def _titles(page: Page) -> list[str]:
    return page.locator(".browse ~ * > li .t").all_inner_texts()


def test_a_batch_is_sorted_and_filtered_in_place_and_the_address_says_how(page: Page) -> None:
    page.goto(BATCH)
    before = _titles(page)
    page.get_by_label("Order").select_option("longest first")
    page.get_by_label("Length").select_option("over 60 min")
    expect(page.get_by_role("status")).to_contain_text("2 of 12 shown.")
    assert _titles(page) == ["Testing what cannot be seen", "Apprendre à voir : les réseaux de convolution"]
    assert page.url.endswith("?length=3600-&sort=longest")
    page.get_by_role("button", name="Show all").click()
    expect(page.get_by_role("status")).to_be_hidden()
    assert _titles(page) == before
    assert page.url.endswith(BATCH)


def test_an_address_with_a_choice_shows_it_at_once_and_a_nonsense_one_shows_all(page: Page) -> None:
    page.goto(f"{BATCH}?language=hi&utm=kept")
    expect(page.get_by_role("status")).to_contain_text("1 of 12 shown.")
    assert _titles(page) == ["संख्यात्मक विधियों का परिचय: न्यूटन की विधि"]
    page.get_by_label("Language").select_option(label="German")
    expect(page.locator(".lines .t")).to_have_text([showcase.UNBROKEN])
    assert page.url.endswith("?utm=kept&language=de")
    page.goto(f"{BATCH}?language=<script>&year=9999&sort=constructor")
    expect(page.get_by_role("status")).to_be_hidden()
    assert len(_titles(page)) == 12


def test_a_batch_of_ten_pages_is_filtered_whole(page: Page) -> None:
    page.goto(f"{HUGE}page/2/?length=-1200&sort=shortest")
    expect(page.get_by_role("status")).to_contain_text("of 500 shown.")
    lengths = [int(item.get_attribute("data-s") or 0) for item in page.locator(".lines > li").all()[:20]]
    assert lengths == sorted(lengths)
    assert 0 < lengths[0] <= lengths[-1] < 1200
    expect(page.locator(".pager")).to_be_hidden()
    first = page.locator(".lines > li").first
    title, number = first.locator(".t").inner_text(), first.get_attribute("value")
    first.locator(".t").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    assert number
    assert page.url.endswith(f"/videos/lecture-{21 + int(number)}/")


def test_a_batch_s_choices_are_those_of_all_its_pages(page: Page, shown: Served) -> None:
    page.goto(HUGE)
    assert len(_titles(page)) == 50
    page.get_by_label("Order").focus()
    page.get_by_label("Order").select_option("newest first")
    expect(page.get_by_role("status")).to_contain_text("500 of 500 shown.")


def test_where_the_rest_of_a_batch_cannot_be_had_the_page_s_own_lectures_are_sorted(page: Page) -> None:
    page.context.route("**/data/batch/*", lambda route: route.abort())
    page.goto(f"{HUGE}?sort=title")
    expect(page.get_by_role("status")).to_contain_text("50 of 50 shown.")
    assert _titles(page)[:3] == ["Charge, part 1", "Charge, part 2", "Charge, part 3"]


def test_a_subject_is_filtered_by_year(page: Page) -> None:
    page.goto(SUBJECT)
    page.get_by_label("Year").select_option("2024")
    expect(page.get_by_role("status")).to_contain_text("of 77 shown.")
    assert set(page.locator(".cards .y").all_inner_texts()) == {"2024"}


def test_without_scripts_the_list_is_whole_and_no_dead_field_is_shown(browser: Browser, shown: Served) -> None:
    context: BrowserContext = browser.new_context(base_url=shown.url, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{BATCH}?sort=title")
    expect(page.locator(".lines .t")).to_have_count(12)
    expect(page.locator("form.browse")).to_be_hidden()
    context.close()


def test_a_day_is_the_same_in_los_angeles_delhi_and_auckland(browser: Browser, shown: Served) -> None:
    """A lecture of the first of January: read as midnight in Greenwich, it would be the year before in the west."""
    ((id, before),) = shown.sql("SELECT id, recorded_on FROM catalog.video WHERE slug = 'lecture-1'")
    shown.sql("UPDATE catalog.video SET recorded_on = '2023-01-01' WHERE id = %s", id)
    shown.build()
    try:
        seen = []
        for zone in ("America/Los_Angeles", "Asia/Kolkata", "Pacific/Auckland"):
            context = browser.new_context(base_url=shown.url, timezone_id=zone)
            context.set_default_timeout(10_000)
            page = context.new_page()
            page.goto("/videos/lecture-1/")
            days = [(time.get_attribute("datetime"), time.inner_text()) for time in page.locator("time").all()]
            page.goto(f"{BATCH}?year=2023")
            expect(page.get_by_role("status")).to_contain_text("1 of 12 shown.")
            days += [("", text) for text in page.locator(".facts time, .lines li:not([hidden]) .y").all_inner_texts()]
            page.goto("/search/?q=gradient+descent")
            expect(page.locator("#hits .y").first).to_have_text("2023")
            days += [("", text) for text in page.locator("#hits .y").all_inner_texts()]
            seen.append(days)
            context.close()
        assert ("2023-01-01", "1 January 2023") in seen[0]
        assert seen == [seen[0]] * 3
    finally:
        shown.sql("UPDATE catalog.video SET recorded_on = %s WHERE id = %s", before, id)
        shown.build()
