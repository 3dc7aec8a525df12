"""A student's ways through the site, in a real browser, on the real stack."""
from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Frame, Page, expect

from tests.web.conftest import Heard, Live
from tests.web.providers import stand_in
from tests.web.students import Account, account, hide, lectures, log_in, places, until, watch

Open = Callable[..., BrowserContext]
NARROW = {"width": 320, "height": 640}
WAYS = ("/", "/account/", "/account/register/", "/account/data/", "/offline/")


def test_a_student_browses_from_home_to_a_lecture(page: Page, site: Live, heard: Heard) -> None:
    page.goto("/")
    page.get_by_role("link", name="Courses").first.click()
    page.get_by_role("link", name="FlaskCon").first.click()
    page.locator(".batches .t").first.click()
    page.locator(".card .t").first.click()
    expect(page.locator(".player")).to_be_visible()
    assert heard.errors == []
    assert heard.elsewhere == []


def test_what_plays_is_saved_when_the_page_is_hidden_and_a_second_device_goes_on_there(
        open_context: Open, site: Live, heard: Heard) -> None:
    who = account(site)
    (video, address), *_ = lectures(site)
    page, phone = (_at_a_lecture(open_context(), who, address, heard) for _ in range(2))
    page.locator(".play").click()
    until(lambda: _provider(page), page).evaluate("at = 41")
    until(lambda: '"s":4' in (page.evaluate("localStorage.getItem('lectern.mine')") or ""), page)
    hide(page)
    until(lambda: 40 <= places(site, who).get(video, (0, False))[0] < 60, page)
    phone.reload()
    expect(phone.get_by_text("You stopped at 0:4")).to_be_visible()
    phone.locator(".play").click()
    until(lambda: (frame := _provider(phone)) and frame.evaluate("at") >= 40, phone)
    assert heard.errors == []


@pytest.mark.parametrize("how", [{"viewport": NARROW}, {"viewport": {"width": 640, "height": 400}, "device_scale_factor": 2},
                                 {"color_scheme": "dark"}], ids=["320 px", "200 %", "dark"])
def test_a_students_own_pages_fit_narrow_enlarged_and_dark(how: dict[str, object], open_context: Open, site: Live, heard: Heard) -> None:
    who = account(site)
    (_, address), *_ = lectures(site)
    page = open_context(**how).new_page()
    page.goto(address)
    watch(page, 300)
    log_in(page, who)
    for path in (*WAYS, address):
        page.goto(path)
        expect(page.locator("h1").first).to_be_visible()
        if path == address:
            page.get_by_text("Your notes").click()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    assert (heard.errors, heard.elsewhere) == ([], [])


def test_the_keyboard_alone_logs_in_and_keeps_a_lecture_with_its_focus_always_seen(page: Page, site: Live, heard: Heard) -> None:
    who = account(site)
    (_, address), *_ = lectures(site)
    page.goto(f"/account/?next={address}")
    expect(page.get_by_label("E-mail address")).to_be_visible()
    _tab_to(page, "email")
    page.keyboard.type(who.email)
    page.keyboard.press("Tab")
    page.keyboard.type("a lecture a day is enough")
    page.keyboard.press("Enter")
    page.wait_for_url(site.url + address)
    expect(page.get_by_role("button", name="Keep this lecture")).to_be_visible()
    _tab_to(page, "Keep this lecture")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Kept")).to_be_focused()
    assert heard.errors == []


def _at_a_lecture(context: BrowserContext, who: Account, address: str, heard: Heard) -> Page:
    """A page of a student who is signed in; nobody elsewhere was asked before the click on play."""
    stand_in(context, lambda url, headers: None)
    page = context.new_page()
    log_in(page, who)
    page.goto(address)
    expect(page.get_by_role("button", name="Keep this lecture")).to_be_visible()
    assert heard.elsewhere == []
    return page


def _provider(page: Page) -> Frame | None:
    return next((frame for frame in page.frames if "youtube-nocookie" in frame.url), None)


def _tab_to(page: Page, name: str) -> None:
    """Tab by tab to the field or button of that id or text; each stop shows where it is."""
    for _ in range(60):
        page.keyboard.press("Tab")
        here, shown = page.evaluate("""() => {
            const at = document.activeElement, box = at.getBoundingClientRect();
            const seen = [at, ...["::after", "::before"]].some((of) => getComputedStyle(at, of === at ? null : of).outlineStyle !== "none");
            return [at.id || at.textContent.trim(), at === document.body || (seen && box.width > 0)];
        }""")
        assert shown, here
        if here == name:
            return
    raise AssertionError(f"no tab leads to {name}")
