"""What the log says of accounts: enough to tell afterwards who came in, and nothing of a person."""
from __future__ import annotations

import pytest

from tests.api.auth.accounts import add
from tests.api.auth.browser import PASSWORD, Browser
from tests.api.auth.post_office import Mailbox


def test_every_way_in_and_each_refusal_is_logged_and_nothing_of_a_person(
        browser: Browser, mailbox: Mailbox, dsn: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    id = add(dsn)
    secrets = [PASSWORD, "ada", "not the password", "school.example"]
    browser.log_in(password="not the password")
    browser.log_in()
    secrets += [browser.cookie, browser.csrf]
    browser.post("/delete", {"password": "not the password"})
    browser.post("/password", {"password": PASSWORD, "new_password": "a new and long one"})
    mailbox.new()
    browser.post("/reset", {"email": "ada@school.example"})
    secrets.append(mailbox.link("password"))
    browser.post("/reset/confirm", {"token": secrets[-1], "password": PASSWORD})
    browser.log_in()
    browser.post("/logout")
    browser.log_in()
    browser.post("/delete", {"password": PASSWORD})
    logged = [record for record in caplog.records if record.name == "lectern.auth"]
    assert [record.getMessage() for record in logged] == [
        "auth.refused", "auth.logged_in", "auth.refused", "auth.password_changed", "auth.password_reset", "auth.logged_in",
        "auth.logged_out", "auth.logged_in", "auth.account_deleted"]
    assert {vars(record)["account"] for record in logged} == {id}
    for record in caplog.records:
        for secret in secrets:
            assert secret not in f"{record.getMessage()} {vars(record)}", record
