"""Log-in through a real OpenID provider: what is believed, whose account it opens, and what is refused."""
from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from flask import Flask
from joserfc.jwk import RSAKey

from tests.api.auth.accounts import add, rows_of
from tests.api.auth.browser import Browser
from tests.api.auth.provider import CLIENT, SECRET, FakeProvider, running

Make = Callable[..., Flask]
BASE = "http://127.0.0.1:8000"
WRONG_CLAIMS: list[dict[str, Any]] = [
    {"iss": "https://evil.example"}, {"aud": "somebody else"}, {"aud": [CLIENT, "somebody else"]}, {"azp": "somebody else"},
    {"exp": int(time.time()) - 3600}, {"iat": int(time.time()) + 3600}, {"nonce": "another"}, {"nonce": None}, {"sub": None}, {"sub": ""},
    {"sub": "x" * 256}, {"sub": 7}, {"at_hash": "AAAA"}]


@pytest.fixture
def providers() -> Iterator[tuple[FakeProvider, FakeProvider]]:
    with ExitStack() as stack:
        one, other = stack.enter_context(running()), stack.enter_context(running())
        one.redirects = [f"{BASE}/api/v1/auth/oidc/school/callback"]
        other.redirects = [f"{BASE}/api/v1/auth/oidc/other/callback"]
        yield one, other


@pytest.fixture
def provider(providers: tuple[FakeProvider, FakeProvider]) -> FakeProvider:
    return providers[0]


@pytest.fixture
def app(make: Make, providers: tuple[FakeProvider, FakeProvider]) -> Flask:
    secret = quote(SECRET, safe="")
    return make(LECTERN_OIDC_PROVIDERS=",".join(
        f"{name}=http://{CLIENT}:{secret}@{urlsplit(p.issuer).netloc}" for name, p in zip(("school", "other"), providers, strict=True)))


def test_somebody_new_gets_an_account_and_the_same_one_the_next_time(
        browser: Browser, app: Flask, provider: FakeProvider, dsn: str) -> None:
    assert outcome(come_back(browser, provider, next="/videos/limits/")) == "/videos/limits/"
    assert browser.who == "ada@school.example"
    provider.person |= {"email": "ada@elsewhere.example", "email_verified": False}
    second = Browser(app)
    come_back(second, provider)
    assert second.who == "ada@school.example"
    assert rows_of(dsn, "SELECT issuer, subject FROM student.identity") == [(provider.issuer, "248289761001")]


def test_a_profile_that_is_not_in_the_token_is_asked_for_and_must_be_the_same_persons(browser: Browser, provider: FakeProvider) -> None:
    provider.in_id_token = False
    provider.profile = {"sub": "somebody else"}
    assert outcome(come_back(browser, provider)) == "failed"
    provider.profile = {}
    come_back(browser, provider)
    assert browser.who == "ada@school.example"


def test_an_address_that_the_provider_has_not_verified_opens_and_makes_nothing(browser: Browser, provider: FakeProvider, dsn: str) -> None:
    for told in (False, None, "true", 1):
        provider.person["email_verified"] = told
        assert outcome(come_back(browser, provider)) == "unverified"
    add(dsn)
    assert outcome(come_back(browser, provider)) == "unverified"
    assert browser.who is None
    assert rows_of(dsn, "SELECT count(*) FROM student.account") == [(1,)]


def test_a_verified_address_opens_the_account_that_is_there_only_with_its_password(
        browser: Browser, provider: FakeProvider, dsn: str) -> None:
    add(dsn)
    question = urlsplit(come_back(browser, provider).location).fragment
    assert browser.who is None
    assert browser.post("/oidc/answer", {"question": question, "password": "not the password"}).status_code == 401
    assert browser.post("/oidc/answer", {"question": question, "password": "correct horse battery"}).status_code == 410
    assert rows_of(dsn, "SELECT count(*) FROM student.identity") == [(0,)]
    question = urlsplit(come_back(browser, provider).location).fragment
    assert browser.post("/oidc/answer", {"question": question, "password": "correct horse battery"}).status_code == 200
    assert browser.who == "ada@school.example"
    assert rows_of(dsn, "SELECT kind FROM student.mail") == [("linked",)]
    browser.post("/logout")
    come_back(browser, provider)
    assert browser.who == "ada@school.example"


def test_a_question_is_answered_only_by_the_browser_that_it_was_put_to(
        browser: Browser, app: Flask, provider: FakeProvider, dsn: str) -> None:
    add(dsn)
    question = urlsplit(come_back(browser, provider).location).fragment
    thief = Browser(app)
    assert thief.post("/oidc/answer", {"question": question, "password": "correct horse battery"}).status_code == 410


def test_an_id_token_that_is_not_for_us_from_there_and_now_is_refused(browser: Browser, provider: FakeProvider) -> None:
    for wrong in WRONG_CLAIMS:
        def spoilt(claims: dict[str, Any], wrong: dict[str, Any] = wrong) -> dict[str, Any]:
            return {name: value for name, value in {**claims, **wrong}.items() if value is not None}

        provider.spoil = spoilt
        assert outcome(come_back(browser, provider)) == "failed", wrong
        assert browser.who is None
    provider.spoil = lambda claims: claims | {"aud": [CLIENT], "azp": CLIENT}
    assert outcome(come_back(browser, provider)) == "/account/"


def test_an_id_token_that_the_provider_has_not_signed_is_refused(browser: Browser, provider: FakeProvider) -> None:
    for sign in (provider.sign_by_secret, provider.sign_not):
        provider.sign = sign
        assert outcome(come_back(browser, provider)) == "failed"


def test_a_token_signed_by_another_key_of_the_same_name_is_refused(browser: Browser, provider: FakeProvider) -> None:
    come_back(browser, provider)
    browser.post("/logout")
    provider.key = RSAKey.generate_key(2048, {"kid": "one"})
    assert outcome(come_back(browser, provider)) == "failed"


def test_keys_that_the_provider_changes_are_asked_for_anew_but_not_for_each_made_up_name(
        browser: Browser, provider: FakeProvider, app: Flask) -> None:
    come_back(browser, provider)
    client = app.extensions["lectern.oidc"]["school"]
    provider.key = RSAKey.generate_key(2048, {"kid": "two", "use": "sig", "alg": "RS256"})
    provider.asked.clear()
    assert outcome(come_back(browser, provider)) == "failed"
    assert "/keys" not in provider.asked
    client._keys_until = 0.0  # a minute later
    assert outcome(come_back(browser, provider)) == "/account/"


def test_the_issuer_is_compared_where_it_is_sent_and_missed_where_it_was_promised(browser: Browser, provider: FakeProvider) -> None:
    provider.told_issuer = "https://evil.example"
    assert outcome(come_back(browser, provider)) == "failed"
    provider.told_issuer = None  # and promises nothing, but what was promised is remembered for an hour
    assert outcome(come_back(browser, provider)) == "/account/"


def test_a_promised_issuer_that_is_missing_is_a_mix_up(browser: Browser, provider: FakeProvider) -> None:
    provider.metadata = {"authorization_response_iss_parameter_supported": True}
    provider.told_issuer = None
    assert outcome(come_back(browser, provider)) == "failed"


def test_an_answer_of_one_provider_is_no_answer_at_anothers_callback(
        browser: Browser, providers: tuple[FakeProvider, FakeProvider]) -> None:
    one, other = providers
    back = one.authorize(browser.get("/oidc/school/start").location)
    mixed = back.replace("/oidc/school/callback", "/oidc/other/callback")
    assert outcome(browser.get(_path(mixed))) == "ended"
    assert other.asked == []


def test_one_providers_student_is_never_anothers_of_the_same_number(
        browser: Browser, app: Flask, providers: tuple[FakeProvider, FakeProvider]) -> None:
    one, other = providers
    come_back(browser, one)
    other.person = {"sub": one.person["sub"], "email": "eve@elsewhere.example", "email_verified": True}
    second = Browser(app)
    come_back(second, other, "other")
    assert second.who == "eve@elsewhere.example"


def test_metadata_of_another_issuer_is_refused(browser: Browser, provider: FakeProvider) -> None:
    provider.metadata = {"issuer": "https://evil.example"}
    assert outcome(browser.get("/oidc/school/start")) == "failed"


def test_an_answer_counts_once_and_only_in_the_browser_that_asked(browser: Browser, app: Flask, provider: FakeProvider) -> None:
    back = provider.authorize(browser.get("/oidc/school/start").location)
    assert outcome(Browser(app).get(_path(back))) == "ended"
    assert outcome(browser.get(_path(back))) == "/account/"
    assert outcome(browser.get(_path(back))) == "ended"
    assert outcome(browser.get("/oidc/school/callback?state=&code=x")) == "ended"


def test_who_says_no_at_the_provider_comes_back_without_a_session(browser: Browser, provider: FakeProvider) -> None:
    state = parse_qs(urlsplit(browser.get("/oidc/school/start").location).query)["state"][0]
    assert outcome(browser.get(f"/oidc/school/callback?state={state}&error=access_denied")) == "cancelled"


def test_fifty_begun_log_ins_leave_one_short_cookie_and_all_can_be_finished(browser: Browser, provider: FakeProvider) -> None:
    begun = [browser.get("/oidc/school/start").location for _ in range(50)]
    cookie = browser.cookie_named("login")
    assert cookie is not None
    assert len(cookie.value) == 22
    assert (cookie.http_only, cookie.same_site, cookie.path) == (True, "Lax", "/")
    assert outcome(browser.get(_path(provider.authorize(begun[0])))) == "/account/"


def test_a_silent_provider_holds_a_thread_for_seconds_and_two_threads_at_most(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.auth.oidc_client.TIMEOUT_S", 0.3)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        app = make(LECTERN_OIDC_PROVIDERS=f"school=http://{CLIENT}:x@127.0.0.1:{silent.getsockname()[1]}")
        begun = time.monotonic()
        assert outcome(Browser(app).get("/oidc/school/start")) == "failed"
        assert time.monotonic() - begun < 3
        client = app.extensions["lectern.oidc"]["school"]
        client._places.acquire()
        client._places.acquire()
        answer = Browser(app).get("/oidc/school/start")
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]


def test_nobody_is_sent_elsewhere_after_a_log_in(browser: Browser, provider: FakeProvider) -> None:
    for next in ("//evil.example/", "https://evil.example/", "/\\evil.example", "\\/evil.example", "/\tevil", "javascript:alert(1)", "",
                 "/x\r\nLocation: //evil.example", "/\u2028evil", "evil"):
        assert come_back(browser, provider, next=next).location == "/account/"
    answer = come_back(browser, provider, next="/%0d%0aSet-Cookie:x")
    assert answer.location == "/%0d%0aSet-Cookie:x"
    assert [cookie.partition("=")[0] for cookie in answer.headers.getlist("Set-Cookie")] == ["session"]


def test_who_is_signed_in_links_a_provider_with_a_password_and_unlinks_it(browser: Browser, provider: FakeProvider, dsn: str) -> None:
    add(dsn)
    browser.log_in()
    provider.person |= {"email": "other@home.example", "email_verified": False}
    assert browser.post("/oidc/school/link", {"password": "not the password"}).status_code == 403
    asked = browser.post("/oidc/school/link", {"password": "correct horse battery"})
    assert outcome(browser.get(_path(provider.authorize(asked.get_json()["location"])))) == "linked"
    assert [way["linked"] for way in browser.get("/oidc").get_json()["providers"]] == [True, False]
    browser.post("/logout")
    come_back(browser, provider)
    assert browser.who == "ada@school.example"
    assert browser.post("/oidc/school/unlink", {"password": "correct horse battery"}).status_code == 204
    browser.post("/logout")
    assert outcome(come_back(browser, provider)) == "unverified"


def test_a_link_that_was_begun_by_one_is_not_finished_by_another(browser: Browser, provider: FakeProvider, dsn: str) -> None:
    add(dsn)
    add(dsn, "eve@school.example")
    browser.log_in("eve@school.example")
    asked = browser.post("/oidc/school/link", {"password": "correct horse battery"})
    browser.log_in("ada@school.example")
    assert outcome(browser.get(_path(provider.authorize(asked.get_json()["location"])))) == "ended"
    assert rows_of(dsn, "SELECT count(*) FROM student.identity") == [(0,)]


def test_an_identity_that_opens_one_account_is_not_linked_to_a_second(
        browser: Browser, app: Flask, provider: FakeProvider, dsn: str) -> None:
    come_back(Browser(app), provider)
    add(dsn, "eve@school.example")
    browser.log_in("eve@school.example")
    asked = browser.post("/oidc/school/link", {"password": "correct horse battery"})
    assert outcome(browser.get(_path(provider.authorize(asked.get_json()["location"])))) == "taken"


def test_the_only_way_into_an_account_cannot_be_taken_away(browser: Browser, provider: FakeProvider) -> None:
    come_back(browser, provider)
    assert browser.post("/oidc/school/unlink").status_code == 409
    assert browser.post("/password", {"new_password": "a long enough one"}).status_code == 200
    assert browser.post("/oidc/school/unlink", {"password": "a long enough one"}).status_code == 204


def test_an_account_without_a_password_proves_itself_by_a_fresh_log_in(browser: Browser, provider: FakeProvider, dsn: str) -> None:
    come_back(browser, provider)
    rows_of(dsn, "UPDATE student.session SET created_at = now() - interval '11 minutes'")
    assert browser.post("/delete").status_code == 403
    assert browser.post("/oidc/school/link").status_code == 403
    come_back(browser, provider)
    assert browser.post("/delete").status_code == 204
    assert rows_of(dsn, "SELECT count(*) FROM student.account") == [(0,)]


def test_an_unknown_provider_is_404(browser: Browser) -> None:
    for path in ("/oidc/nobody/start", "/oidc/nobody/callback"):
        assert browser.get(path).status_code == 404


def come_back(browser: Browser, provider: FakeProvider, name: str = "school", next: str = "/account/") -> Any:
    """The whole way: to the provider, agree there, and back; the callback's answer."""
    begun = browser.get(f"/oidc/{name}/start?next={quote(next, safe='')}")
    browser.csrf = ""
    return browser.get(_path(provider.authorize(begun.location))) if begun.location.startswith("http") else begun


def outcome(answer: Any) -> str:
    """What the callback says happened, or the page that it leads to."""
    assert answer.status_code in (302, 303), answer.text
    said = parse_qs(urlsplit(answer.location).query).get("login")
    return said[0] if said else str(answer.location)


def _path(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"
