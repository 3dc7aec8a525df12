"""Every error of the API as a problem (RFC 9457), and the errors of this room."""
from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import Annotated, NoReturn

import msgspec
import psycopg2
from flask import Flask, Response, abort, request
from werkzeug.exceptions import HTTPException, SecurityError

from api.problems import BLANK, BUSY, INVALID_FIELDS, PAGE, ProblemType
from edge.errors import LecternError
from edge.tiers import cache_control

MEDIA_TYPE = "application/problem+json"

log = logging.getLogger("lectern.api")

RETRY_S = 5
"""When a client may come back whom the database, not a limit, has turned away."""


class ServeError(LecternError):
    """The server cannot start; the message says why."""


class BusyError(Exception):
    """What the API stands on is busy or away for now: 503, and come back in ``retry_s`` seconds."""

    def __init__(self, sentence: str, retry_s: int = RETRY_S) -> None:
        super().__init__(sentence)
        self.retry_s = retry_s


class PoolBusyError(BusyError):
    """No connection to the database could be had in time."""


class NoDatabaseError(BusyError):
    """The API runs without a database: only the site is served."""


class Wrong(msgspec.Struct, frozen=True, omit_defaults=True):
    """One field that does not fit, and why; "" for the whole. ``type`` is of ``api.problems.FIELD_TYPES``, as its address."""

    field: str
    why: str
    type: str = ""
    limit: int | None = None


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 9457, as every error of the API is answered."""

    title: str
    status: int
    detail: str
    instance: str
    type: Annotated[str, msgspec.Meta(description=f"Which problem it is: an address below {PAGE}, or {BLANK}")] = BLANK
    errors: tuple[Wrong, ...] = ()


def init_app(app: Flask) -> None:
    """Answer errors as problems, an unforeseen one without a word of what went wrong inside."""
    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(BusyError, _busy)
    app.register_error_handler(psycopg2.OperationalError, _database_failed)
    app.register_error_handler(psycopg2.InterfaceError, _database_failed)
    app.register_error_handler(psycopg2.DatabaseError, _database_erred)
    app.register_error_handler(Exception, _failed)


def problem(what: ProblemType | int, detail: str, **more: object) -> Response:
    """The answer for a problem: *what* is its type, or a status that says all; *detail* is a sentence for a person, *more* are
    further members."""
    uri, status = (BLANK, what) if isinstance(what, int) else (what.uri, what.status)
    body = {"type": uri, "title": HTTPStatus(status).phrase, "status": status, "detail": detail, "instance": request.path, **more}
    answer = Response(json.dumps(body), status=status, content_type=MEDIA_TYPE)
    answer.headers["Cache-Control"] = cache_control("never", "100k")
    return answer


def refuse(*wrong: Wrong, whole: str = "The body") -> NoReturn:
    """Answer 422 with each field and why. *whole*: what a sentence is about that names no field."""
    first = wrong[0]
    abort(problem(INVALID_FIELDS, f"{first.field or whole}: {first.why}", errors=msgspec.to_builtins(wrong)))


def _refused(error: HTTPException) -> Response:
    if error.response is not None:
        return error.response  # type: ignore[return-value]  # abort(problem(…)) has it ready
    # What a stranger calls us is not said back to him.
    detail = "This host is not ours." if isinstance(error, SecurityError) else error.description or ""
    answer = problem(error.code or 500, detail)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After", "WWW-Authenticate"):  # the ones that say what to do next
            answer.headers[name] = value
    return answer


def _busy(error: BusyError) -> Response:
    answer = problem(BUSY, str(error))
    answer.headers["Retry-After"] = str(error.retry_s)
    return answer


def _database_failed(error: Exception) -> Response:
    """A lost connection, a statement that took too long, a deadlock: nothing was written, so it may be tried again."""
    log.error("api.database_failed", extra={"why": type(error).__name__})
    return _busy(BusyError("The database did not answer in time."))


def _database_erred(error: psycopg2.DatabaseError) -> Response:
    """Where the server crashed, what libpq says has no SQLSTATE, and psycopg2 raises DatabaseError itself."""
    return _database_failed(error) if type(error) is psycopg2.DatabaseError and error.pgcode is None else _failed(error)


def _failed(error: Exception) -> Response:
    log.error("api.failed", exc_info=error)
    return problem(500, "The API failed in a way that it did not foresee; the log says more.")
