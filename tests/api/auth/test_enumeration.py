"""Nothing tells whether an address has an account: not a text, not a status, not a header, not the time."""
from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.api.auth.accounts import add, rows_of
from tests.api.auth.browser import Browser
from tests.api.auth.post_office import Mailbox

THERE, NOT_THERE, NO_PASSWORD = "ada@school.example", "ida@school.example", "eve@school.example"
TURNS = 15


@pytest.fixture
def ask(app: Flask, dsn: str) -> Callable[[str, str], TestResponse]:
    add(dsn, THERE)
    add(dsn, NO_PASSWORD, password=None)

    def ask(path: str, email: str) -> TestResponse:
        browser = Browser(app)
        browser.get("/session")
        body: dict[str, Any] = {"email": email} if path == "/reset" else {"email": email, "password": "not the password"}
        return browser.post(path, body)

    return ask


@pytest.mark.parametrize("path", ["/login", "/register", "/reset"])
def test_the_answer_is_the_same(ask: Callable[[str, str], TestResponse], path: str) -> None:
    def seen(answer: TestResponse) -> tuple[object, ...]:
        varying = ("ratelimit", "x-request-id")
        return answer.status_code, answer.get_data(), [(name, value) for name, value in answer.headers if name.lower() not in varying]

    there, others = seen(ask(path, THERE)), [seen(ask(path, email)) for email in (NOT_THERE, NO_PASSWORD)]
    assert others == [there, there]


@pytest.mark.parametrize("path", ["/login", "/register", "/reset"])
def test_the_work_is_the_same(ask: Callable[[str, str], TestResponse], dsn: str, path: str) -> None:
    """As many rows written, hashes computed and statements sent; so no clock, however good, can tell."""
    from api.auth.passwords import Hashing
    from api.transaction import Cursor

    def noted(email: str) -> list[str]:
        done: list[str] = []
        with pytest.MonkeyPatch.context() as patch:
            for of, name in ((Hashing, "hash"), (Hashing, "matches"), (Cursor, "execute"), (Cursor, "read_alone")):
                real = getattr(of, name)

                def wrapped(self: Any, first: Any, *rest: Any, real: Any = real, name: str = name, **more: Any) -> Any:
                    done.append(name if name in ("hash", "matches") else str(first).replace(email, "ADDRESS"))
                    return real(self, first, *rest, **more)

                patch.setattr(of, name, wrapped)
            ask(path, email)
        return done

    expected = noted(NOT_THERE)
    assert expected
    assert [noted(email) for email in (THERE, NO_PASSWORD)] == [expected, expected]


@pytest.mark.parametrize("path", ["/login", "/register"])
def test_the_time_is_the_same(ask: Callable[[str, str], TestResponse], path: str) -> None:
    emails = (THERE, NOT_THERE, NO_PASSWORD)
    took: dict[str, list[float]] = {email: [] for email in emails}
    for email in emails * TURNS:
        begun = time.process_time()
        ask(path, email)
        took[email].append(time.process_time() - begun)
    best = [min(took[email]) for email in emails]  # of this process alone: what a busy machine adds would drown it
    assert max(best) - min(best) < 0.25 * max(best), best


def test_only_the_mail_tells_and_only_its_reader(ask: Callable[[str, str], TestResponse], mailbox: Mailbox) -> None:
    for path, subject in (("/register", "You have an account"), ("/reset", "A new password")):
        ask(path, THERE)
        assert mailbox.new()[0]["Subject"].startswith(subject)
    for path, subject in (("/register", "Your account"), ("/reset", "No account")):
        ask(path, NOT_THERE)
        assert mailbox.new()[0]["Subject"].startswith(subject)


def test_a_registration_changes_nothing_of_the_account_that_is_there(
        ask: Callable[[str, str], TestResponse], mailbox: Mailbox, dsn: str) -> None:
    before = rows_of(dsn, "SELECT * FROM student.account ORDER BY id")
    ask("/register", THERE)
    mailbox.new()
    assert rows_of(dsn, "SELECT * FROM student.account ORDER BY id") == before
    assert rows_of(dsn, "SELECT count(*) FROM student.secret") == [(0,)]
