"""What a request brings, read into the types that the code and its description share.

A type is a ``Body``: unknown fields are refused, so nobody sets what a route does not name. Errors
name the field. Text never holds what PostgreSQL cannot: a zero character, half a surrogate pair.
"""
from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated, Any, NoReturn, TypeVar

import msgspec
from flask import Response, abort, request

from api.errors import Wrong, problem, refuse
from api.problems import NOT_JSON

BODY_BYTES = 64 * 1024
"""What ``navigator.sendBeacon`` and ``fetch`` with keepalive may hold; all else is smaller."""

MOST_ID = 2**63 - 1
Id = Annotated[int, msgspec.Meta(ge=1, le=MOST_ID)]
"""The public id of a row."""

_KEPT_BYTES = 2048  # a longer question is read each time: what is kept is bounded
_JSON = re.compile(r"application/(?:[a-z0-9.+-]+\+)?json")
_BEACON = "text/plain"
_WHERE = re.compile(r"^(?P<why>.*?)(?: - at `(?:key in )?\$?\.?(?P<field>.*)`)?$", re.DOTALL)
_NAMED = re.compile(r"(?:missing required|unknown) field `(?P<field>.*)`")
_SURROGATE = re.compile("[\ud800-\udfff]")
_BAD_TEXT = re.compile("[\0\ud800-\udfff]")


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a request or an answer holds."""


T = TypeVar("T")


def read(type_: type[T], *, beacon: bool = False, most: int = BODY_BYTES) -> T:
    """The request's body as a *type_*.

    *beacon*: take ``text/plain`` too, the only type that ``navigator.sendBeacon`` sends to another
    origin without asking first. *most*: bytes, for the few routes that take more than all others. Answers 415 for
    another content type, 413 above *most*, 400 for what is no JSON, 422 naming the field for what does not fit.
    """
    kind = request.mimetype
    if not _JSON.fullmatch(kind) and not (beacon and kind == _BEACON):
        abort(problem(415, f"Send application/json{' or text/plain' if beacon else ''}, not {kind or 'no type'}."))
    return decoded(read_raw(most), type_)


def read_raw(most: int) -> bytes:
    """The request's very bytes. Answers 413 above *most*."""
    request.max_content_length = most
    if (request.content_length or 0) > most:
        _too_big(most)
    raw = request.get_data(cache=True)
    if len(raw) > most:
        _too_big(most)
    return raw


def read_query(type_: type[T]) -> T:
    """The request's query string as a *type_*; a name that comes twice, or that the type has not, is refused (422)."""
    text = request.query_string
    found: T = _read_once(type_, text) if len(text) <= _KEPT_BYTES else _read_query(type_)  # type: ignore[arg-type]  # a type has a hash
    return found


@lru_cache(maxsize=1024)
def _read_once(type_: Any, text: bytes) -> Any:
    """The same for *text*, which is the request's: a page's questions are everybody's. What is refused is not kept."""
    return _read_query(type_)


def _read_query(type_: type[T]) -> T:
    given: dict[str, str] = {}
    for name, values in request.args.lists():
        if len(values) > 1:
            refuse(Wrong(name, "It stands in the address twice."))
        given[name] = values[0]
    _refuse_bad_text(given)
    try:
        return msgspec.convert(given, type_, strict=False)
    except msgspec.ValidationError as error:
        refuse(_told(error))


def say(value: object, status: int = 200, **headers: str) -> Response:
    """The answer that holds *value* as JSON; ``Cache_Control="no-store"`` sets a header."""
    answer = Response(msgspec.json.encode(value), status=status, content_type="application/json")
    for name, text in headers.items():
        answer.headers[name.replace("_", "-")] = text
    return answer


def decoded(raw: bytes, type_: type[T]) -> T:
    """*raw* as a *type_*. Answers 400 for what is no JSON, 422 naming the field for what does not fit."""
    try:
        value = msgspec.json.decode(raw, type=type_)
    except msgspec.ValidationError as error:
        refuse(_told(error))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        _refuse_half_pairs(raw)
        abort(problem(NOT_JSON, "The body is no JSON in UTF-8."))
    if rb"\u0000" in raw:
        _refuse_bad_text(json.loads(raw))
    return value


def _refuse_half_pairs(raw: bytes) -> None:
    """JSON that holds half a surrogate pair can be read by many, so its writer is told which field it is."""
    if rb"\ud" not in raw.lower():
        return
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return
    _refuse_bad_text(value)


def _refuse_bad_text(value: object) -> None:
    for field, text in _texts(value, ""):
        if _BAD_TEXT.search(text):
            refuse(Wrong(_SURROGATE.sub("\ufffd", field).replace("\0", "\ufffd"),
                         "Text may hold neither a zero character nor half a surrogate pair."))


def _texts(value: object, field: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield field, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            here = f"{field}.{name}" if field else str(name)
            yield here, str(name)
            yield from _texts(inner, here)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _texts(inner, f"{field}[{number}]")


def _told(error: msgspec.ValidationError) -> Wrong:
    """The field that *error* is about, and why, in its words."""
    read_ = _WHERE.match(str(error))
    assert read_ is not None
    field, why = read_["field"] or "", read_["why"]
    if named := _NAMED.search(why):
        field = f"{field}.{named['field']}" if field else named["field"]
    return Wrong(field, f"{why}.")


def _too_big(most: int) -> NoReturn:
    abort(problem(413, f"The body is larger than {most} bytes."))
