"""What becomes of an account: made by a mail, changed with a password, and deleted whole."""
from __future__ import annotations

import json
import threading
from contextlib import closing
from typing import Any

import psycopg2
import pytest
from flask import Flask

from tests.api.auth.accounts import add, rows_of
from tests.api.auth.browser import PASSWORD, Browser
from tests.api.auth.post_office import Mailbox
from tests.edge.servers import wait_until

ADA = "ada@school.example"
NEW = "a new and long one"
PURPOSES = [("register", "/register/confirm"), ("password", "/reset/confirm"), ("email", "/email/confirm")]


def test_an_account_is_made_by_a_mail_and_the_password_again(browser: Browser, mailbox: Mailbox, dsn: str) -> None:
    answer = browser.post("/register", {"email": " Ada@SCHOOL.example ", "password": PASSWORD, "name": " Ada Lovelace "})
    assert answer.status_code == 202
    assert rows_of(dsn, "SELECT count(*) FROM student.account") == [(0,)]
    token = mailbox.link("confirm")
    assert browser.log_in().status_code == 401
    answer = browser.post("/register/confirm", {"token": token, "password": PASSWORD})
    assert answer.get_json()["account"] | {"id": 0} == {
        "id": 0, "email": ADA, "name": "Ada Lovelace", "role": "student", "has_password": True}
    assert browser.who == ADA
    assert browser.post("/register/confirm", {"token": token, "password": PASSWORD}).status_code == 410
    assert browser.log_in().status_code == 200


def test_who_reads_somebody_elses_registration_cannot_confirm_it(browser: Browser, mailbox: Mailbox, dsn: str) -> None:
    """Else an attacker would wait in an account that the address's owner has made good by a click."""
    browser.post("/register", {"email": ADA, "password": "the attacker's own"})
    token = mailbox.link("confirm")
    assert browser.post("/register/confirm", {"token": token, "password": "whatever I think"}).status_code == 401
    assert rows_of(dsn, "SELECT count(*) FROM student.account") == [(0,)]


def test_the_newest_registration_counts(browser: Browser, mailbox: Mailbox) -> None:
    browser.post("/register", {"email": ADA, "password": "the first that came"})
    first = mailbox.link("confirm")
    browser.post("/register", {"email": ADA, "password": PASSWORD})
    second = mailbox.link("confirm")
    assert browser.post("/register/confirm", {"token": first, "password": "the first that came"}).status_code == 410
    assert browser.post("/register/confirm", {"token": second, "password": PASSWORD}).status_code == 200


@pytest.mark.parametrize(("purpose", "path"), PURPOSES)
def test_a_secret_is_kept_as_a_hash_ends_with_time_and_serves_one_purpose(
        browser: Browser, mailbox: Mailbox, dsn: str, purpose: str, path: str) -> None:
    token = ask(browser, mailbox, dsn, purpose)
    assert token not in str(rows_of(dsn, "SELECT * FROM student.secret"))
    assert rows_of(dsn, "SELECT count(*) FROM student.mail") == [(0,)]
    assert len(token) == 43
    for other in {"/register/confirm", "/reset/confirm", "/email/confirm"} - {path}:
        assert browser.post(other, body_for(other, token)).status_code == 410
    rows_of(dsn, "UPDATE student.secret SET expires_at = now()")
    assert browser.post(path, body_for(path, token)).status_code == 410


@pytest.mark.parametrize(("purpose", "path"), PURPOSES)
def test_of_many_who_bring_one_secret_at_once_one_is_served(
        app: Flask, browser: Browser, mailbox: Mailbox, dsn: str, purpose: str, path: str) -> None:
    token = ask(browser, mailbox, dsn, purpose)
    browsers = [Browser(app) for _ in range(3)]  # so many passwords are taken at a time
    for one in browsers:
        one.get("/session")
    assert sorted(at_once([lambda one=one: one.post(path, body_for(path, token)).status_code for one in browsers])) in (
        [200, 410, 410], [204, 410, 410])


def test_a_forgotten_password_is_set_by_mail_and_ends_every_session(browser: Browser, app: Flask, mailbox: Mailbox, dsn: str) -> None:
    add(dsn)
    browser.log_in()
    stranger = Browser(app)
    assert stranger.post("/reset", {"email": "ADA@school.example"}).status_code == 202
    first = mailbox.link("password")
    stranger.post("/reset", {"email": ADA})
    token = mailbox.link("password")
    assert stranger.post("/reset/confirm", {"token": first, "password": NEW}).status_code == 410
    assert stranger.post("/reset/confirm", {"token": token, "password": "password"}).status_code == 422
    assert stranger.post("/reset/confirm", {"token": token, "password": NEW}).status_code == 204
    assert stranger.post("/reset/confirm", {"token": token, "password": NEW}).status_code == 410
    assert browser.who is None
    assert stranger.log_in().status_code == 401
    assert stranger.log_in(password=NEW).status_code == 200
    assert "was changed" in mailbox.new()[0]["Subject"]


def test_a_changed_password_ends_every_other_session_and_every_link(browser: Browser, app: Flask, mailbox: Mailbox, dsn: str) -> None:
    add(dsn)
    browser.log_in()
    other = Browser(app)
    other.log_in()
    other.post("/reset", {"email": ADA})
    link = mailbox.link("password")
    before = browser.cookie
    assert browser.post("/password", {"password": "not the password", "new_password": NEW}).status_code == 403
    assert browser.post("/password", {"password": PASSWORD, "new_password": NEW}).status_code == 200
    assert browser.cookie != before
    assert [one.who for one in (browser, other)] == [ADA, None]
    assert other.post("/reset/confirm", {"token": link, "password": "a third and long one"}).status_code == 410
    assert other.log_in().status_code == 401


def test_a_log_in_that_is_overtaken_by_a_new_password_does_not_get_in(app: Flask, dsn: str) -> None:
    """The old password was right when it was checked; its session would have outlived the change."""
    id = add(dsn)
    browser = Browser(app)
    browser.get("/session")
    answers: list[int] = []
    with closing(psycopg2.connect(dsn)) as other, other.cursor() as cursor:
        cursor.execute("UPDATE student.account SET password = 'another' WHERE id = %s", (id,))
        cursor.execute("DELETE FROM student.session")
        log_in = threading.Thread(target=lambda: answers.append(browser.log_in().status_code))
        log_in.start()
        wait_until(lambda: rows_of(dsn, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")[0][0] > 0)
        other.commit()
        log_in.join()
    assert answers == [401]
    assert rows_of(dsn, "SELECT count(*) FROM student.session") == [(0,)]


def test_an_address_is_changed_by_its_own_mail_and_the_old_one_is_told(browser: Browser, mailbox: Mailbox, dsn: str) -> None:
    add(dsn)
    browser.log_in()
    assert browser.post("/email", {"email": "ada@home.example", "password": "not the password"}).status_code == 403
    browser.post("/reset", {"email": ADA})
    reset = mailbox.link("password")
    assert browser.post("/email", {"email": "ada@home.example", "password": PASSWORD}).status_code == 202
    assert browser.who == ADA
    token = mailbox.link("email")
    assert browser.post("/email/confirm", {"token": token}).status_code == 204
    assert browser.who == "ada@home.example"
    told = mailbox.new()
    assert [(mail["To"], "another address" in mail.get_content()) for mail in told] == [(ADA, True)]
    assert browser.post("/reset/confirm", {"token": reset, "password": NEW}).status_code == 410


def test_an_address_that_somebody_has_cannot_be_taken(browser: Browser, mailbox: Mailbox, dsn: str) -> None:
    add(dsn)
    add(dsn, "eve@school.example")
    browser.log_in("eve@school.example")
    assert browser.post("/email", {"email": ADA, "password": PASSWORD}).status_code == 202
    mails = mailbox.new()
    assert [(mail["To"], "#" in mail.get_content()) for mail in mails] == [(ADA, False)]
    browser.post("/email", {"email": "late@school.example", "password": PASSWORD})
    token = mailbox.link("email")
    add(dsn, "late@school.example")
    assert browser.post("/email/confirm", {"token": token}).status_code == 410
    assert browser.who == "eve@school.example"


def test_a_deleted_account_leaves_nothing_and_its_students_data_with_it(browser: Browser, app: Flask, mailbox: Mailbox, dsn: str) -> None:
    id = add(dsn)
    fill(dsn, id)
    browser.log_in()
    assert browser.post("/delete", {"password": "not the password"}).status_code == 403
    answer = browser.post("/delete", {"password": PASSWORD})
    assert answer.status_code == 204
    assert answer.headers["Clear-Site-Data"]
    assert browser.who is None
    assert [mail["To"] for mail in mailbox.new()] == [ADA]
    for table in tables_of_students(dsn):
        assert rows_of(dsn, f"SELECT count(*) FROM student.{table}") == [(0,)]


def test_an_export_holds_every_table_that_is_about_a_student_and_no_secret(browser: Browser, dsn: str) -> None:
    id = add(dsn)
    fill(dsn, id)
    browser.log_in()
    answer = browser.get("/export")
    found = answer.get_json()
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["Cache-Control"] == "no-store"
    names = {"identity": "identities", "enrolment": "enrolments", "bookmark": "bookmarks", "note": "notes", "session": "sessions",
             "secret": "secrets"}
    for table in tables_of_students(dsn):
        assert found[names.get(table, table)], f"student.{table} is not in the export"
    assert found["account"]["email"] == ADA
    assert found["notes"][0]["body"] == f"note of {id}"
    for secret in ("argon2", "token_hash", "\\\\x"):
        assert secret not in answer.text


def test_two_exports_at_once_are_each_their_owners(app: Flask, dsn: str) -> None:
    """Rows that were streamed from a connection given back already were once another student's."""
    browsers = []
    for number in range(4):
        fill(dsn, add(dsn, f"s{number}@school.example"))
        browsers.append(Browser(app))
        browsers[-1].log_in(f"s{number}@school.example")

    def owners(number: int, browser: Browser) -> set[tuple[int, str, str]]:
        found = [browser.get("/export").get_json() for _ in range(5)]
        return {(number, one["account"]["email"], one["notes"][0]["body"].removeprefix("note of ")) for one in found}

    ids = dict(rows_of(dsn, "SELECT email, id::text FROM student.account"))
    for found in at_once([lambda n=n, b=b: owners(n, b) for n, b in enumerate(browsers)]):
        ((number, email, id),) = found
        assert (email, id) == (f"s{number}@school.example", ids[email])


def test_what_cannot_be_an_address_is_refused_by_name(browser: Browser) -> None:
    for email in ("", "ada", "ada@", "@school.example", "ada@school", "a b@school.example", "ada@school.example\r\nBcc: x@y.example",
                  "ada@school.example, eve@school.example", "<ada@school.example>", "ada@@school.example", "a\u200b@x.example",
                  "x" * 250 + "@school.example"):
        answer = browser.post("/register", {"email": email, "password": PASSWORD})
        assert answer.status_code == 422
        assert answer.get_json()["errors"][0]["field"] == "email"


def test_one_address_is_one_account_in_any_spelling(browser: Browser, dsn: str) -> None:
    add(dsn)
    for spelling in ("ADA@School.Example", "  ada@school.example\n", "ａｄａ@school.example"):
        assert browser.log_in(spelling).status_code == 200


def test_text_is_never_sql(browser: Browser, dsn: str) -> None:
    add(dsn)
    for odd in ("' OR '1'='1", "'; DROP TABLE student.account; --", "%s%(id)s{}", "\\", "ada@school.example'--"):
        assert browser.log_in(password=odd).status_code == 401
        assert browser.log_in(email=odd + "@x.example").status_code in (401, 422)
        browser.log_in()
        assert browser.post("/sessions/" + odd.replace("%", "%25").replace("\\", "%5C"), method="DELETE").status_code == 404
        assert browser.who == ADA


def at_once(calls: list[Any]) -> list[Any]:
    """The results of *calls*, begun together."""
    found: list[Any] = [None] * len(calls)
    gate = threading.Barrier(len(calls))

    def run(number: int) -> None:
        gate.wait()
        found[number] = calls[number]()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def ask(browser: Browser, mailbox: Mailbox, dsn: str, purpose: str) -> str:
    """A secret of *purpose*, from its mail."""
    if purpose == "register":
        browser.post("/register", {"email": ADA, "password": PASSWORD})
        return mailbox.link("confirm")
    add(dsn)
    if purpose == "password":
        browser.post("/reset", {"email": ADA})
        return mailbox.link("password")
    browser.log_in()
    browser.post("/email", {"email": "ada@home.example", "password": PASSWORD})
    return mailbox.link("email")


def body_for(path: str, token: str) -> dict[str, str]:
    return {"token": token} if path == "/email/confirm" else {"token": token, "password": PASSWORD}


def fill(dsn: str, id: int) -> None:
    """Something of the student's in every table."""
    for sql in ("INSERT INTO student.enrolment (account_id, batch_id) VALUES (%s, 1)",
                "INSERT INTO student.progress (account_id, video_id, position_s, at) VALUES (%s, 1, 2, now())",
                "INSERT INTO student.bookmark (account_id, video_id) VALUES (%s, 1)",
                "INSERT INTO student.identity (account_id, issuer, subject) VALUES (%s, 'https://x.example', md5(random()::text))",
                "INSERT INTO student.secret (account_id, hash, purpose, email, expires_at) "
                "VALUES (%s, sha256(random()::text::bytea), 'password', 'x', now())"):
        rows_of(dsn, sql, id)
    rows_of(dsn, "INSERT INTO student.note (account_id, video_id, at_s, body) VALUES (%s, 1, 2, %s)", id, f"note of {id}")


def tables_of_students(dsn: str) -> list[str]:
    """Every table that has something of one student, whoever added it."""
    return [row[0] for row in rows_of(dsn, """
        SELECT table_name FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
        WHERE table_schema = 'student' AND column_name = 'account_id' AND table_type = 'BASE TABLE' ORDER BY 1""")]


def test_json_in_an_export_is_what_was_written(browser: Browser, dsn: str) -> None:
    id = add(dsn)
    rows_of(dsn, "UPDATE student.account SET name = %s, preferences = %s WHERE id = %s", "</script>é😀\u2028", json.dumps({"a": [1]}), id)
    browser.log_in()
    account = browser.get("/export").get_json()["account"]
    assert (account["name"], account["preferences"]) == ("</script>é😀\u2028", {"a": [1]})
