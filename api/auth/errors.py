"""What auth refuses, answered as a problem."""
from __future__ import annotations

import msgspec
from flask import Flask, Response

from api.auth.sessions import unauthorized
from api.errors import Wrong, problem
from api.problems import ProblemType


class Refused(Exception):
    """A problem of *type* to answer with, its *detail* a sentence for a person; *wrong* is the body's field that is at fault."""

    def __init__(self, type: ProblemType, detail: str, wrong: Wrong | None = None) -> None:
        super().__init__(detail)
        self.type = type
        self.detail = detail
        self.wrong = wrong


def init_app(app: Flask) -> None:
    """Answer what is refused as a problem."""
    app.register_error_handler(Refused, _answer)


def _answer(error: Refused) -> Response:
    if error.type.status == 401:
        return unauthorized(error.detail, error.type)
    more: dict[str, object] = {"errors": [msgspec.to_builtins(error.wrong)]} if error.wrong else {}
    return problem(error.type, error.detail, **more)
