"""The account's pages in a real browser: forms that say what is wrong, mails that lead back, secrets that stay where they are."""
from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import BrowserContext, Page, expect

from tests.web.axe import light_and_dark
from tests.web.conftest import Heard, Live
from tests.web.students import PASSWORD, Account, account, lectures, log_in, log_out, mailed_link, places, until

Open = Callable[..., BrowserContext]
PAGES = ("", "register/", "confirm/", "reset/", "password/", "email/", "kept/", "history/", "settings/", "sessions/", "data/")


def test_a_stranger_registers_confirms_by_mail_logs_in_and_sets_a_new_password_by_mail(page: Page, site: Live, heard: Heard) -> None:
    email = "grace@school.example"
    page.goto("/account/")
    page.get_by_role("link", name="Make an account").click()
    page.get_by_label("Your name").fill("Grace")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Make an account").click()
    expect(page.get_by_text("Look into your mail")).to_be_visible()

    seen: list[str] = []
    page.on("request", lambda request: seen.extend([request.url, request.headers.get("referer", "")]))
    link = mailed_link(site, email, "confirm")
    page.goto(link)
    expect(page.get_by_role("button", name="Make my account")).to_be_visible()
    assert page.url == f"{site.url}/account/confirm/"
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Make my account").click()
    expect(page.get_by_text("You are logged in as Grace (grace@school.example).")).to_be_visible()
    assert not [text for text in seen if link.partition("#")[2] in text]

    log_out(page)
    page.get_by_role("link", name="Forgot your password?").click()
    page.get_by_label("E-mail address").fill(email)
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_text("Look into your mail")).to_be_visible()
    page.goto(mailed_link(site, email, "password"))
    page.get_by_label("New password").fill("quite another sentence")
    page.get_by_role("button", name="Set the password").click()
    expect(page.get_by_text("Your new password is set.")).to_be_visible()
    log_in(page, Account(0, email), "quite another sentence")
    assert (heard.errors, heard.elsewhere) == ([], [])


def test_an_error_stands_at_the_top_with_the_focus_and_beside_its_field_and_what_was_typed_stays(page: Page, site: Live) -> None:
    page.goto("/account/register/")
    page.get_by_label("E-mail address").fill("ada@school.example")
    page.get_by_role("button", name="Make an account").click()
    top = page.locator(".errors")
    expect(top).to_be_focused()
    expect(top.get_by_role("link")).to_have_text(["Fill in: Your name", "Fill in: Password"])
    page.get_by_label("Your name").fill("Ada")
    page.get_by_label("Password", exact=True).fill("short")
    page.get_by_role("button", name="Make an account").click()
    expect(top).to_be_focused()
    expect(page.locator("#password-error")).to_be_visible()
    password = page.get_by_label("Password", exact=True)
    assert "password-error" in (password.get_attribute("aria-describedby") or "")
    assert light_and_dark(page) == []
    top.get_by_role("link").click()
    expect(password).to_be_focused()
    expect(password).to_have_value("short")
    expect(page.get_by_label("E-mail address")).to_have_value("ada@school.example")


def test_a_wrong_password_is_said_and_the_address_stays(page: Page, site: Live) -> None:
    who = account(site)
    page.goto("/account/")
    page.get_by_label("E-mail address").fill(who.email)
    page.get_by_label("Password", exact=True).fill("not this one")
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.locator(".errors")).to_be_focused()
    expect(page.get_by_label("E-mail address")).to_have_value(who.email)


def test_a_problem_is_told_by_its_type_in_the_pages_words_and_one_that_they_do_not_know_in_the_apis(page: Page, site: Live) -> None:
    page.goto("/account/")
    page.get_by_label("E-mail address").fill("ada@school.example")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    types = iter(("login-wrong", "not-known-here"))
    page.route("**/auth/login", lambda route: route.fulfill(status=401, content_type="application/problem+json", json={
        "type": f"/api/docs#{next(types)}", "title": "Unauthorized", "status": 401, "detail": "Said by the API."}))
    for told in ("The address or the password is wrong.", "Said by the API."):
        page.get_by_role("button", name="Log in", exact=True).click()
        expect(page.locator(".errors li")).to_have_text(told)


def test_a_wrong_password_is_sent_once_and_an_old_forms_token_is_renewed(page: Page, site: Live) -> None:
    who = account(site)
    log_in(page, who)
    page.get_by_role("link", name="Password and address").click()
    page.get_by_label("New e-mail address").fill(f"new-{who.email}")
    page.locator("#email_password").fill("wrong")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url.partition("/auth/")[2]))
    page.get_by_role("button", name="Change the address").click()
    expect(page.locator("#email_password-error")).to_have_text("The password is wrong.")
    assert sent.count("email") == 1
    old = {"type": "/api/docs#form-token", "title": "Forbidden", "status": 403, "detail": "The form's token is missing or old."}
    page.route("**/auth/email", lambda route: route.fulfill(
        status=403, content_type="application/problem+json", json=old), times=1)
    page.locator("#email_password").fill(PASSWORD)
    page.get_by_role("button", name="Change the address").click()
    expect(page.get_by_text("Look into your mail")).to_be_visible()
    assert sent.count("session") >= 1


def test_where_the_api_is_away_a_form_says_so_and_keeps_what_was_typed(page: Page, site: Live) -> None:
    page.goto("/account/reset/")
    page.get_by_label("E-mail address").fill("ada@school.example")
    page.route("**/api/**", lambda route: route.abort())
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_text("The server does not answer now.")).to_be_visible()
    expect(page.get_by_label("E-mail address")).to_have_value("ada@school.example")


def test_password_and_address_are_changed_and_the_address_by_its_own_mail(page: Page, site: Live, heard: Heard) -> None:
    who = account(site)
    log_in(page, who)
    page.get_by_role("link", name="Password and address").click()
    assert light_and_dark(page) == []
    page.get_by_label("Present password").fill(PASSWORD)
    page.get_by_label("New password").fill("quite another sentence")
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_text("Your password is changed")).to_be_visible()
    other = f"new-{who.email}"
    page.get_by_label("New e-mail address").fill(other)
    page.locator("#email_password").fill("wrong")
    page.get_by_role("button", name="Change the address").click()
    expect(page.locator(".errors")).to_be_focused()
    page.locator("#email_password").fill("quite another sentence")
    page.get_by_role("button", name="Change the address").click()
    expect(page.get_by_text("Look into your mail")).to_be_visible()
    page.goto(mailed_link(site, other, "email"))
    page.get_by_role("button", name="Confirm the address").click()
    expect(page.get_by_text("Your account has its new address.")).to_be_visible()
    assert site.sql("SELECT email FROM student.account WHERE id = %s", who.id) == [(other,)]
    assert [text for text in heard.errors if "status of 4" not in text] == []


def test_what_is_kept_and_what_was_watched_stand_on_pages_of_their_own_and_can_be_let_go(page: Page, site: Live, heard: Heard) -> None:
    who = account(site)
    *kept, (gone, _) = site.sql("SELECT id, title FROM catalog.video WHERE status = 'published' ORDER BY id LIMIT 23")
    for n, (video, _) in enumerate(kept):
        site.sql("INSERT INTO student.bookmark (account_id, video_id, at) VALUES (%s, %s, now() - %s * interval '1 day')", who.id, video, n)
    (first, begun), (second, done) = kept[:2]
    site.sql("""INSERT INTO student.progress (account_id, video_id, position_s, at, completed)
        VALUES (%s, %s, 754, now(), false), (%s, %s, 0, now() - interval '3 days', true), (%s, %s, 60, now() - interval '5 days', false)""",
             who.id, first, who.id, second, who.id, gone)
    log_in(page, who)
    page.get_by_role("link", name="Lectures you keep").click()
    rows = page.locator(".lectures li")
    expect(rows).to_have_count(20)
    expect(rows.first.locator("a")).to_have_text(begun)
    page.get_by_role("button", name="More lectures").click()
    expect(rows).to_have_count(22)
    expect(rows.nth(20).locator("a")).to_be_focused()
    expect(page.get_by_role("button", name="More lectures")).to_be_hidden()
    page.get_by_role("button", name=f"Keep no more: {begun}").click()
    expect(rows).to_have_count(21)
    expect(rows.first.locator("a")).to_be_focused()
    assert site.sql("SELECT FROM student.bookmark WHERE account_id = %s AND video_id = %s", who.id, first) == []

    page.goto("/account/")
    page.context.route(f"**/data/video/{gone}.json", lambda route: route.fulfill(status=410, body="{}"))  # withdrawn
    page.get_by_role("link", name="What you watched").click()
    expect(rows).to_have_count(3)
    expect(rows.nth(0)).to_contain_text(begun)
    expect(rows.nth(0)).to_contain_text("at 12:34")
    expect(rows.nth(1)).to_contain_text(done)
    expect(rows.nth(1)).to_contain_text("Watched")
    expect(rows.nth(2)).to_contain_text("This lecture is no longer here.")
    assert light_and_dark(page) == []
    page.route("**/me/progress/*", lambda route: route.fulfill(status=500, body="{}"), times=1)
    rows.first.get_by_role("button").click()
    expect(page.get_by_text("The server does not answer now.")).to_be_visible()
    for left in (2, 1, 0):
        rows.last.get_by_role("button").click()
        expect(rows).to_have_count(left)
    expect(page.locator(".errors")).to_be_hidden()
    expect(page.get_by_text("You have watched nothing yet.")).to_be_visible()
    expect(page.get_by_role("link", name="All lectures")).to_be_focused()
    assert places(site, who) == {}
    assert [text for text in heard.errors if "410" not in text and "500" not in text] == []  # the browser's own lines
    log_out(page)
    page.go_back()
    expect(page.locator(".account [data-for=nobody]")).to_be_visible()
    expect(rows).to_have_count(0)


def test_a_session_on_another_device_is_seen_and_ended(open_context: Open, site: Live) -> None:
    who = account(site)
    phone, page = open_context().new_page(), open_context().new_page()
    log_in(phone, who)
    log_in(page, who)
    assert light_and_dark(page) == []
    page.get_by_role("link", name="Where you are logged in").click()
    expect(page.locator(".sessions li")).to_have_count(2)
    assert light_and_dark(page) == []
    expect(page.locator(".sessions strong", has_text="This browser: Chrome on Linux")).to_have_count(1)
    page.locator(".sessions li", has_not_text="This browser").get_by_role("button").click()
    expect(page.locator(".sessions li")).to_have_count(1)
    phone.reload()
    expect(phone.get_by_role("button", name="Log in", exact=True)).to_be_visible()


def test_log_out_everywhere_ends_the_other_device_too(open_context: Open, site: Live) -> None:
    who = account(site)
    phone, page = open_context().new_page(), open_context().new_page()
    log_in(phone, who)
    log_in(page, who)
    page.get_by_role("button", name="Log out in every browser").click()
    expect(page.get_by_role("button", name="Log in", exact=True)).to_be_visible()
    phone.reload()
    expect(phone.get_by_role("button", name="Log in", exact=True)).to_be_visible()


def test_a_student_takes_all_along_and_deletes_the_account(page: Page, site: Live) -> None:
    who = account(site)
    log_in(page, who)
    page.get_by_role("link", name="Your data").click()
    with page.expect_download() as taken:
        page.get_by_role("link", name="Download your data").click()
    assert who.email in taken.value.path().read_text()
    page.get_by_label("Password", exact=True).fill("wrong")
    page.get_by_role("button", name="Delete my account").click()
    expect(page.locator(".errors")).to_be_focused()
    assert light_and_dark(page) == []
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Delete my account").click()
    expect(page.get_by_text("is deleted")).to_be_visible()
    assert site.sql("SELECT FROM student.account WHERE id = %s", who.id) == []


def test_after_the_log_in_the_student_is_where_he_came_from_and_never_elsewhere(page: Page, site: Live) -> None:
    who = account(site)
    (_, address), *_ = lectures(site)
    for asked in (address, "//evil.example/", "/\\evil.example", "https://evil.example/"):
        led = address if asked == address else "/account/"
        page.goto(f"/account/?next={asked}")
        page.get_by_label("E-mail address").fill(who.email)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Log in", exact=True).click()
        page.wait_for_url(site.url + led)
        log_out(page)


def test_the_back_button_shows_nothing_of_an_account_that_was_left(open_context: Open, site: Live) -> None:
    who = account(site)
    page = open_context().new_page()
    log_in(page, who)
    page.get_by_role("link", name="Where you are logged in").click()
    expect(page.locator(".sessions li")).to_have_count(1)
    log_out(page)
    page.go_back()
    expect(page.locator(".account [data-for=nobody]")).to_be_visible()
    assert who.email not in page.content()
    expect(page.locator(".sessions li")).to_have_count(0)


def test_without_javascript_each_page_says_what_is_needed_and_shows_no_dead_form(open_context: Open) -> None:
    page = open_context(java_script_enabled=False).new_page()
    for path in PAGES:
        page.goto(f"/account/{path}")
        # Chromium as it is driven here reads a noscript as if there were scripts, so that its text is seen in the source alone.
        assert "This page talks to the server by JavaScript" in (page.locator("noscript").text_content() or "")
        assert [field for field in page.locator(".account input, .account button").all() if field.is_visible()] == []


def test_a_password_never_goes_into_an_address_and_managers_know_each_field(page: Page, site: Live) -> None:
    seen = set()
    for path in PAGES:
        page.goto(f"/account/{path}")
        assert {form.get_attribute("method") for form in page.locator(".account form").all()} <= {"post"}
        seen |= {(field.get_attribute("type"), field.get_attribute("autocomplete")) for field in page.locator(".account input").all()}
    assert seen == {("email", "username"), ("email", "email"), ("password", "current-password"), ("password", "new-password"),
                    ("text", "name"), ("hidden", "username")}


def test_a_mails_page_without_its_secret_says_what_to_do(page: Page) -> None:
    page.goto("/account/confirm/")
    expect(page.get_by_text("This page is opened by the link in a mail.")).to_be_visible()
    assert until(lambda: page.get_by_role("link", name="Ask for a link to a new password").is_visible(), page)
