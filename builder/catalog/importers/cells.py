"""The cells of a CSV row as values of the format, and back."""
from __future__ import annotations

import json
from typing import Any

_NUMBERS = frozenset({"id", "version", "position", "duration_s"})
_NAMES = frozenset({"subjects", "instructors", "old_slugs"})  # parted by ; where no name holds one
_ADDRESSES = frozenset({"sources", "aliases"})  # parted by white space, which no address holds
_OBJECTS = frozenset({"resources", "captions"})
_EMPTY_IS_NOT_SAID = frozenset({
    "id", "version", "slug", "old_slugs", "why", "description_markup", "status", "position", "words_at", "course", "batch", "title",
    "name", "gated",
})
_NO_PLACE = "none"  # a position that is said to be none, where an empty cell says nothing
_NO_LIST = 'a list is due, as [["en", "captions", "WEBVTT …"]] or [["Slides", "https://…"]]'
_YES, _NO = frozenset({"true", "yes", "1", "y"}), frozenset({"false", "no", "0", "n"})


def value_of(field: str, cell: str) -> dict[str, Any]:
    """{field: value}, or {} where an empty cell says nothing. Raises ValueError for a cell that is none of its kind."""
    bare = cell.strip(" \t\r\n")  # other white space may be all of an odd title
    if field == "position" and bare.lower() == _NO_PLACE:
        return {field: None}
    if bare == "" and field in _EMPTY_IS_NOT_SAID:
        return {}
    if field in _NUMBERS:
        return {field: _number(bare) if bare else None}
    if field == "gated":
        if bare.lower() not in _YES | _NO:
            raise ValueError("true or false is due")
        return {field: bare.lower() in _YES}
    if field in _NAMES | _ADDRESSES | _OBJECTS:
        return {field: _list(field, bare)}
    if field in ("description", "licence"):
        return {field: cell}
    return {field: cell if bare else None}


def cell_of(field: str, value: Any) -> str:
    """The cell of a value: the inverse of :func:`value_of`."""
    if value is None:
        return _NO_PLACE if field == "position" else ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        plain = all(isinstance(item, str) for item in value)
        joiner = "; " if field in _NAMES else " "
        if plain and field not in _OBJECTS:
            joined = joiner.join(value)
            if _list(field, joined) == value:
                return joined
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")) if value else ""
    return str(value)


def _list(field: str, bare: str) -> list[Any]:
    if bare.startswith("["):
        try:
            found = json.loads(bare)
            if isinstance(found, list):
                return found
        except ValueError:
            pass
        if field in _OBJECTS:
            raise ValueError(_NO_LIST)
    elif field in _OBJECTS and bare:
        if field != "resources":
            raise ValueError(_NO_LIST)
        return bare.split()
    items = bare.split(";") if field in _NAMES else bare.split()
    return [item.strip() for item in items if item.strip()]


def _number(bare: str) -> int | float:
    try:
        number = float(bare)
    except ValueError:
        raise ValueError("a number is due") from None
    if number != number or number in (float("inf"), float("-inf")):
        raise ValueError("a number is due")
    return int(number) if number == int(number) else number
