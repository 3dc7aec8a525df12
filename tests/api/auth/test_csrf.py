"""Nobody else's page makes a student's browser do anything."""
from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask, Response, jsonify, request
from werkzeug.test import TestResponse

from tests.api.auth.accounts import add
from tests.api.auth.browser import Browser

OURS = "http://127.0.0.1:8000"
ASKED: list[tuple[dict[str, str], int]] = [
    ({"Sec-Fetch-Site": "same-origin"}, 200),
    ({"Sec-Fetch-Site": "same-origin", "Origin": OURS}, 200),
    ({"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, 403),
    ({"Sec-Fetch-Site": "cross-site", "Origin": OURS}, 403),
    ({"Sec-Fetch-Site": "same-site", "Origin": "http://other.example"}, 403),
    ({"Sec-Fetch-Site": "none"}, 403),
    ({"Sec-Fetch-Site": "odd"}, 403),
    ({"Origin": OURS}, 200),
    ({"Origin": "http://localhost:8000"}, 200),
    ({"Origin": "https://evil.example"}, 403),
    ({"Origin": "null"}, 403),
    ({"Origin": OURS + ".evil.example"}, 403),
    ({"Origin": "http://127.0.0.1:8001"}, 403),
    ({"Origin": "https://evil.example", "Referer": OURS + "/"}, 403),
    ({"Referer": OURS + "/videos/x/"}, 200),
    ({"Referer": "https://evil.example/" + OURS}, 403),
    ({"Referer": "http://127.0.0.1:8000@evil.example/"}, 403),
    ({"Referer": "http://[::1"}, 403),
    ({"Referer": ""}, 403),
    ({}, 403),
]


@pytest.fixture
def app(app: Flask) -> Flask:
    @app.route("/api/v1/write", methods=["POST", "PUT", "PATCH", "DELETE"])
    def write() -> Response:
        return jsonify(len(request.get_data()))

    return app


@pytest.fixture
def student(browser: Browser, dsn: str) -> Browser:
    add(dsn)
    browser.log_in()
    return browser


def test_a_request_must_say_that_it_comes_from_here(student: Browser) -> None:
    """By what the browser sends: Fetch-Metadata, else Origin, else Referer; with none it is refused."""
    answered = [(headers, send(student, headers, {"X-CSRF-Token": student.csrf}).status_code) for headers, _ in ASKED]
    assert answered == ASKED


def test_a_token_is_needed_always_and_only_the_own_one_serves(student: Browser, app: Flask, dsn: str) -> None:
    add(dsn, "eve@school.example")
    eve = Browser(app)
    eve.log_in("eve@school.example")
    here = {"Sec-Fetch-Site": "same-origin"}
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert send(student, here, {"X-CSRF-Token": student.csrf}, method=method).status_code == 200
        for wrong in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": eve.csrf}, {"X-CSRF-Token": student.csrf + "x"}, {"X-CSRF-Token": "é"}):
            answer = send(student, here, wrong, method=method)
            assert answer.status_code == 403
            assert answer.content_type == "application/problem+json"


def test_a_token_changes_with_the_log_in_and_the_old_one_serves_no_more(student: Browser) -> None:
    old = student.csrf
    student.log_in()
    assert student.csrf != old
    assert send(student, {"Sec-Fetch-Site": "same-origin"}, {"X-CSRF-Token": old}).status_code == 403


def test_a_log_in_needs_a_token_too(app: Flask, dsn: str) -> None:
    """Or a student would watch, and write notes, in an account of the attacker's."""
    add(dsn)
    body = {"email": "ada@school.example", "password": "correct horse battery"}
    answer = app.test_client().post("/api/v1/auth/login", json=body, headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 403


def test_a_beacon_which_sends_no_header_bears_the_token_in_its_body(student: Browser) -> None:
    for kind in ("application/json", "text/plain", "text/plain;charset=UTF-8"):
        here = {"Sec-Fetch-Site": "same-origin", "Content-Type": kind}
        assert send(student, here, {}, json.dumps({"csrf": student.csrf, "videos": [1]})).status_code == 200
    for body in ({"csrf": "x"}, {"csrf": 1}, {"csrf": None}, {"inner": {"csrf": student.csrf}}, [student.csrf], student.csrf, 7):
        assert send(student, here, {}, json.dumps(body)).status_code == 403
    for raw in ("{", "", "\0", '{"csrf": "\\ud800"}', "[" * 30_000):
        assert send(student, here, {}, raw).status_code == 403


def test_reading_needs_neither(student: Browser) -> None:
    for method in ("GET", "HEAD", "OPTIONS"):
        assert student.client.open("/api/v1/auth/session", method=method, headers={"Origin": "https://evil.example"}).status_code == 200


def test_what_is_not_there_is_said_to_be_so_before_any_token_is_asked_for(student: Browser) -> None:
    assert send(student, {}, {}, path="/api/v1/nobody").status_code == 404
    assert send(student, {}, {}, path="/api/v1/auth/session").status_code == 405


def test_origins_that_are_allowed_by_name_may_write_from_the_same_site(make: Any, dsn: str) -> None:
    add(dsn)
    app = make(LECTERN_BASE_URL="https://lectures.school.example", LECTERN_CORS_ORIGINS="https://learn.school.example")
    browser = Browser(app, base_url="https://lectures.school.example")
    for origin, status in (("https://learn.school.example", 200), ("https://evil.school.example", 403)):
        browser.get("/session")
        assert browser.post("/login", {"email": "ada@school.example", "password": "correct horse battery"},
                            headers={"Sec-Fetch-Site": "same-site", "Origin": origin}).status_code == status


def send(browser: Browser, where: dict[str, str], token: dict[str, str], raw: str = "{}", *, method: str = "POST",
         path: str = "/api/v1/write") -> TestResponse:
    return browser.client.open(path, method=method, base_url=browser.base_url, data=raw.encode("utf-8", "surrogatepass"),
                               headers={"Content-Type": "application/json", **where, **token})
