"""Statements that a connection keeps planned: the server then runs one in a fifth of the time that planning it took.

Its name is a digest of its text, so one name means one statement whoever prepared it: behind a pooler a
connection to the server may hold what another client prepared, or not hold what this one did. Where it
does not, the caller asks in plain words, and does so from then on.
"""
from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from psycopg2 import errors

REFUSALS = (errors.InvalidSqlStatementName, errors.DuplicatePreparedStatement, errors.IndeterminateDatatype, errors.FeatureNotSupported)
"""Not there, there already, a type that cannot be guessed, or a table that changed since: ask in plain words."""

_VALUE = re.compile(r"%(?:\((\w+)\)s|%)")


class Statement(NamedTuple):
    """How one is prepared, and how it is called with the values of *names* in this order."""

    name: str
    prepare: bytes
    execute: str
    names: tuple[str, ...]


@lru_cache(maxsize=256)
def statement(sql: str) -> Statement:
    """*sql*, whose values stand as ``%(name)s``, as a prepared statement."""
    names: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        if found[1] is None:
            return "%"
        return f"${names.setdefault(found[1], len(names) + 1)}"

    text = _VALUE.sub(number, sql)
    name = f"lectern_{blake2b(sql.encode(), digest_size=8).hexdigest()}"
    values = f"({', '.join(['%s'] * len(names))})" if names else ""
    return Statement(name, f"PREPARE {name} AS {text};".encode(), f"EXECUTE {name}{values}", tuple(names))
