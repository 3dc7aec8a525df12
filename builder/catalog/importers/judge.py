"""Whether a record fits the format, said for people: every mistake of it, each with what to write instead."""
from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

from builder.catalog.importers.record import KINDS

DAY = "write a day as 2026-02-03"
MOMENT = "write a moment with its zone, as 2026-09-01T09:00:00+02:00"
_SLUG = "write letters, digits and hyphens, as limits-and-sums"
_FORMS = {
    "starts_on": DAY, "ends_on": DAY, "recorded_on": DAY, "publish_at": MOMENT, "words_at": MOMENT, "slug": _SLUG, "old_slugs": _SLUG,
    "sources": 'each is an address, or ["KIND", "ADDRESS", START IN SECONDS], and the kinds are youtube, vimeo, peertube, archive, '
               "file, hls and link",
    "resources": 'each is an address, or ["LABEL", "ADDRESS"]',
    "captions": 'each is ["LANGUAGE", "captions" or "transcript", "TEXT"]',
}
_TYPES = {"string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false", "array": "a list",
          "object": "an object"}
# What other layouts call our fields: too far from our names to be found by likeness.
_CALLED = {
    "speakers": "instructors", "speaker": "instructors", "teachers": "instructors", "tags": "subjects", "topics": "subjects",
    "videos": "sources", "link": "sources", "recorded": "recorded_on", "date": "recorded_on", "thumbnail": "picture_url",
    "thumbnail_url": "picture_url", "image": "picture_url", "related_urls": "resources", "slides": "resources",
    "copyright_text": "licence", "license": "licence", "alias": "aliases", "conference": "batch", "category": "batch",
}


class Fault(NamedTuple):
    """One mistake of a record: its field ("" where there is none), the value that stands there, what to do."""

    field: str
    value: object
    why: str


def kind_fault(kind: object) -> Fault:
    """What is said of a kind that is none."""
    near = difflib.get_close_matches(str(kind).lower(), KINDS, 1)
    return Fault("kind", kind, f"kind is one of {', '.join(KINDS)}{f': did you mean {near[0]}?' if near else ''}")


def faults(kind: str, found: dict[str, Any]) -> Iterator[Fault]:
    """Every way in which *found* is no record of *kind*: unknown fields, missing ones, values of another form."""
    for name in sorted(found.keys() - fields(kind)):
        yield unknown(kind, name, found[name])
    missing = [name for name in schema()["$defs"][kind]["required"] if found.get(name) is None]
    for name in missing:
        yield Fault(name, "", f"{name} is missing")
    for error in checks(kind).iter_errors({name: value for name, value in found.items() if name not in missing}):
        if error.absolute_path:  # what has none is a field too many or too few, said above
            yield Fault(str(error.absolute_path[0]), error.instance, _said(str(error.absolute_path[0]), error))


def unknown(kind: str, name: str, value: object) -> Fault:
    """What is said of a field that records of *kind* do not have, with the nearest that they have."""
    known = fields(kind)
    called = _CALLED.get(name.lower(), name.lower().replace(" ", "_"))
    near = [called] if called in known else difflib.get_close_matches(called, known, 1, 0.7)
    others = [other for other in KINDS if name in fields(other)]
    mend = f"did you mean {near[0]}?" if near else f"a {others[0]} has it" if others else "rename or delete it"
    return Fault(name, value, f"a {kind} has no such field: {mend}")


@lru_cache(maxsize=1)
def schema() -> dict[str, Any]:
    """The format's JSON Schema, as shipped."""
    found: dict[str, Any] = json.loads(files("builder.catalog.importers").joinpath("schema.json").read_bytes())
    return found


@cache
def fields(kind: str) -> frozenset[str]:
    """The fields that records of a kind may have."""
    return frozenset(schema()["$defs"][kind]["properties"])


@lru_cache(maxsize=1)
def columns() -> frozenset[str]:
    """The fields of all kinds: the columns of a CSV file."""
    return frozenset().union(*(fields(kind) for kind in KINDS))


@cache
def checks(kind: str) -> Any:
    """A validator of records of one kind."""
    from jsonschema import Draft202012Validator

    return Draft202012Validator({"$defs": schema()["$defs"], "$ref": f"#/$defs/{kind}"})


def _said(field: str, error: Any) -> str:
    """A sentence for a mistake that the schema found: what is due, never the pattern that says so."""
    limit = error.validator_value
    whole = len(error.absolute_path) == 1  # the field itself, not something in its list
    if error.validator == "type" and (whole or field not in _FORMS):
        return f"{_due(limit)} is due"
    if field in _FORMS and error.validator not in ("uniqueItems", "minLength", "maxLength"):
        return _FORMS[field]
    match error.validator:
        case "minimum":
            return f"at least {limit}"
        case "exclusiveMinimum":
            return f"more than {limit}"
        case "maximum":
            return f"at most {limit}"
        case "enum":
            return f"one of {', '.join(limit)}"
        case "minLength":
            return "it is empty"
        case "maxLength":
            return f"over {limit:,} letters: shorten it"
        case "uniqueItems":
            return "one value stands in it twice"
    return str(error.message)[:300]


def _due(types: str | Iterable[str]) -> str:
    return " or ".join(_TYPES[name] for name in ([types] if isinstance(types, str) else types) if name in _TYPES)
