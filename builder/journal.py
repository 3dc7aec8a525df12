"""Releases: numbered, begun, done; what they left to do, and what they owe."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from builder.lease import LeaseLost
from edge.errors import LecternError

LARGEST_NUMBER = 2**31 - 2**20
"""A write number above that is none of ours: the sequence ends soon after."""
HELD_BACK = "more would leave than any change says"
"""Why a page waits whose retirement the guard held back."""


class OtherStoreError(LecternError):
    """The manifest speaks of another store."""


class Standing(NamedTuple):
    """How things stand before a release."""

    held_at: int | None  # the release that a rollback went back to, while publishing is on hold
    empty: bool  # nothing is live yet
    store: str | None  # where the newest release went: the manifest speaks of that store
    waiting_keys: int  # that changes touch which no release has taken
    died: str | None  # the cause of the newest release that died


def standing(connection: Connection) -> Standing:
    """What a release needs to know before its transaction begins."""
    found = seen(connection)
    connection.commit()
    return found


def seen(connection: Connection) -> Standing:
    """The same as the connection's transaction sees it."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT (SELECT held_at FROM live.site), NOT EXISTS (SELECT FROM live.object),
                (SELECT store FROM live.release ORDER BY number DESC LIMIT 1),
                (SELECT coalesce(sum(cardinality(keys)), 0)::int FROM catalog.change WHERE release IS NULL),
                (SELECT cause FROM live.release WHERE state = 'writing' ORDER BY number DESC LIMIT 1)""")
        (row,) = cursor.fetchall()
    return Standing(*row)


def must_be_at(connection: Connection, store: str) -> None:
    """Raise OtherStoreError where the manifest speaks of another store than the one named *store*."""
    found = standing(connection).store
    if found not in (None, store):
        raise OtherStoreError(f"The last release went to {found}, not to {store}: mend LECTERN_STORE, or build, which fills this store.")


def draw(connection: Connection) -> int:
    """The next write number, which is a release's number: it never comes back, whatever becomes of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('live.write_number')")
        ((number,),) = cursor.fetchall()
    return int(number)


def raise_above(connection: Connection, number: int) -> bool:
    """See that write numbers to come are higher than *number*, which a store was found to hold. True where it had to."""
    if number > LARGEST_NUMBER:
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval('live.write_number', %s) FROM live.write_number WHERE last_value < %s", (number, number))
        raised = cursor.fetchone() is not None
    connection.commit()
    return raised


def begin(connection: Connection, number: int, store: str, cause: str, changes: int) -> None:
    """Note in the release's own transaction that it writes to *store*: true, and seen, with its COMMIT."""
    with connection.cursor() as cursor:
        # It began with its transaction, before all that it rendered.
        cursor.execute("""INSERT INTO live.release (number, state, started_at, rendered_at, store, cause, changes)
            VALUES (%s, 'writing', transaction_timestamp(), clock_timestamp(), %s, %s, %s)""", (number, store, cause, changes))


def died_after(connection: Connection, number: int) -> int | None:
    """The newest release after *number* that died while it may have written; a mending's own writes nothing by itself."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(number) FROM live.release WHERE state = 'writing' AND cause <> 'heal' AND number > %s", (number,))
        ((newest,),) = cursor.fetchall()
    connection.commit()
    return None if newest is None else int(newest)


class Retry(NamedTuple):
    """What releases before this one left to do."""

    units: list[int]  # with a page that could not be rendered; what was held back waits for a change, or for a plan of everything
    uncertain: list[int]  # with a page that a dead release may or may not have written
    uncertain_gone: list[str]
    assets: bool  # some of them are uncertain
    redirects: list[int]  # units whose redirects may go up now
    gone: list[str]  # paths whose "gone" may go up now
    debts: list[int]  # the debts that the last two are


def left(connection: Connection) -> Retry:
    """What is to be tried again, in the release's transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT unit FROM live.set_aside WHERE why <> %s", (HELD_BACK,))
        units = [row[0] for row in cursor]
        cursor.execute("""SELECT o.unit, o.path, o.kind FROM live.object o JOIN live.release r ON r.number = o.release
            WHERE r.state = 'writing'""")
        rows = cursor.fetchall()
        cursor.execute("""SELECT d.id, d.what FROM live.debt d WHERE d.kind = 'retirement' AND NOT EXISTS (
            SELECT FROM live.debt p WHERE p.kind = 'purge' AND p.release = d.release AND NOT p.again)
            AND NOT EXISTS (SELECT FROM live.release r WHERE r.number = d.release AND r.state <> 'live')""")
        due = cursor.fetchall()
    what = [name for _, names in due for name in names]
    return Retry(units, [unit for unit, _, kind in rows if kind not in ("gone", "asset")],
                 [path for _, path, kind in rows if kind == "gone"], any(kind == "asset" for _, _, kind in rows),
                 [int(name) for name in what if not name.startswith("/")], [name for name in what if name.startswith("/")],
                 [id for id, _ in due])


NOTHING_LEFT = Retry([], [], [], False, [], [], [])


def put_on_hold(connection: Connection, number: int | None) -> None:
    """Nothing but takedowns is released from now on, since the site went back to release *number*; None ends that."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE live.site SET held_at = %s", (number,))


class Listed(NamedTuple):
    """A release, as it is listed."""

    release: int
    state: str
    at: datetime
    paths: int
    changes: int
    cause: str


def releases(connection: Connection, limit: int = 100) -> list[Listed]:
    """The newest releases, newest first."""
    with connection.cursor() as cursor:
        cursor.execute("""SELECT number, state, coalesce(live_at, started_at), uploaded, changes, cause FROM live.release
            ORDER BY number DESC LIMIT %s""", (limit,))
        return [Listed._make(row) for row in cursor]


class Aside(NamedTuple):
    """A page that waits for another try: it could not be rendered, or the guard held its retirement back."""

    unit: int
    path: str
    kind: str
    why: str


def keep_aside(connection: Connection, number: int, units: Sequence[int] | None, found: Iterable[Aside]) -> None:
    """Note what of *units* (None: of all) waits for another try now, and nothing else of them."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM live.set_aside WHERE %s::bigint[] IS NULL OR unit = ANY(%s)", (units, units))
        execute_values(cursor, "INSERT INTO live.set_aside (unit, path, kind, why, release) VALUES %s ON CONFLICT DO NOTHING",
                       [(*one, number) for one in found])


def owe_retirements(connection: Connection, number: int, what: Sequence[str], done: Sequence[int]) -> None:
    """Note which units' redirects and which gone paths wait for the purges of *number*, and which debts are *done*."""
    with connection.cursor() as cursor:
        if what:
            cursor.execute("INSERT INTO live.debt (kind, release, what) VALUES ('retirement', %s, %s)", (number, list(what)))
        if done:
            cursor.execute("DELETE FROM live.debt WHERE id = ANY(%s)", (list(done),))


def owe_no_retirements(connection: Connection) -> None:
    """Forget which wait: the next release of everything finds them anew."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM live.debt WHERE kind = 'retirement'")


def live(connection: Connection, number: int, *, rendered: int, uploaded: int, retired: int, purged: int, held_back: int,
         apart: bool = False) -> None:
    """The release's uploads are done: it is live, and what died before it is superseded, unless it wrote *apart* from what
    those left uncertain. The caller commits."""
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE live.release SET state = 'live', live_at = clock_timestamp(), rendered = %s, uploaded = %s, retired = %s,
                purged = %s, held_back = %s WHERE number = %s AND state = 'writing'""",
            (rendered, uploaded, retired, purged, held_back, number))
        if cursor.rowcount != 1:
            connection.rollback()
            raise LeaseLost("Another builder took over while this one uploaded. What it released stays; build again.")
    if not apart:
        supersede(connection, number)


def supersede(connection: Connection, number: int) -> None:
    """What died before release *number* has nothing left that is uncertain. What it meant to retire waits for the purges of
    the release that is live. The caller commits."""
    with connection.cursor() as cursor:
        cursor.execute("""WITH dead AS (UPDATE live.release SET state = 'superseded' WHERE state = 'writing' AND number < %s
                RETURNING number)
            UPDATE live.debt SET release = (SELECT max(number) FROM live.release WHERE state = 'live')
            WHERE kind = 'retirement' AND release IN (SELECT number FROM dead)""", (number,))
