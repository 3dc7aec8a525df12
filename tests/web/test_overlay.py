"""One student's data on pages that are the same for everybody."""
from __future__ import annotations

import json
from collections.abc import Callable

from playwright.sync_api import APIResponse, BrowserContext, Page, Route, expect

from tests.web.axe import light_and_dark
from tests.web.conftest import Heard, Live
from tests.web.students import PASSWORD, Account, account, hide, lectures, log_in, log_out, places, until, watch, writes_of

Open = Callable[..., BrowserContext]


def test_who_is_not_signed_in_has_a_place_too_and_the_api_is_never_asked(page: Page, site: Live, heard: Heard) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/api/" in request.url else None)
    (_video, address), *_ = lectures(site)
    page.goto(address)
    watch(page, 754)
    page.goto("/")
    begun = page.locator("#continue")
    expect(begun.get_by_role("heading", name="Where you left off")).to_be_visible()
    expect(begun).to_contain_text("12:34")
    assert light_and_dark(page) == []
    begun.locator("a").click()
    expect(page.get_by_text("You stopped at 12:34.")).to_be_visible()
    assert (asked, heard.errors, heard.elsewhere) == ([], [], [])


def test_what_was_watched_before_the_log_in_is_the_students_after_it_and_on_a_second_device(
        open_context: Open, site: Live, heard: Heard) -> None:
    who = account(site)
    (first, address), (second, other) = lectures(site)
    page = open_context().new_page()
    page.goto(address)
    watch(page, 300)
    log_in(page, who)
    until(lambda: places(site, who) == {first: (300, False)}, page)
    page.goto(other)
    expect(page.get_by_role("button", name="Keep this lecture")).to_be_visible()  # now what the player says is heard
    watch(page, 500)
    hide(page)
    until(lambda: places(site, who).get(second) == (500, False))  # within a minute of the last write too
    phone = open_context().new_page()
    log_in(phone, who)
    phone.goto(address)
    expect(phone.get_by_text("You stopped at 5:00.")).to_be_visible()
    phone.goto("/")
    expect(phone.locator("#continue a")).to_have_count(2)
    assert (heard.errors, heard.elsewhere) == ([], [])


def test_a_hidden_page_is_the_last_write_and_who_hides_it_again_and_again_writes_thrice_in_five_minutes(
        open_context: Open, site: Live) -> None:
    who = account(site)
    (video, address), *_ = lectures(site)
    context = open_context()
    sent = writes_of(context)
    page = context.new_page()
    log_in(page, who)
    page.goto(address)
    expect(page.get_by_role("button", name="Keep this lecture")).to_be_visible()
    page.clock.install()
    with page.expect_response("**/auth/session"):  # the token is there before the last write needs it
        watch(page, 100)
    for n in range(15):
        page.clock.run_for(15_000)
        watch(page, 115 + 15 * n)
        hide(page)
        if n < 3:
            _told(site, who, video, 115 + 15 * n, page)
        hide(page, False)
    assert len(sent) == 3
    page.clock.run_for(120_000)  # what is owed goes as soon as it may
    _told(site, who, video, 325, page)
    assert len(sent) == 4


def _told(site: Live, who: Account, video: int, position_s: int, page: Page) -> None:
    """The API has the place by and by."""
    until(lambda: places(site, who).get(video) == (position_s, False), page)


def test_a_browser_whose_fetch_ends_with_the_page_sends_the_last_write_as_a_beacon(open_context: Open, site: Live) -> None:
    who = account(site)
    (video, address), *_ = lectures(site)
    page = open_context().new_page()
    page.add_init_script("delete Request.prototype.keepalive")  # Firefox before 133
    log_in(page, who)
    page.goto(address)
    expect(page.get_by_role("button", name="Keep this lecture")).to_be_visible()
    with page.expect_response("**/auth/session"):
        watch(page, 100)
    with page.expect_request("**/me/progress") as beacon:
        hide(page)
    assert beacon.value.resource_type == "ping"
    until(lambda: places(site, who) == {video: (100, False)}, page)


def test_five_minutes_of_watching_are_one_write(open_context: Open, site: Live) -> None:
    who = account(site)
    (video, address), *_ = lectures(site)
    context = open_context()
    page = context.new_page()
    log_in(page, who)
    page.goto(address)
    expect(page.get_by_role("button", name="Keep this lecture")).to_be_visible()
    sent = writes_of(context)
    page.clock.install()
    for n in range(61):
        watch(page, 10 + 10 * n)
        page.clock.run_for(10_000)
    until(lambda: places(site, who).get(video, (0, 0))[0] > 300)
    assert 1 <= len(sent) <= 2


def test_who_leaves_at_once_has_not_begun_and_who_saw_the_end_begins_anew_with_a_tick(page: Page, site: Live) -> None:
    (first, address), (second, other) = lectures(site)
    page.goto(address)
    watch(page, 0.5)
    page.goto(other)
    watch(page, 1790)  # closing titles
    watch(page, 1800, ended=True)
    (batch,) = site.sql("SELECT slug FROM catalog.batch WHERE id = (SELECT batch_id FROM catalog.video WHERE id = %s)", first)[0]
    page.goto(f"/batches/{batch}/")
    expect(page.locator(f"[data-video='{second}'] .mark")).to_have_text("Watched")
    assert light_and_dark(page) == []
    expect(page.locator(".card .mark, .card .bar")).to_have_count(1)
    page.goto(other)
    expect(page.locator(".beside .mark")).to_have_count(0)  # its own row says that it is here
    expect(page.locator(".stopped")).to_have_count(0)


def test_log_out_clears_and_the_next_student_sees_nothing_by_the_back_button_either(open_context: Open, site: Live, heard: Heard) -> None:
    ada, bob = account(site), account(site)
    (video, address), *_ = lectures(site)
    context = open_context()
    page, second_tab = context.new_page(), context.new_page()
    log_in(page, ada)
    page.goto(address)
    page.get_by_role("button", name="Keep this lecture").click()
    watch(page, 777)
    page.evaluate("localStorage.setItem('lectern.speed', '1.5'); sessionStorage.setItem('lectern.go', '/')")
    second_tab.goto(address)
    expect(second_tab.get_by_role("button", name="Kept")).to_be_visible()
    expect(second_tab.get_by_text("You stopped at 12:57.")).to_be_visible()
    log_out(page)
    until(lambda: places(site, ada) == {video: (777, False)})  # nothing was lost by it
    expect(second_tab.locator(".mine, .stopped, .mark")).to_have_count(0)
    assert page.evaluate("[localStorage, sessionStorage].flatMap((store) => Object.keys(store))") == []
    page.go_back()
    expect(page.locator("h1")).to_be_visible()
    expect(page.locator(".mine, .stopped, .mark")).to_have_count(0)
    log_in(page, bob)
    page.goto(address)
    expect(page.get_by_role("button", name="Keep this lecture")).to_be_visible()
    expect(page.locator(".stopped, .mark")).to_have_count(0)
    page.goto("/")
    expect(page.locator(".cards").first).to_be_visible()
    expect(page.locator("#continue")).to_be_hidden()
    expect(page.locator("#continue a")).to_have_count(0)
    assert places(site, bob) == {}
    assert heard.errors == []


def test_a_session_that_ends_elsewhere_shows_nothing_and_its_own_student_alone_gets_what_was_owed(open_context: Open, site: Live) -> None:
    ada, bob = account(site), account(site)
    (_video, address), *_ = lectures(site)
    page = open_context().new_page()
    log_in(page, ada)
    page.goto(address)
    expect(page.get_by_role("button", name="Keep this lecture")).to_be_visible()
    page.context.route("**/me/progress", lambda route: route.abort())
    watch(page, 600)
    site.sql("DELETE FROM student.session WHERE account_id = %s", ada.id)
    page.goto("/")
    page.goto(address)
    until(lambda: "lectern_state" not in page.evaluate("document.cookie"))
    expect(page.locator(".mine, .stopped")).to_have_count(0)
    page.context.unroute("**/me/progress")
    log_in(page, bob)
    page.goto(address)
    expect(page.get_by_role("button", name="Keep this lecture")).to_be_visible()
    assert "600" not in (page.evaluate("localStorage.getItem('lectern.mine')") or "")
    assert places(site, bob) == {}


def test_where_the_api_is_away_the_page_is_whole_and_nothing_is_lost(open_context: Open, site: Live, heard: Heard) -> None:
    who = account(site)
    (video, address), *_ = lectures(site)
    context = open_context()
    page = context.new_page()
    log_in(page, who)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/api/" in request.url else None)
    context.route("**/api/**", lambda route: route.fulfill(status=503, headers={"Retry-After": "120"}, body="{}"))
    page.goto(address)
    expect(page.locator("h1")).to_be_visible()
    watch(page, 432)
    until(lambda: asked, page)
    page.goto("/")
    expect(page.locator("#continue")).to_contain_text("7:12")
    page.goto(address)
    expect(page.get_by_text("You stopped at 7:12.")).to_be_visible()
    # It said two minutes: in these the other pages asked nothing.
    assert len([url for url in asked if "overlay" in url]) == 1
    context.unroute("**/api/**")
    page.evaluate("sessionStorage.clear(); localStorage.removeItem('lectern.wrote')")  # both minutes are over
    page.goto("/")
    until(lambda: places(site, who) == {video: (432, False)})
    assert [text for text in heard.errors if "503" not in text] == []  # the browser's own line, none of ours


def test_a_page_that_is_made_ready_ahead_asks_the_api_nothing_until_it_is_shown(page: Page, site: Live) -> None:
    who = account(site)
    (_video, address), *_ = lectures(site)
    log_in(page, who)
    page.add_init_script("""
        let ahead = true;
        Object.defineProperty(Document.prototype, "prerendering", { get: () => ahead, configurable: true });
        window.shown = () => { ahead = false; document.dispatchEvent(new Event("prerenderingchange")); };
    """)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/api/" in request.url else None)
    page.goto(address)
    page.wait_for_load_state("networkidle")
    assert asked == []
    page.evaluate("shown()")
    expect(page.get_by_role("button", name="Keep this lecture")).to_be_visible()
    assert asked


def test_an_answer_that_comes_late_does_not_set_the_state_back(page: Page, site: Live) -> None:
    who = account(site)
    (_video, address), *_ = lectures(site)
    log_in(page, who)
    page.goto(address)
    before = page.evaluate("document.cookie")
    page.get_by_role("button", name="Keep this lecture").click()
    expect(page.get_by_role("button", name="Kept")).to_be_visible()
    until(lambda: page.evaluate("document.cookie") != before)
    after = page.evaluate("document.cookie")
    page.evaluate("(old) => { document.cookie = `${old}; path=/` }", before)
    page.reload()
    expect(page.get_by_role("button", name="Kept")).to_be_visible()
    assert page.evaluate("document.cookie") == after


def test_an_answer_that_was_asked_for_before_a_place_was_told_does_not_take_the_place_away(page: Page, site: Live) -> None:
    who = account(site)
    (video, address), *_ = lectures(site)
    log_in(page, who)
    page.goto(address)
    expect(page.get_by_role("button", name="Keep this lecture")).to_be_visible()
    held: list[tuple[Route, APIResponse]] = []
    page.route("**/me/overlay?*", lambda route: held.append((route, route.fetch())))
    page.reload()
    until(lambda: held, page)
    with page.expect_response("**/auth/session"):
        watch(page, 432)
    hide(page)
    until(lambda: '"owed":false' in page.evaluate("localStorage.getItem('lectern.mine')"), page)
    assert places(site, who) == {video: (432, False)}
    route, answer = held[0]
    route.fulfill(response=answer)
    expect(page.get_by_role("button", name="Keep this lecture")).to_be_visible()
    assert '"s":432' in page.evaluate("localStorage.getItem('lectern.mine')")


def test_notes_stand_in_the_lectures_order_as_text(page: Page, site: Live) -> None:
    who = account(site)
    (_video, address), *_ = lectures(site)
    log_in(page, who)
    page.goto(address)
    page.get_by_text("Your notes").click()
    for at_s, text in ((120, "<img src=x onerror=alert(1)>"), (60, "दो\nlines")):
        watch(page, at_s)
        page.get_by_label("A new note").fill(text)
        page.get_by_role("button", name="Save the note").click()
        expect(page.get_by_label("A new note")).to_have_value("")
    page.reload()
    page.get_by_text("Your notes (2)").click()
    expect(page.locator(".notes li p")).to_have_text(["दो\nlines", "<img src=x onerror=alert(1)>"])
    assert page.locator(".notes img").count() == 0
    assert light_and_dark(page) == []
    page.get_by_role("button", name="Delete the note at 1:00").click()
    expect(page.locator(".notes li")).to_have_count(1)
    assert site.sql("SELECT at_s FROM student.note WHERE account_id = %s", who.id) == [(120,)]


def test_a_deed_that_cannot_be_saved_says_so_and_keeps_what_was_typed(page: Page, site: Live) -> None:
    who = account(site)
    (_video, address), *_ = lectures(site)
    log_in(page, who)
    page.goto(address)
    page.get_by_text("Your notes").click()
    page.get_by_label("A new note").fill("half a thought")
    page.route("**/me/notes", lambda route: route.fulfill(status=500, body="{}"))
    page.get_by_role("button", name="Save the note").click()
    expect(page.get_by_text("That could not be saved now.")).to_be_visible()
    expect(page.get_by_label("A new note")).to_have_value("half a thought")


def test_hundreds_of_places_of_a_long_time_offline_are_told_in_parts(page: Page, site: Live) -> None:
    who = account(site)
    log_in(page, who)
    videos = {str(10_000 + n): {"s": 60, "at": 1_700_000_000_000 + n, "done": False, "owed": True, "tick": False} for n in range(700)}
    page.evaluate("(videos) => localStorage.setItem('lectern.nobody', JSON.stringify(videos))", videos)
    sent = writes_of(page.context)
    page.goto("/")
    until(lambda: sent, page)
    assert len(sent[0]) < 60_000
    assert max(entry["video"] for entry in json.loads(sent[0])["videos"]) == 10_699  # the newest are kept, the oldest left


def test_a_student_joins_a_batch_after_the_log_in_and_leaves_it(open_context: Open, site: Live, heard: Heard) -> None:
    who = account(site)
    ((batch, slug),) = site.sql("SELECT id, slug FROM catalog.batch ORDER BY id LIMIT 1")
    page = open_context().new_page()
    page.goto(f"/batches/{slug}/")
    page.get_by_role("link", name="Enrol in this batch").click()
    page.get_by_label("E-mail address").fill(who.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.wait_for_url(f"**/batches/{slug}/")  # where they came from
    page.get_by_role("button", name="Enrol in this batch").click()
    expect(page.get_by_text("You are enrolled.")).to_be_visible()
    assert light_and_dark(page) == []
    assert site.sql("SELECT batch_id FROM student.enrolment WHERE account_id = %s", who.id) == [(batch,)]
    page.reload()
    page.get_by_role("button", name="Leave this batch").click()
    expect(page.get_by_role("button", name="Enrol in this batch")).to_be_visible()
    assert site.sql("SELECT batch_id FROM student.enrolment WHERE account_id = %s", who.id) == []
    log_out(page)
    page.goto(f"/batches/{slug}/")
    expect(page.get_by_role("link", name="Enrol in this batch")).to_be_visible()
    assert (heard.errors, heard.elsewhere) == ([], [])


def test_a_gated_batch_says_who_enrols_and_is_not_left_by_one_slip(open_context: Open, site: Live) -> None:
    who = account(site)
    ((batch, slug),) = site.sql("UPDATE catalog.batch SET gated = true WHERE id = (SELECT max(id) FROM catalog.batch) RETURNING id, slug")
    site.publish()
    try:
        page = open_context().new_page()
        page.goto(f"/batches/{slug}/")
        expect(page.get_by_text("An editor enrols who may watch this batch.")).to_be_visible()
        log_in(page, who)
        page.goto(f"/batches/{slug}/")
        expect(page.locator(".mine span")).to_have_text("An editor enrols who may watch this batch.")
        expect(page.get_by_role("button", name="Enrol in this batch")).to_be_hidden()
        site.sql("INSERT INTO student.enrolment (account_id, batch_id) VALUES (%s, %s)", who.id, batch)
        site.sql("UPDATE student.account SET revision = revision + 1 WHERE id = %s", who.id)
        log_out(page)
        log_in(page, who)
        page.goto(f"/batches/{slug}/")
        expect(page.get_by_text("You are enrolled.")).to_be_visible()
        leave = page.get_by_role("button", name="Leave this batch")
        leave.click()
        expect(page.get_by_text("Only an editor can enrol you again.")).to_be_visible()
        assert site.sql("SELECT batch_id FROM student.enrolment WHERE account_id = %s", who.id) == [(batch,)]
        leave.click()
        expect(leave).to_be_hidden()
        assert site.sql("SELECT batch_id FROM student.enrolment WHERE account_id = %s", who.id) == []
    finally:
        site.sql("UPDATE catalog.batch SET gated = false WHERE id = %s", batch)
        site.publish()
