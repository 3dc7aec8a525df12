"""Every error of the API as a problem (RFC 9457), and the errors of this room."""
from __future__ import annotations

import json
from http import HTTPStatus

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import HTTPException, SecurityError

from edge.errors import LecternError
from edge.tiers import cache_control

MEDIA_TYPE = "application/problem+json"


class ServeError(LecternError):
    """The server cannot start; the message says why."""


def init_app(app: Flask) -> None:
    """Answer errors as problems, an unforeseen one without a word of what went wrong inside."""
    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(Exception, _failed)


def problem(status: int, detail: str, **more: object) -> Response:
    """The answer for a problem: *detail* is a sentence for a person, *more* are further members."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail,
            "instance": request.path, **more}
    answer = Response(json.dumps(body), status=status, content_type=MEDIA_TYPE)
    answer.headers["Cache-Control"] = cache_control("never", "100k")
    return answer


def _refused(error: HTTPException) -> Response:
    # What a stranger calls us is not said back to him.
    detail = "This host is not ours." if isinstance(error, SecurityError) else error.description or ""
    answer = problem(error.code or 500, detail)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After", "WWW-Authenticate"):  # the ones that say what to do next
            answer.headers[name] = value
    return answer


def _failed(error: Exception) -> Response:
    current_app.logger.error("api.failed path=%s", request.path, exc_info=error)
    return problem(500, "The API failed in a way that it did not foresee; the log says more.")
