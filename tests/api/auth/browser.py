"""A browser as the API sees one: it keeps cookies, says where a request comes from, and sends the form's token."""
from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from werkzeug.test import Cookie, TestResponse

ROOT = "/api/v1/auth"
PASSWORD = "correct horse battery"


class Browser:
    """One browser of one person; ``csrf`` is what the last answer about a session said."""

    def __init__(self, app: Flask, address: str = "127.0.0.1", base_url: str = "http://127.0.0.1:8000") -> None:
        self.client = app.test_client()
        self.address = address
        self.base_url = base_url
        self.csrf = ""

    def get(self, path: str, **more: Any) -> TestResponse:
        return self._told(self.client.get(_full(path), base_url=self.base_url, environ_base={"REMOTE_ADDR": self.address}, **more))

    def post(self, path: str, body: object = None, *, method: str = "POST", headers: dict[str, str] | None = None) -> TestResponse:
        """As a page's script would send it: with the token, asked for first where there is none."""
        if not self.csrf:
            self.get("/session")
        told = {"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": self.csrf, **(headers or {})}
        return self._told(self.client.open(_full(path), method=method, base_url=self.base_url, json={} if body is None else body,
                                           headers=told, environ_base={"REMOTE_ADDR": self.address}))

    def log_in(self, email: str = "ada@school.example", password: str = PASSWORD) -> TestResponse:
        return self.post("/login", {"email": email, "password": password})

    @property
    def who(self) -> str | None:
        """The address of who is signed in."""
        account = self.get("/session").get_json()["account"]
        return account and str(account["email"])

    @property
    def cookie(self) -> str:
        found = self.cookie_named("session") or self.cookie_named("__Host-session")
        return found.value if found else ""

    def cookie_named(self, name: str) -> Cookie | None:
        return self.client.get_cookie(name, domain=str(urlsplit(self.base_url).hostname))

    def _told(self, answer: TestResponse) -> TestResponse:
        if answer.status_code == 200 and isinstance(answer.json, dict) and "csrf" in answer.json:
            self.csrf = answer.json["csrf"]
        elif "Clear-Site-Data" in answer.headers:
            self.csrf = ""
        return answer


def _full(path: str) -> str:
    return path if path.startswith("/api/") else ROOT + path
