"""What auth refuses, and the sentence that a person sees."""
from __future__ import annotations

from flask import Flask, Response

from api.auth.sessions import unauthorized
from api.errors import problem


class Refused(Exception):
    """*status* and *detail* of the problem to answer with; *field* is the body's field that is at fault."""

    def __init__(self, status: int, detail: str, field: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.field = field


def init_app(app: Flask) -> None:
    """Answer what is refused as a problem."""
    app.register_error_handler(Refused, _answer)


def _answer(error: Refused) -> Response:
    if error.status == 401:
        return unauthorized(error.detail)
    more: dict[str, object] = {"errors": [{"field": error.field, "why": error.detail}]} if error.field else {}
    return problem(error.status, error.detail, **more)
