"""Log-in at a provider, by the buttons of the account's pages, at a provider that speaks OpenID Connect on loopback."""
from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.api.auth.provider import CLIENT, SECRET, FakeProvider, running
from tests.edge.servers import free_port
from tests.web.conftest import WAIT_MS, Live, serving
from tests.web.students import PASSWORD, account, log_in


@pytest.fixture(scope="module")
def provider() -> Iterator[FakeProvider]:
    with running() as provider:
        yield provider


@pytest.fixture(scope="module")
def linked_site(site: Live, provider: FakeProvider) -> Iterator[Live]:
    """The same site, served by an API that knows the provider as "school"."""
    url = f"http://127.0.0.1:{free_port()}"
    provider.redirects = [f"{url}/api/v1/auth/oidc/school/callback"]
    known = f"school=http://{CLIENT}:{quote(SECRET, safe='')}@{urlsplit(provider.issuer).netloc}"
    live = site._replace(url=url, settings={"LECTERN_OIDC_PROVIDERS": known})
    with serving(live):
        yield live


@pytest.fixture
def visitor(browser: Browser, linked_site: Live) -> Iterator[Page]:
    context = browser.new_context(base_url=linked_site.url)
    context.set_default_timeout(WAIT_MS)
    yield context.new_page()
    context.close()


def test_somebody_new_logs_in_at_a_provider_and_comes_back_to_where_they_were(visitor: Page, provider: FakeProvider) -> None:
    provider.person = {"sub": "new", "email": "new@school.example", "email_verified": True, "name": "New"}
    visitor.goto("/account/?next=/courses/")
    visitor.get_by_role("link", name="Log in with school").click()
    visitor.wait_for_url("**/courses/")
    visitor.goto("/account/settings/")
    visitor.goto("/account/")
    expect(visitor.get_by_text("New (new@school.example)")).to_be_visible()
    expect(visitor.get_by_role("button", name="Log out", exact=True)).to_be_visible()


def test_who_has_an_account_already_gives_its_password_once_and_then_logs_in_both_ways(
        visitor: Page, linked_site: Live, provider: FakeProvider) -> None:
    who = account(linked_site)
    provider.person = {"sub": "old", "email": who.email, "email_verified": True, "name": "Ada"}
    visitor.goto("/account/")
    visitor.get_by_role("link", name="Log in with school").click()
    expect(visitor.get_by_text("There is an account with your address already.")).to_be_visible()
    assert "#" not in visitor.url, "the question has left the address bar"
    visitor.get_by_label("Password of your account").fill(PASSWORD)
    visitor.get_by_role("button", name="Join them").click()
    expect(visitor.get_by_text("You are logged in as")).to_be_visible()
    assert linked_site.sql("SELECT subject FROM student.identity WHERE account_id = %s", who.id) == [("old",)]


def test_a_student_links_a_provider_and_parts_it_again(visitor: Page, linked_site: Live, provider: FakeProvider) -> None:
    who = account(linked_site)
    provider.person = {"sub": "linked", "email": "another@school.example", "email_verified": True, "name": "Ada"}
    log_in(visitor, who)
    visitor.goto("/account/settings/")
    linking = visitor.locator("[data-linking]")
    linking.get_by_label("Password", exact=True).fill(PASSWORD)
    linking.get_by_role("button", name="Log in with school too").click()
    expect(visitor.get_by_text("From now on you can log in there too.")).to_be_visible()
    assert linked_site.sql("SELECT subject FROM student.identity WHERE account_id = %s", who.id) == [("linked",)]
    visitor.goto("/account/settings/")
    linking.get_by_label("Password", exact=True).fill(PASSWORD)
    linking.get_by_role("button", name="Log in with school no more").click()
    expect(linking.get_by_role("button", name="Log in with school too")).to_be_visible()
    assert linked_site.sql("SELECT subject FROM student.identity WHERE account_id = %s", who.id) == []


def test_a_provider_that_has_not_checked_the_address_opens_no_account_and_the_page_says_so(
        visitor: Page, provider: FakeProvider) -> None:
    provider.person = {"sub": "unchecked", "email": "unchecked@school.example", "email_verified": False, "name": "Eve"}
    visitor.goto("/account/")
    visitor.get_by_role("link", name="Log in with school").click()
    expect(visitor.get_by_text("The other site has not checked your e-mail address, so it opens no account here.")).to_be_visible()
    expect(visitor.get_by_role("button", name="Log in", exact=True)).to_be_visible()
