"""A desk that is switched on, with two editors, an admin and a student."""
from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from api.auth.csrf import token_of
from tests.api.conftest import Make
from tests.api.students import Student, fill

V1 = "/api/v1/desk"


class Editor(Student):
    """One who works at the desk."""

    def does(self, method: str, path: str, body: object = None, *, seen: str | None = None, status: int = 200) -> Any:
        """What the answer holds to a request as the desk's script makes it; *seen* is what If-Match names."""
        answer = self.tries(method, path, body, seen=seen)
        assert answer.status_code == status, (answer.status_code, answer.text)
        return answer.json

    def tries(self, method: str, path: str, body: object = None, *, seen: str | None = None, **more: Any) -> TestResponse:
        """The same, whatever comes of it."""
        headers = {"X-CSRF-Token": token_of(self.cookies["session"])}
        if seen is not None:
            headers["If-Match"] = f'"{seen}"'
        if body is not None:
            more["json"] = body
        return self.ask(method, V1 + path, headers=headers, **more)

    def edits(self, kind: str, id: int, **changes: Any) -> Any:
        """An edit of a thing as it stands now."""
        return self.does("POST", "/edits", {"kind": kind, "thing": id, "changes": changes}, seen=self.seen(kind, id), status=201)

    def publishes(self, edit: Any, **how: Any) -> Any:
        """What came of publishing it."""
        return self.does("POST", f"/edits/{edit['id']}/publish", how, seen=edit["etag"])

    def seen(self, kind: str, id: int) -> str:
        """The ETag of a thing as it stands now."""
        return str(self.says(f"{V1}/things/{kind}/{id}")["etag"])


@pytest.fixture
def app(make: Make, dsn: str) -> Flask:
    fill(dsn)
    return make(LECTERN_DESK="yes")


@pytest.fixture
def eve(app: Flask, dsn: str) -> Editor:
    return Editor(dsn, app, role="editor")


@pytest.fixture
def finn(app: Flask, dsn: str) -> Editor:
    return Editor(dsn, app, role="editor")


@pytest.fixture
def root(app: Flask, dsn: str) -> Editor:
    return Editor(dsn, app, role="admin")


@pytest.fixture
def pupil(app: Flask, dsn: str) -> Editor:
    return Editor(dsn, app)
