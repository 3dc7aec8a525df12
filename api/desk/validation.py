"""Whether a thing is fit to be published: the catalog's own rules, said by field before the database would refuse it."""
from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, NoReturn

import msgspec
import psycopg2
from flask import abort

from api.desk.shapes import FIELDS, Values
from api.errors import Wrong, problem, refuse
from api.problems import (
    NEEDED,
    NO_DAY,
    NO_LANGUAGE,
    NO_MOMENT,
    NO_URL,
    NO_WEBVTT,
    NOT_A_LINE,
    NOT_THERE,
    SLUG_TAKEN,
    TOO_LONG,
    TWICE,
)

_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\ufffe\uffff]")  # as catalog.is_line
_URL = re.compile(r'https?://[^\s\x00-\x1f\x7f-\x9f<>"\ufffe\uffff]+')  # as catalog.web_url
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")  # as catalog.language
_LINE_BYTES, _URL_BYTES, _BLURB_BYTES, _WORDS_BYTES = 2_000, 2_048, 8_192, 262_144  # the catalog's domains

# What a refused value's column is called here: by the database's domain, and by its constraint.
_BY_TYPE = {"slug": "slug", "line": "title", "words": "description", "blurb": "description", "markup": "description_markup",
            "language": "language", "web_url": "url"}
_BY_CONSTRAINT = (("slug", "slug"), ("course_id", "course"), ("batch_id", "batch"), ("subject_id", "subjects"),
                  ("instructor_id", "instructors"), ("duration", "duration_s"), ("licence", "licence"), ("caption", "captions"),
                  ("source", "sources"), ("resource", "resources"), ("batch_check", "ends_on"), ("video_check", "publish_at"))


def fields_must_fit(kind: str, deed: str, changes: Mapping[str, Any]) -> None:
    """Answers 422 where *changes* hold a field that things of *kind* have not."""
    known = frozenset(("into",)) if deed == "merge" else frozenset[str]() if deed == "delete" else FIELDS[kind]
    if strange := sorted(changes.keys() - known):
        refuse(Wrong(f"changes.{strange[0]}", f"A {deed} of a {kind} has no such field."))


def must_be_fit(kind: str, changes: Mapping[str, Any]) -> None:
    """Answers 422, naming the fields, where what is set must not be published."""
    if wrong := list(faults(kind, changes)):
        refuse(*wrong)


def faults(kind: str, changes: Mapping[str, Any]) -> Iterator[Wrong]:
    """Field and sentence of each value that the catalog would not take."""
    if "title" in changes:
        yield from _line("title", changes["title"])
    if "description" in changes:
        yield from _bounded("description", changes["description"], _WORDS_BYTES if kind == "video" else _BLURB_BYTES)
    for name in ("url", "picture_url"):
        if changes.get(name) is not None and not _is_url(changes[name]):
            yield _no_url(name)
    if changes.get("language") is not None and not _LANGUAGE.fullmatch(changes["language"]):
        yield _no_language("language")
    for name in ("recorded_on", "starts_on", "ends_on"):
        if changes.get(name) is not None and not _is_day(changes[name]):
            yield Wrong(name, "Write a day as 2026-09-01.", NO_DAY.uri)
    if changes.get("publish_at") is not None and not is_moment(changes["publish_at"]):
        yield no_moment("publish_at")
    if "licence" in changes:
        yield from _bounded("licence", changes["licence"], _LINE_BYTES)
    yield from _lists(changes)


def refused(error: psycopg2.Error) -> NoReturn:
    """Answers what the database refused as a problem with its field; what it did not refuse by a rule is raised again."""
    diag = error.diag
    constraint = diag.constraint_name or ""
    field = next((name for part, name in _BY_CONSTRAINT if part in constraint), "") or _BY_TYPE.get(diag.datatype_name or "", "")
    if isinstance(error, psycopg2.errors.UniqueViolation):
        abort(problem(SLUG_TAKEN, "Another one has this slug already: choose another.",
                      errors=msgspec.to_builtins([Wrong(field, "It is taken.", SLUG_TAKEN.uri)])))
    if isinstance(error, psycopg2.errors.ForeignKeyViolation):
        refuse(Wrong(field, "There is no such thing (any more).", NOT_THERE.uri), whole="The edit")
    if isinstance(error, (psycopg2.errors.CheckViolation, psycopg2.errors.NotNullViolation, psycopg2.DataError)):
        why = diag.message_hint or "The catalog does not take this value."
        refuse(Wrong(field or diag.column_name or "", why), whole="The edit")
    raise error


def no_moment(field: str) -> Wrong:
    """*field* holds no moment with its zone."""
    return Wrong(field, "Write a moment with its zone, as 2026-09-01T09:00:00+02:00.", NO_MOMENT.uri)


def needed(field: str, why: str) -> Wrong:
    """*field* is empty, and must not be."""
    return Wrong(field, why, NEEDED.uri)


def is_moment(text: str) -> bool:
    """Whether *text* is a moment with its zone."""
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def set_by(values: Values) -> dict[str, Any]:
    """The fields that *values* set, as plain JSON."""
    made: dict[str, Any] = msgspec.to_builtins(values)
    return made


def _lists(changes: Mapping[str, Any]) -> Iterator[Wrong]:
    for n, source in enumerate(changes.get("sources", ())):
        if not _is_url(source["url"]):
            yield _no_url(f"sources[{n}].url")
    for n, link in enumerate(changes.get("resources", ())):
        yield from _line(f"resources[{n}].label", link["label"])
        if not _is_url(link["url"]):
            yield _no_url(f"resources[{n}].url")
    seen = set()
    for n, caption in enumerate(changes.get("captions", ())):
        if not _LANGUAGE.fullmatch(caption["language"]):
            yield _no_language(f"captions[{n}].language")
        if (one := (caption["language"], caption["kind"])) in seen:
            yield Wrong(f"captions[{n}]", "There is another one of this kind in this language.", TWICE.uri)
        seen.add(one)
        if caption["kind"] == "captions" and not caption["body"].lstrip("\ufeff").startswith("WEBVTT"):
            yield Wrong(f"captions[{n}].body", "Captions are WebVTT: the first line says WEBVTT.", NO_WEBVTT.uri)


def _line(field: str, text: str) -> Iterator[Wrong]:
    if not text.strip():
        yield needed(field, "Write something.")
    elif len(text.encode()) > _LINE_BYTES:
        yield from _bounded(field, text, _LINE_BYTES)
    elif _LINE.search(text):
        yield Wrong(field, "It holds a line break, a control character or a mark that turns text round: write it anew.", NOT_A_LINE.uri)


def _bounded(field: str, text: str, most_bytes: int) -> Iterator[Wrong]:
    if len(text.encode()) > most_bytes:
        yield Wrong(field, f"It is longer than {most_bytes:,} bytes.", TOO_LONG.uri, most_bytes)


def _no_url(field: str) -> Wrong:
    return Wrong(field, "Write an address that begins with https:// or http://, without spaces.", NO_URL.uri)


def _no_language(field: str) -> Wrong:
    return Wrong(field, "Write a language's code, such as en, hi or pt-BR.", NO_LANGUAGE.uri)


def _is_url(text: str) -> bool:
    return bool(_URL.fullmatch(text)) and len(text.encode()) <= _URL_BYTES


def _is_day(text: str) -> bool:
    try:
        return len(text) == 10 and bool(date.fromisoformat(text))
    except ValueError:
        return False
