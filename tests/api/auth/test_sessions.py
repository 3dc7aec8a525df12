"""Sessions: begun by a log-in, ended by deleting a row, at once and everywhere."""
from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from flask import Flask, Response, jsonify
from werkzeug.test import TestResponse

from api.auth.sessions import MOST_AN_ACCOUNT, ROLES, current, raise_revision, signed_in
from api.pool import Pool
from tests.api.auth.accounts import add, rows_of
from tests.api.auth.browser import PASSWORD, Browser

Make = Callable[..., Flask]


def test_who_logs_in_is_signed_in_and_who_logs_out_is_not(browser: Browser, dsn: str) -> None:
    add(dsn)
    assert browser.who is None
    assert browser.log_in().status_code == 200
    assert browser.who == "ada@school.example"
    token = browser.cookie
    assert browser.post("/logout").status_code == 204
    assert browser.who is None
    browser.client.set_cookie("session", token, domain="127.0.0.1")
    assert browser.who is None


def test_log_out_clears_what_the_browser_kept(browser: Browser, dsn: str) -> None:
    add(dsn)
    browser.log_in()
    answer = browser.post("/logout")
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert [cookie.partition("=")[0] for cookie in answer.headers.getlist("Set-Cookie") if "Max-Age=0" in cookie] == [
        "session", "lectern_state"]


def test_a_log_in_tells_the_page_the_state_that_it_puts_into_addresses(browser: Browser, dsn: str) -> None:
    add(dsn)
    told = browser.log_in().get_json()
    state = browser.cookie_named("lectern_state")
    assert state is not None
    assert state.value == f"{told['tag']}.{told['revision']}"


def test_a_token_is_new_with_each_log_in_and_the_one_before_opens_nothing(browser: Browser, app: Flask, dsn: str) -> None:
    """Fixation: what an attacker has put into the browser before is never what is signed in."""
    add(dsn)
    thief = Browser(app)
    for planted in ("a" + "x" * 43, "s" + "x" * 43):
        browser.client.set_cookie("session", planted, domain="127.0.0.1")
        browser.csrf = ""
        browser.log_in()
        assert browser.cookie != planted
        thief.client.set_cookie("session", planted, domain="127.0.0.1")
        assert thief.who is None
    first = browser.cookie
    browser.log_in()
    thief.client.set_cookie("session", first, domain="127.0.0.1")
    assert thief.who is None
    assert rows_of(dsn, "SELECT count(*) FROM student.session WHERE token_hash = sha256(%s)", first.encode()) == [(0,)]


def test_a_cookie_is_for_this_host_over_tls_and_for_no_script(make: Make, dsn: str) -> None:
    add(dsn)
    browser = Browser(make(LECTERN_BASE_URL="https://lectures.example"), base_url="https://lectures.example")
    cookie = session_cookie(browser.log_in())
    name, _, rest = cookie.partition("=")
    assert name == "__Host-session"
    token, *flags = rest.split("; ")
    assert set(flags) >= {"Secure", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=2592000"}
    assert not [flag for flag in flags if flag.startswith("Domain")]
    assert token not in browser.get("/session").text


def test_over_plain_http_on_loopback_the_cookie_is_there_too(browser: Browser, dsn: str) -> None:
    add(dsn)
    cookie = session_cookie(browser.log_in())
    assert cookie.startswith("session=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie


def test_the_database_keeps_only_the_hash_of_256_bits(browser: Browser, dsn: str) -> None:
    add(dsn)
    browser.log_in()
    assert len(browser.cookie) == 1 + 43
    assert [bytes(row[0]) for row in rows_of(dsn, "SELECT token_hash FROM student.session")] == [
        hashlib.sha256(browser.cookie.encode()).digest()]


def test_log_out_everywhere_ends_every_session_on_every_instance_at_once(make: Make, dsn: str) -> None:
    add(dsn)
    here, there = Browser(make()), Browser(make())
    here.log_in()
    there.log_in()
    assert there.who == "ada@school.example"
    assert here.post("/logout-everywhere").status_code == 204
    assert [browser.who for browser in (here, there)] == [None, None]


def test_a_session_ends_by_age_by_idleness_and_with_its_account(browser: Browser, dsn: str) -> None:
    add(dsn)
    for ends in ("UPDATE student.session SET expires_at = now()", "UPDATE student.session SET seen_at = now() - interval '15 days'",
                 "DELETE FROM student.account"):
        assert browser.log_in().status_code == 200
        rows_of(dsn, ends)
        assert browser.who is None


def test_a_session_in_use_is_noted_once_an_hour(browser: Browser, dsn: str) -> None:
    add(dsn)
    browser.log_in()
    rows_of(dsn, "UPDATE student.session SET seen_at = now() - interval '50 minutes'")
    before = rows_of(dsn, "SELECT seen_at, xmin::text FROM student.session")
    assert browser.who
    assert rows_of(dsn, "SELECT seen_at, xmin::text FROM student.session") == before
    rows_of(dsn, "UPDATE student.session SET seen_at = now() - interval '13 days'")
    assert browser.who
    assert rows_of(dsn, "SELECT seen_at > now() - interval '1 minute' FROM student.session") == [(True,)]


def test_the_list_of_sessions_names_each_and_opens_none(browser: Browser, app: Flask, dsn: str) -> None:
    add(dsn)
    browser.log_in()
    other = Browser(app)
    other.log_in()
    listed = browser.get("/sessions").get_json()["sessions"]
    assert sorted(s["this"] for s in listed) == [False, True]
    assert datetime.fromisoformat(listed[0]["created_at"]).tzinfo
    assert browser.cookie not in browser.get("/sessions").text
    tag = next(s["tag"] for s in listed if not s["this"])
    assert browser.post(f"/sessions/{tag}", method="DELETE").status_code == 204
    assert [one.who for one in (browser, other)] == ["ada@school.example", None]
    own = next(s["tag"] for s in listed if s["this"])
    assert browser.post(f"/sessions/{own}", method="DELETE").status_code == 204
    assert browser.who is None


def test_nobody_ends_or_sees_another_students_session(browser: Browser, app: Flask, dsn: str) -> None:
    add(dsn)
    add(dsn, "eve@school.example")
    browser.log_in()
    eve = Browser(app)
    eve.log_in("eve@school.example")
    tag = browser.get("/sessions").get_json()["sessions"][0]["tag"]
    assert tag not in eve.get("/sessions").text
    assert eve.post(f"/sessions/{tag}", method="DELETE").status_code == 404
    assert browser.who == "ada@school.example"


def test_an_account_keeps_its_newest_sessions(app: Flask, dsn: str) -> None:
    id = add(dsn)
    rows_of(dsn, """INSERT INTO student.session (token_hash, account_id, expires_at, seen_at)
                    SELECT sha256(n::text::bytea), %s, now() + interval '1 day', now() - n * interval '1 minute'
                    FROM generate_series(1, 60) n""", id)
    Browser(app).log_in()
    assert rows_of(dsn, "SELECT count(*), max(now() - seen_at) < interval '51 minutes' FROM student.session") == [(MOST_AN_ACCOUNT, True)]


def test_a_strangers_cookie_costs_no_query(app: Flask, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    browser.get("/session")

    def no_query(*_: object, **__: object) -> None:
        raise AssertionError("asked the database")

    monkeypatch.setattr(Pool, "read", no_query)
    monkeypatch.setattr(Pool, "transaction", no_query)
    assert browser.who is None
    for odd in ("", "s", "a", "x" * 44, "s" + "é" * 43, "s" + "x" * 500):
        assert app.test_client().get("/api/v1/auth/session", headers={"Cookie": f"session={odd}"}).status_code == 200


def test_a_request_reads_its_session_once(app: Flask, browser: Browser, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    @app.get("/api/v1/three-times")
    @signed_in
    def three_times() -> Response:
        return jsonify([session.account_id for session in (current(), current(), current()) if session])

    add(dsn)
    browser.log_in()
    asked = []
    read = Pool.read

    def noted(self: Pool, *args: Any, **more: Any) -> list[tuple[Any, ...]]:
        asked.append(args)
        return read(self, *args, **more)

    monkeypatch.setattr(Pool, "read", noted)
    assert len(browser.get("/api/v1/three-times").get_json()) == 3
    assert len(asked) == 1


def test_a_role_may_what_those_before_it_may_and_no_more(app: Flask, dsn: str) -> None:
    for needs in ROLES:
        @app.get(f"/api/v1/for-{needs}", endpoint=needs)
        @signed_in(role=needs)
        def guarded() -> Response:
            return jsonify("in")

        assert guarded.__name__ == "guarded"
    expected = {None: [401, 401, 401], "student": [200, 403, 403], "editor": [200, 200, 403], "admin": [200, 200, 200]}
    for has, statuses in expected.items():
        browser = Browser(app)
        if has:
            add(dsn, f"{has}@school.example", role=has)
            browser.log_in(f"{has}@school.example")
        answers = [browser.get(f"/api/v1/for-{needs}") for needs in ROLES]
        assert [answer.status_code for answer in answers] == statuses
        assert ["WWW-Authenticate" in answer.headers for answer in answers] == [status == 401 for status in statuses]


def test_nobody_raises_a_role_by_a_field(browser: Browser, dsn: str) -> None:
    """Mass assignment: a body's unknown member is refused, not taken over."""
    add(dsn)
    for path, body in (("/register", {"email": "eve@school.example", "password": PASSWORD, "role": "admin"}),
                       ("/login", {"email": "ada@school.example", "password": PASSWORD, "role": "admin"}),
                       ("/login", {"email": "ada@school.example", "password": PASSWORD, "account_id": 1})):
        answer = browser.post(path, body)
        assert answer.status_code == 422
        assert answer.get_json()["errors"][0]["field"] in ("role", "account_id")
    browser.log_in()
    assert browser.post("/password", {"password": PASSWORD, "new_password": "a long enough one", "role": "admin"}).status_code == 422
    assert rows_of(dsn, "SELECT DISTINCT role FROM student.account") == [("student",)]


def test_a_role_that_is_given_or_taken_ends_the_sessions_before(app: Flask, browser: Browser, dsn: str) -> None:
    from api.auth import operator
    from edge.settings import read_settings

    add(dsn)
    browser.log_in()
    operator.add(read_settings({"DATABASE_URL": dsn}), "Ada@School.example", "editor", None)
    assert browser.who is None
    assert browser.log_in().get_json()["account"]["role"] == "editor"


def test_a_revision_is_raised_in_the_writing_transaction(app: Flask, browser: Browser, dsn: str) -> None:
    id = add(dsn)
    before = browser.log_in().get_json()["revision"]
    pool: Pool = app.extensions["lectern.pool"]
    with pool.transaction() as cursor:
        assert raise_revision(cursor, id) == before + 1
        assert browser.get("/session").get_json()["revision"] == before
    assert browser.get("/session").get_json()["revision"] == before + 1


def test_no_cache_keeps_what_auth_says(browser: Browser, dsn: str) -> None:
    add(dsn)
    browser.log_in()
    for path in ("/session", "/sessions", "/export", "/oidc", "/nobody"):
        answer = browser.get(path)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.status_code == 404 or "Cookie" in answer.headers["Vary"]


def session_cookie(answer: TestResponse) -> str:
    """The line that gives the browser its session."""
    (line,) = (line for line in answer.headers.getlist("Set-Cookie") if "session=" in line)
    return line
