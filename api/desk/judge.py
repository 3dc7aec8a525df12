"""Whether a thing is fit to be published: the catalog's own rules, said by field before the database would refuse it."""
from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NoReturn

import msgspec
import psycopg2
from flask import abort

from api.desk.shapes import FIELDS, Values
from api.errors import problem

_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\ufffe\uffff]")  # as catalog.is_line
_URL = re.compile(r'https?://[^\s\x00-\x1f\x7f-\x9f<>"\ufffe\uffff]+')  # as catalog.web_url
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")  # as catalog.language
_LINE_BYTES, _URL_BYTES, _BLURB_BYTES, _WORDS_BYTES = 2_000, 2_048, 8_192, 262_144  # the catalog's domains
_NO_URL = "Write an address that begins with https:// or http://, without spaces."

# What a refused value's column is called here: by the database's domain, and by its constraint.
_BY_TYPE = {"slug": "slug", "line": "title", "words": "description", "blurb": "description", "markup": "description_markup",
            "language": "language", "web_url": "url"}
_BY_CONSTRAINT = (("slug", "slug"), ("course_id", "course"), ("batch_id", "batch"), ("subject_id", "subjects"),
                  ("instructor_id", "instructors"), ("duration", "duration_s"), ("licence", "licence"), ("caption", "captions"),
                  ("source", "sources"), ("resource", "resources"), ("batch_check", "ends_on"), ("video_check", "publish_at"))

Wrong = tuple[str, str]


def fields_must_fit(kind: str, deed: str, changes: Mapping[str, Any]) -> None:
    """Answers 422 where *changes* hold a field that things of *kind* have not."""
    known = frozenset(("into",)) if deed == "merge" else frozenset[str]() if deed == "delete" else FIELDS[kind]
    if strange := sorted(changes.keys() - known):
        refuse([(f"changes.{strange[0]}", f"A {deed} of a {kind} has no such field.")])


def must_be_fit(kind: str, changes: Mapping[str, Any]) -> None:
    """Answers 422, naming the fields, where what is set must not be published."""
    if wrong := list(faults(kind, changes)):
        refuse(wrong)


def faults(kind: str, changes: Mapping[str, Any]) -> Iterator[Wrong]:
    """Field and sentence of each value that the catalog would not take."""
    if "title" in changes:
        yield from _line("title", changes["title"])
    if "description" in changes and len(changes["description"].encode()) > (_WORDS_BYTES if kind == "video" else _BLURB_BYTES):
        yield "description", f"It is longer than {(_WORDS_BYTES if kind == 'video' else _BLURB_BYTES):,} bytes."
    for name in ("url", "picture_url"):
        if changes.get(name) is not None and not _is_url(changes[name]):
            yield name, _NO_URL
    if changes.get("language") is not None and not _LANGUAGE.fullmatch(changes["language"]):
        yield "language", "Write a language's code, such as en, hi or pt-BR."
    for name in ("recorded_on", "starts_on", "ends_on"):
        if changes.get(name) is not None and not _is_day(changes[name]):
            yield name, "Write a day as 2026-09-01."
    if changes.get("publish_at") is not None and not is_moment(changes["publish_at"]):
        yield "publish_at", "Write a moment with its zone, as 2026-09-01T09:00:00+02:00."
    if "licence" in changes and len(changes["licence"].encode()) > _LINE_BYTES:
        yield "licence", f"It is longer than {_LINE_BYTES:,} bytes."
    yield from _lists(changes)


def refused(error: psycopg2.Error) -> NoReturn:
    """Answers what the database refused as a problem with its field; what it did not refuse by a rule is raised again."""
    diag = error.diag
    constraint = diag.constraint_name or ""
    field = next((name for part, name in _BY_CONSTRAINT if part in constraint), "") or _BY_TYPE.get(diag.datatype_name or "", "")
    if isinstance(error, psycopg2.errors.UniqueViolation):
        abort(problem(409, "Another one has this slug already: choose another.", errors=[{"field": field, "why": "It is taken."}]))
    if isinstance(error, psycopg2.errors.ForeignKeyViolation):
        refuse([(field, "There is no such thing (any more).")])
    if isinstance(error, (psycopg2.errors.CheckViolation, psycopg2.errors.NotNullViolation, psycopg2.DataError)):
        why = diag.message_hint or "The catalog does not take this value."
        refuse([(field or diag.column_name or "", why)])
    raise error


def refuse(wrong: Sequence[Wrong]) -> NoReturn:
    """Answer 422 with each field and why."""
    field, why = wrong[0]
    abort(problem(422, f"{field or 'The edit'}: {why}", errors=[{"field": name, "why": said} for name, said in wrong]))


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
            yield f"sources[{n}].url", _NO_URL
    for n, link in enumerate(changes.get("resources", ())):
        yield from _line(f"resources[{n}].label", link["label"])
        if not _is_url(link["url"]):
            yield f"resources[{n}].url", _NO_URL
    seen = set()
    for n, caption in enumerate(changes.get("captions", ())):
        if not _LANGUAGE.fullmatch(caption["language"]):
            yield f"captions[{n}].language", "Write a language's code, such as en or hi."
        if (one := (caption["language"], caption["kind"])) in seen:
            yield f"captions[{n}]", "There is another one of this kind in this language."
        seen.add(one)
        if caption["kind"] == "captions" and not caption["body"].lstrip("\ufeff").startswith("WEBVTT"):
            yield f"captions[{n}].body", "Captions are WebVTT: the first line says WEBVTT."


def _line(field: str, text: str) -> Iterator[Wrong]:
    if not text.strip():
        yield field, "Write something."
    elif len(text.encode()) > _LINE_BYTES:
        yield field, f"It is longer than {_LINE_BYTES:,} bytes."
    elif _LINE.search(text):
        yield field, "It holds a line break, a control character or a mark that turns text round: write it anew."


def _is_url(text: str) -> bool:
    return bool(_URL.fullmatch(text)) and len(text.encode()) <= _URL_BYTES


def _is_day(text: str) -> bool:
    try:
        return len(text) == 10 and bool(date.fromisoformat(text))
    except ValueError:
        return False
