"""What was found of the live site, kept in `live.site.check_found` for `status` and the metrics until it is looked at again.

The nightly check keeps the paths that it mended, `verify` a line each of what is still wrong: its name, a space, a path. So either
is told by its first character, and neither forgets what the other found.
"""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from psycopg2.extensions import connection as Connection

NAMED = 20  # of either, that are kept for people to see
_LINE_CHARACTERS: Final = 300

# Purpose: whether the last nightly check found something, and what.
CHECKED = """SELECT checked_at, paths FROM live.site,
    LATERAL (SELECT array(SELECT f FROM unnest(check_found) f WHERE f LIKE '/%%')) a(paths) WHERE paths <> '{}'"""
# Purpose: what the last verify left wrong.
VERIFIED = "SELECT array(SELECT f FROM unnest(check_found) f WHERE f NOT LIKE '/%%') FROM live.site"
# Purpose: a check is done; what verify found stays.
_CHECK = """UPDATE live.site SET checked_at = clock_timestamp(),
    check_found = %(found)s::text[] || array(SELECT f FROM unnest(check_found) f WHERE f NOT LIKE '/%%')"""
# Purpose: a verify is done; what the check found stays. A row that says so already is left alone.
_VERIFY = """UPDATE live.site SET check_found = array(SELECT f FROM unnest(check_found) f WHERE f LIKE '/%%') || %(found)s::text[]
    WHERE array(SELECT f FROM unnest(check_found) f WHERE f NOT LIKE '/%%') <> %(found)s::text[]"""


def by_check(connection: Connection, paths: Sequence[str]) -> None:
    """Keep what a nightly check mended, the first NAMED of it, and that it is done."""
    _run(connection, _CHECK, paths)


def by_verify(connection: Connection, lines: Iterator[str]) -> None:
    """Keep what `verify` left wrong, the first NAMED of it; no line begins with a slash."""
    _run(connection, _VERIFY, [line[:_LINE_CHARACTERS] for line in islice(lines, NAMED)])


def _run(connection: Connection, statement: str, found: Sequence[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"found": list(found[:NAMED])})
    connection.commit()
