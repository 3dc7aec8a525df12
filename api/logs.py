"""What the API says of itself: one JSON object a line on stderr, events with fields, nothing of a person.

Any module logs by the standard library, an event's name and fields in ``extra``. Only the fields that are
listed here are written, so nothing slips in with a careless one; of what a library says only its template is
kept, for the values in it may be anybody's; of an exception the kind and the places, since its text may hold
a row. What is known of the request is read from it when a line is written, so none is left for the next.
"""
from __future__ import annotations

import logging
import os
import re
import sys
import time
import traceback
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, TextIO

import structlog
from flask import Flask, Response, g, has_request_context, request

FIELDS = frozenset({
    "account", "after", "away", "day", "dead", "due", "error", "everywhere", "from", "last", "mail", "method", "ms", "provider", "removed",
    "request", "role", "route", "rows", "seconds", "sent", "status", "swept", "to", "tried", "tries", "trusted", "way", "where", "why"})
"""What a line may hold beside its event, its time and its level: numbers, ids of ours, names from closed lists."""

SLOW_S = 0.5  # the guide's: an answer that takes longer is an alarm
REQUEST_ID = "X-Request-ID"
_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_OURS = "lectern"
_TOP = Path(__file__).resolve().parents[1]
_MOST_PLACES = 12
_TEXT_LETTERS = 200
log = logging.getLogger("lectern.api")


def start(stream: TextIO | None = None, level: int = logging.INFO) -> logging.Handler:
    """Write this process's log to *stream*, by default stderr: ours from *level* on, libraries' from warnings on."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[_read], processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                                               structlog.processors.JSONRenderer(ensure_ascii=False)]))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(_OURS).setLevel(level)
    return handler


def init_app(app: Flask, *, behind_proxy: bool = False) -> None:
    """Give each request an id, which its answer tells; *behind_proxy*: the proxy's own, where it sends one.

    An answer that failed or was slow is a line; all others are counted by the metrics, and would cost one each here.
    """
    def tell(answer: Response) -> Response:
        begun = request.environ.get("lectern.begun")
        answer.headers.add(REQUEST_ID, request_id(behind_proxy))
        took_s = time.perf_counter() - begun if begun else 0.0
        if answer.status_code >= 500 or took_s > SLOW_S:
            log.warning("api.answered", extra={"status": answer.status_code, "ms": round(took_s * 1000)})
        return answer

    app.config["LECTERN_BEHIND_PROXY"] = behind_proxy
    app.after_request(tell)


def request_id(behind_proxy: bool = False) -> str:
    """This request's id: the proxy's where it is one, else of our making."""
    if "request_id" not in g:
        given = request.headers.get(REQUEST_ID, "") if behind_proxy else ""
        g.request_id = given if _GIVEN_ID.fullmatch(given) else os.urandom(8).hex()
    known: str = g.request_id
    return known


def _read(logger: Any, name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The line of a record of the standard library."""
    record: logging.LogRecord = event["_record"]
    ours = record.name.partition(".")[0] == _OURS
    line: dict[str, Any] = {
        "at": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03}Z",
        "level": record.levelname.lower(),
        "event": str(record.msg)[:_TEXT_LETTERS] if ours else "library.said",
        "_record": record, "_from_structlog": False,
    }
    if not ours:
        line |= {"library": record.name, "template": str(record.msg)[:_TEXT_LETTERS]}
    line |= {key: _short(value) for key, value in vars(record).items() if key in FIELDS}
    if has_request_context():
        line |= {"request": request_id(), "method": method(), "route": route()}
    if record.exc_info and (error := record.exc_info[1]):
        line |= {"error": type(error).__name__, "places": _places(error)}
    return line


def route() -> str:
    """The endpoint that this request went to: from a closed list, whatever was asked for."""
    return request.endpoint or "unknown"


def method() -> str:
    """The request's method, where it is one that is known."""
    return request.method if request.method in _METHODS else "other"


def _places(error: BaseException) -> list[str]:
    found = []
    for frame in traceback.extract_tb(error.__traceback__)[-_MOST_PLACES:]:
        file = Path(frame.filename)
        found.append(f"{file.relative_to(_TOP) if file.is_relative_to(_TOP) else file.name}:{frame.lineno} {frame.name}")
    return found


def _short(value: object) -> object:
    return value if isinstance(value, (int, float, bool)) or value is None else str(value)[:_TEXT_LETTERS]


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
