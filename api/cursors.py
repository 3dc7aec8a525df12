"""Cursors: where a page of a list ended, so that the next one begins there whatever came or went meanwhile."""
from __future__ import annotations

import re
from typing import NamedTuple

import msgspec
from flask import abort

from api.bodies import MOST_ID
from api.errors import Wrong, problem
from api.problems import INVALID_FIELDS

_CURSOR = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,6})?)~([0-9]{1,19})", re.ASCII)
_LAST_US = 10**18 - 1  # the year 33,658: what the pattern holds, and PostgreSQL can date


class Place(NamedTuple):
    """The sort value of a page's last row, and its id."""

    value: float
    id: int


NEWEST = Place(_LAST_US, MOST_ID)
"""Before the first row of a list whose newest comes first: microseconds since 1970."""

FIRST = Place(-1, 0)
"""Before the first row of one that counts up."""


def read_place(cursor: str, start: Place) -> Place:
    """The place that *cursor* means, or *start* for "". Answers 422 for what no page has given."""
    if not cursor:
        return start
    read = _CURSOR.fullmatch(cursor)
    if not read or int(read[2]) > MOST_ID:
        abort(problem(INVALID_FIELDS, "after: Give back the `next` of the page before as it was.",
                      errors=[msgspec.to_builtins(Wrong("after", "No page ended there."))]))
    return Place(float(read[1]) if "." in read[1] else int(read[1]), int(read[2]))


def write_place(value: float, id: int) -> str:
    """The cursor of a page that ended at these."""
    return f"{value}~{id}"
