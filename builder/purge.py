"""Purges as debts: what a release must have forgotten, owed until it is acknowledged.

Each release owes every CDN two purges: one at once, and one after the longest origin fetch, for an edge that
fetched just before the upload and stored just after the first purge. A debt is a row of one request's worth.
"""
from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from builder import manifest, owed
from builder.folding import Changed, fold
from builder.owed import Payee, Settled, Terms
from edge.cdn.port import ALL, Name, PurgeError, Purger, parse, url

FOLDED = 200_000
"""Objects that are folded at once, some 100 MB; a release that changes more names everything."""

SLOTS = 4
"""Second purges that fall due in the same quarter of the wait go together: so few rows wait, however often is published."""

JOINED_BUDGETS = 4
"""Second purges that go together may name so many releases' worth; more become one purge of everything."""

ANNOUNCED_PATHS = 1_000
"""A release that creates more tells nobody beforehand: errors are held for seconds only, and the purge names them too."""

ANNOUNCERS = threading.BoundedSemaphore(8)
"""Announcements under way at once; one too many is not made."""


# what is owed -----------------------------------------------------------------------------------

_WAITING = """SELECT id, due_at, what FROM live.debt
    WHERE kind = 'purge' AND again AND cdn = %s AND due_at > clock_timestamp() ORDER BY due_at, id FOR UPDATE"""
_SLOT = "SELECT to_timestamp(ceil((extract(epoch FROM clock_timestamp()) + %(after)s) / %(slot)s) * %(slot)s)"
_INSERT = "INSERT INTO live.debt (kind, release, cdn, again, due_at, what) VALUES %s"


def owe(cursor: Cursor, purgers: Iterable[Purger], release: int, changed: Sequence[Changed], live_objects: int, *,
        uncertain: bool = False) -> int:
    """Write the debts of a release in the caller's transaction; its uploads are done. Returns names of the first purges.

    It touches only rows that are not yet due, and `settle` only those that are: so neither waits for the other, and
    an older snapshot does no harm.
    """
    return sum(owe_names(cursor, purger, release, fold(purger, changed, live_objects, uncertain=uncertain)) for purger in purgers)


def owe_release(connection: Connection, purgers: Sequence[Purger], release: int, written: int, *, uncertain: bool) -> int:
    """As `owe`, for what the manifest says of *release*, which has *written* so many objects."""
    live = manifest.about(connection)
    with connection.cursor() as cursor:
        if written > FOLDED:
            return sum(owe_names(cursor, purger, release, [ALL]) for purger in purgers)
        changed = [Changed(*row) for row in manifest.changed(connection, release)]
        return owe(cursor, purgers, release, changed, live, uncertain=uncertain)


def owe_names(cursor: Cursor, purger: Purger, release: int, names: Sequence[Name]) -> int:
    """As `owe`, for names that are chosen already, as by a takedown, which names paths too. Returns how many they are."""
    names = [name for name in names if name.kind != "tag" or purger.can.tags_a_request]
    if names:
        cursor.execute("SELECT clock_timestamp()")
        (now,) = _one(cursor)
        _insert(cursor, purger, release, names, now, again=False)
        _owe_again(cursor, purger, release, names)
    return len(names)


def _owe_again(cursor: Cursor, purger: Purger, release: int, names: Sequence[Name]) -> None:
    """The second purge. A name that an older one still has to send leaves it: the newer purge comes after both uploads."""
    cursor.execute(_SLOT, {"after": purger.again_after_s, "slot": max(purger.again_after_s / SLOTS, 0.001)})
    (due_at,) = _one(cursor)
    cursor.execute(_WAITING, (purger.name,))
    waiting = cursor.fetchall()
    mine = dict.fromkeys(map(str, names))
    for _, when, what in waiting:
        if when == due_at:
            mine |= dict.fromkeys(what)
    if str(ALL) in mine or len(mine) > JOINED_BUDGETS * purger.can.budget_names:
        mine = {str(ALL): None}
    rewritten: list[int] = []
    for id, when, what in waiting:
        left = [] if when == due_at or str(ALL) in mine else [name for name in what if name not in mine]
        if left == what:
            continue
        rewritten.append(id)
        if left:
            _insert(cursor, purger, release, [parse(name) for name in left], when, again=True)
    if rewritten:
        cursor.execute("DELETE FROM live.debt WHERE id = ANY(%s)", (rewritten,))
    _insert(cursor, purger, release, [parse(name) for name in mine], due_at, again=True)


def _insert(cursor: Cursor, purger: Purger, release: int, names: Sequence[Name], due_at: datetime, *, again: bool) -> None:
    rows = []
    for kind, size in (("all", 1), ("tag", purger.can.tags_a_request), ("url", purger.can.urls_a_request)):
        spelt = [str(name) for name in names if name.kind == kind]
        rows += [("purge", release, purger.name, again, due_at, spelt[i : i + size]) for i in range(0, len(spelt), max(1, size))]
    execute_values(cursor, _INSERT, rows, template="(%s, %s, %s, %s, %s, %s::text[])")


def announce(purgers: Iterable[Purger], paths: Iterable[str]) -> None:
    """Ask at once that errors at *paths*, which are about to be created, be forgotten. Never waits, never raises.

    CDNs that bill each name, or count requests, are not asked: the release's own purge, which wants that quota, names the paths,
    and errors last for seconds.
    """
    names = [url(path) for path in paths]
    if not names or len(names) > ANNOUNCED_PATHS:
        return
    for purger in purgers:
        size = purger.can.urls_a_request
        asked = [name for name in names if purger.takes(name)] if size and not (purger.can.usd_a_name or purger.can.rate) else []
        if not asked or not ANNOUNCERS.acquire(blocking=False):
            continue
        batches = [asked[i : i + size] for i in range(0, len(asked), size)]
        try:
            threading.Thread(target=_announce, args=(purger, batches), name=f"announce-{purger.name}", daemon=True).start()
        except RuntimeError:  # no thread to be had
            ANNOUNCERS.release()


def _announce(purger: Purger, batches: Sequence[Sequence[Name]]) -> None:
    try:
        for batch in batches:
            purger.purge(batch)
    except PurgeError:
        pass  # the debt, written when the release is live, names them again and is what counts
    finally:
        ANNOUNCERS.release()


# paying -----------------------------------------------------------------------------------------

_TERMS = Terms("purge", parts=True)


def settle(dsn: str, purgers: Sequence[Purger], *, wait_s: float = 0.0, connection: Connection | None = None,
           chance: Callable[[], float] = random.random) -> Settled:
    """Send the purges that are due, as `builder.owed.settle` does. Names of a CDN that is none of *purgers* are an error of their own."""
    return owed.settle(dsn, _TERMS, [Payee(purger.name, partial(_purge, purger)) for purger in purgers], wait_s=wait_s,
                       connection=connection, chance=chance, stranger=_stranger)


def _purge(purger: Purger, what: Sequence[str]) -> None:
    purger.purge([parse(name) for name in what])


def _stranger(cdn: str, count: int) -> str:
    return (f"{count} purges are owed to {cdn}, which LECTERN_CDN does not name: name it again, or give them up with "
            f"DELETE FROM live.debt WHERE kind = 'purge' AND cdn = '{cdn}'.")


def _one(cursor: Cursor) -> tuple[Any, ...]:
    row = cursor.fetchone()
    assert row is not None
    return row
