"""Orphans: rows of videos and batches that the catalog has no more. No foreign key crosses to it, so they are swept.

Once a day the sweep goes through the accounts, a slice to a transaction and some seconds at a time; where it
has come to stands in the database, so that any number of instances share one round. What is withdrawn stays:
it may come back. Where more than half of what a slice holds would go, nothing does: so much is not deleted by
editors, but missing after an accident, and its students' data must be there when it is mended.
"""
from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from api.queries import queries

ROUND_S = 24 * 60 * 60
BUDGET_S = 5.0  # of each call; mail waits for it
SLICE = 500  # accounts

_FEW = 20  # rows of which any share may go
_SQL = queries(Path(__file__).parent, "orphans")
_log = logging.getLogger("lectern.sweep")


def sweep(connection: Connection, *, budget_s: float = BUDGET_S, slice_: int = SLICE, clock: Callable[[], float] = time.monotonic) -> int:
    """Goes on with the day's round for *budget_s* seconds, or to its end; how many rows were deleted. Raises psycopg2.Error."""
    swept, end = 0, clock() + budget_s
    while clock() < end:
        with connection, connection.cursor() as cursor:
            cursor.execute(_SQL["begin"], {"round_s": ROUND_S})
            if (row := cursor.fetchone()) is None:
                break
            done, last = _slice(cursor, row[0], slice_)
            swept += done
            cursor.execute(_SQL["advance"], {"after": last or 0, "began": row[0] == 0})
        if last is None:
            break
    return swept


def _slice(cursor: Cursor, after: int, most: int) -> tuple[int, int | None]:
    """How many rows of the accounts after *after* were deleted, and the last of these; None where none was left."""
    cursor.execute(_SQL["slice"], {"after": after, "most": most})
    last: int | None = _first(cursor)
    if last is None:
        return 0, None
    cursor.execute(_SQL["dead"], {"after": after, "last": last})
    rows, dead, accounts = cursor.fetchone() or (0, 0, [])
    if dead > _FEW and dead * 2 > rows:
        _log.warning("sweep.held_back", extra={"after": after, "last": last, "rows": rows, "dead": dead})
        return 0, last
    if not accounts:
        return 0, last
    cursor.execute(_SQL["hold"], {"accounts": accounts})
    cursor.execute(_SQL["raise"], {"accounts": accounts})
    cursor.execute(_SQL["delete"], {"accounts": accounts})
    return int(_first(cursor) or 0), last


def _first(cursor: Cursor) -> int | None:
    row = cursor.fetchone()
    return row[0] if row else None
