"""Guessing passwords: it ends after fifty, and nobody can keep a student out by it."""
from __future__ import annotations

import pytest
from flask import Flask

from tests.api.auth.accounts import add
from tests.api.auth.browser import Browser
from tests.api.auth.post_office import Mailbox

ADA = "ada@school.example"
MOST = 50


@pytest.fixture
def guesser(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Browser:
    from api.auth.passwords import Hashing

    cheap = Hashing._verify

    def verify(self: Hashing, password: str, encoded: str | None) -> bool:
        return password != "not it" and cheap(self, password, encoded)

    monkeypatch.setattr(Hashing, "_verify", verify)  # what is tried here is the counting
    return Browser(app, "192.0.2.1")


def test_one_address_may_guess_fifty_times_whatever_the_accounts(guesser: Browser) -> None:
    assert [guesser.log_in(f"s{n}@school.example", "not it").status_code for n in range(MOST)] == [401] * MOST
    answer = guesser.log_in("another@school.example", "not it")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 900


def test_many_addresses_may_guess_fifty_times_at_one_account_in_any_spelling(guesser: Browser, app: Flask, dsn: str) -> None:
    add(dsn)
    spellings = (ADA, "ADA@school.example", " ada@school.example ", "ａda@school.example")
    for number in range(MOST):
        assert Browser(app, f"192.0.2.{number}").log_in(spellings[number % 4], "not it").status_code == 401
    assert Browser(app, "198.51.100.1").log_in(password="not it").status_code == 429
    assert Browser(app, "198.51.100.1").log_in("ida@school.example", "not it").status_code == 401


def test_a_student_gets_in_from_where_he_was_before_however_many_guess(guesser: Browser, app: Flask, dsn: str) -> None:
    add(dsn)
    assert Browser(app, "203.0.113.7").log_in().status_code == 200
    for number in range(MOST + 1):
        Browser(app, f"192.0.2.{number}").log_in(password="not it")
    assert Browser(app, "198.51.100.1").log_in().status_code == 429
    assert Browser(app, "203.0.113.7").log_in().status_code == 200


def test_a_student_who_is_somewhere_new_gets_in_by_a_mail(guesser: Browser, app: Flask, mailbox: Mailbox, dsn: str) -> None:
    add(dsn)
    for number in range(MOST + 1):
        Browser(app, f"192.0.2.{number}").log_in(password="not it")
    student = Browser(app, "198.51.100.1")
    assert student.log_in().status_code == 429
    student.post("/reset", {"email": ADA})
    assert student.post("/reset/confirm", {"token": mailbox.link("password"), "password": "a new and long one"}).status_code == 204
    assert student.log_in(password="a new and long one").status_code == 200


def test_right_log_ins_of_a_whole_school_are_not_counted(guesser: Browser, app: Flask, dsn: str) -> None:
    add(dsn)
    for _ in range(MOST + 10):
        assert Browser(app, "203.0.113.7").log_in().status_code == 200


def test_who_found_a_browser_open_cannot_guess_its_password(guesser: Browser, app: Flask, dsn: str) -> None:
    add(dsn)
    browser = Browser(app, "203.0.113.7")
    browser.log_in()
    statuses = [browser.post("/delete", {"password": "not it"}).status_code for _ in range(MOST + 1)]
    assert statuses == [403] * MOST + [429]


def test_links_are_not_guessed(guesser: Browser) -> None:
    statuses = [guesser.post("/email/confirm", {"token": f"{n:043}"}).status_code for n in range(MOST + 1)]
    assert statuses == [410] * MOST + [429]


def test_a_log_in_that_is_broken_leaves_the_count_as_it_is(guesser: Browser) -> None:
    for _ in range(MOST):
        guesser.log_in(password="not it")
    for body in ("{", "[]", '{"email": 1}', '{"email": ""}', "\0"):
        answer = guesser.client.post(
            "/api/v1/auth/login", data=body, base_url=guesser.base_url, environ_base={"REMOTE_ADDR": guesser.address},
            headers={"Content-Type": "application/json", "X-CSRF-Token": guesser.csrf, "Sec-Fetch-Site": "same-origin"})
        assert answer.status_code == 429
    assert guesser.log_in().status_code == 429


def test_mails_to_a_victim_end_after_fifty(guesser: Browser, dsn: str) -> None:
    statuses = [guesser.post("/reset", {"email": ADA}).status_code for _ in range(MOST + 1)]
    assert statuses == [202] * MOST + [429]
