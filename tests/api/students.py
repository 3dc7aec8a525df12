"""Students who are signed in, without the cost of a password: their sessions are made straight in the database."""
from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from typing import Any

import psycopg2
from flask import Flask
from werkzeug.test import TestResponse

from api.auth.csrf import token_of
from api.auth.session_cookie import hash_of
from api.transaction import Cursor

ME = "/api/v1/me"
BASE = "http://127.0.0.1:8000"
_NUMBERS = count(1)


class Student:
    """One person with one browser, whom several instances of the API may serve in turn."""

    def __init__(self, dsn: str, *apps: Flask, role: str = "student") -> None:
        self.dsn = dsn
        self.apps = apps
        self.email = f"student-{next(_NUMBERS)}@school.example"
        (self.id,), = sql(dsn, "INSERT INTO student.account (email, role) VALUES (%s, %s) RETURNING id", self.email, role)
        self.cookies: dict[str, str] = {}
        self.log_in()

    def log_in(self) -> None:
        """A new session in the same browser."""
        token = "s" + secrets.token_urlsafe(32)
        sql(self.dsn, "INSERT INTO student.session (token_hash, account_id, expires_at) VALUES (%s, %s, now() + interval '1 day')",
            hash_of(token), self.id)
        self.cookies["session"] = token

    def get(self, path: str, *, on: int = 0, **headers: str) -> TestResponse:
        return self.ask("GET", path, on=on, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def says(self, path: str, *, on: int = 0) -> Any:
        """What the answer to a read holds."""
        answer = self.get(path, on=on)
        assert answer.status_code == 200, (answer.status_code, answer.text)
        return answer.json

    def write(self, method: str, path: str, body: object = None, *, on: int = 0, status: int = 200) -> Any:
        """As a page's script would; what the answer holds."""
        answer = self.ask(method, path, on=on, headers={"X-CSRF-Token": token_of(self.cookies["session"])},
                          **({} if body is None else {"json": body}))
        assert answer.status_code == status, (answer.status_code, answer.text)
        return answer.json

    def ask(self, method: str, path: str, *, on: int = 0, headers: dict[str, str] | None = None, **more: Any) -> TestResponse:
        """As this browser would, from a page of ours."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        told = {"Sec-Fetch-Site": "same-origin", "Cookie": cookie, **(headers or {})}
        answer = self.apps[on].test_client(use_cookies=False).open(
            path if path.startswith("/api/") else ME + path, method=method, base_url=BASE, headers=told, **more)
        for line in answer.headers.getlist("Set-Cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    @property
    def state(self) -> str:
        """What the page's script reads from its cookie."""
        return self.cookies.get("lectern_state", "")


def sql(dsn: str, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """What *statement* answers, in a transaction of its own."""
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else []


def fill(dsn: str, *, videos: int = 6) -> None:
    """Batch 1, open, and batch 2, gated: the odd videos in the first, the even ones in the second; all published."""
    sql(dsn, "INSERT INTO catalog.course (id, slug, title) VALUES (1, 'course', 'Course')")
    sql(dsn, """INSERT INTO catalog.batch (id, course_id, slug, title, gated)
        VALUES (1, 1, 'open', 'Open', false), (2, 1, 'gated', 'Gated', true)""")
    sql(dsn, """INSERT INTO catalog.video (id, slug, title, status, batch_id)
        SELECT n, 'lecture-' || n, 'The title of ' || n, 'published', 2 - n %% 2 FROM generate_series(1, %s) n""", videos)


@contextmanager
def counted(monkeypatch: Any) -> Iterator[list[str]]:
    """The statements that the API sends while the block runs."""
    sent: list[str] = []
    execute = Cursor.execute

    def noted(self: Cursor, query: Any, vars: Any = None) -> None:
        sent.append(query.decode() if isinstance(query, bytes) else str(query))
        execute(self, query, vars)

    with monkeypatch.context() as patch:
        patch.setattr(Cursor, "execute", noted)
        yield sent
