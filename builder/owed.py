"""What is owed to somebody outside, a row of `live.debt` for each request: sent until it is acknowledged.

Purges and pings are such debts. A row leaves when it was acknowledged, so that a process that dies in between has it sent again; one
who is away makes nobody else wait.
"""
from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from typing import Literal, NamedTuple

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from edge.cdn.port import QuotaError
from edge.errors import OwedError

LONGEST_WAIT_S = 300.0
"""Who fails is asked again at least so often; his own Retry-After may be longer, up to RETRY_AFTER_S."""
RETRY_AFTER_S = 3_600.0

TURN_S = 60.0
"""Of a payee who answers slowly the rest waits, after so long, for the next turn: a build ends, and a worker tells how things stand."""

BUSY_S = 0.05
"""A row that is due and that another process is sending is looked at again so soon."""

# Purpose: by whom it is owed to, how many rows there are and which are due. What is no purge waits for its release's first purges: who
# is told of a page may fetch it at once.
_OWED = """SELECT cdn, count(*), array_agg(id ORDER BY again, due_at, id) FILTER (WHERE due_at <= clock_timestamp() AND (
        kind = 'purge' OR NOT EXISTS (SELECT FROM live.debt p WHERE p.kind = 'purge' AND p.release = d.release AND NOT p.again)))
    FROM live.debt d WHERE kind = %s AND NOT given_up GROUP BY cdn ORDER BY cdn"""
_CLAIM = """SELECT what, tries, extract(epoch FROM clock_timestamp() - owed_since)::float8 FROM live.debt
    WHERE id = %s AND due_at <= clock_timestamp() AND NOT given_up FOR UPDATE SKIP LOCKED"""
_FAILED = """UPDATE live.debt SET tries = tries + 1, why = %(why)s, due_at = clock_timestamp() + %(wait)s * interval '1 s'
    WHERE id = %(id)s"""
_GIVEN_UP = "UPDATE live.debt SET tries = tries + 1, why = %(why)s, given_up = true WHERE id = %(id)s"
# He is away, not one row of his: the others are not each made to wait for a call that fails.
_POSTPONED = """UPDATE live.debt SET why = %(why)s, due_at = clock_timestamp() + %(wait)s * interval '1 s' WHERE id IN (
    SELECT id FROM live.debt WHERE kind = %(kind)s AND cdn = %(to)s AND due_at <= clock_timestamp() AND NOT given_up
    FOR UPDATE SKIP LOCKED)"""
_HALVES = """INSERT INTO live.debt (kind, release, cdn, again, owed_since, tries, why, what)
    SELECT kind, release, cdn, again, owed_since, tries + 1, %(why)s, part.what FROM live.debt,
        (VALUES (%(first)s::text[]), (%(second)s::text[])) AS part (what) WHERE id = %(id)s RETURNING id"""
_LEFT = """SELECT id, extract(epoch FROM due_at - clock_timestamp())::float8 FROM live.debt WHERE id = ANY(%s) AND NOT given_up
    ORDER BY again, due_at, id"""
# Purpose: a debt is paid; of a first purge the release notes when.
_PAID = """
    WITH paid AS (DELETE FROM live.debt WHERE id = %s RETURNING release, kind, again)
    UPDATE live.release SET purged_at = clock_timestamp() FROM paid
    WHERE number = paid.release AND paid.kind = 'purge' AND NOT paid.again"""


class Payee(NamedTuple):
    """Whom rows of `live.debt` are owed to, by the name in their column `cdn`. *send* raises OwedError."""

    name: str
    send: Callable[[Sequence[str]], None]


class Terms(NamedTuple):
    """How debts of a kind are paid. *parts*: what is refused for good is cut in two, for a part of it may be taken. *bound_s*: who has
    not taken it after so long, or refuses it for good, is told no more; None: it stays owed, whatever happens."""

    kind: Literal["purge", "ping"]
    parts: bool
    bound_s: float | None = None


class Settled(NamedTuple):
    """What `settle` did."""

    sent: int  # names that were acknowledged
    left: int  # debts that were due when it began and are not done
    errors: tuple[str, ...]  # sentences, each once


def settle(dsn: str, terms: Terms, payees: Sequence[Payee], *, wait_s: float = 0.0, connection: Connection | None = None,
           chance: Callable[[], float] = random.random, stranger: Callable[[str, int], str] | None = None,
           given_up: Callable[[str], object] = lambda why: None) -> Settled:
    """Send what is due, to each payee by a thread and a connection of his own, for at most TURN_S. A row is sent by one process at a time.

    Who settles often gives a *connection* to the same database, which spares opening one. With *wait_s* it goes on, for at most that
    long, until what was due when it began is done. *stranger* makes the sentence on rows of somebody who is no payee, by name and
    number; *given_up* is called with the reason of each row that is given up. Raises psycopg2.Error, after all were tried, where the
    database went away.
    """
    end = time.monotonic() + wait_s
    with nullcontext(connection) if connection else closing(psycopg2.connect(dsn)) as connection:
        with connection, connection.cursor() as cursor:
            cursor.execute(_OWED, (terms.kind,))
            owed = {name: (count, ids or []) for name, count, ids in cursor}
        due = [(_Sending(terms, payee, end, chance, given_up), ids)
               for payee in payees if (ids := owed.pop(payee.name, (0, []))[1])]
        if len(due) == 1:  # the usual case: no thread, no second connection
            results = [due[0][0].settle(connection, due[0][1])]
        else:
            with ThreadPoolExecutor(len(due) or 1, thread_name_prefix=terms.kind) as threads:
                results = list(threads.map(lambda one: one[0].settle_apart(dsn, one[1]), due))
    errors = [stranger(name, count) for name, (count, _) in owed.items()] if stranger else []
    errors += [error for result in results for error in result.errors]
    return Settled(sum(r.sent for r in results), sum(r.left for r in results), tuple(dict.fromkeys(errors)))


class _Done(NamedTuple):
    """What came of one row: names acknowledged, the rows that it was cut into, and whether the payee wants a pause."""

    sent: int = 0
    parts: tuple[int, ...] = ()
    error: OwedError | None = None
    stop: bool = False


class _Sending(NamedTuple):
    """One payee's turn."""

    terms: Terms
    payee: Payee
    end: float  # of `time.monotonic`
    chance: Callable[[], float]
    given_up: Callable[[str], object]

    def settle_apart(self, dsn: str, due: Sequence[int]) -> Settled:
        with closing(psycopg2.connect(dsn)) as connection:
            return self.settle(connection, due)

    def settle(self, connection: Connection, due: Sequence[int]) -> Settled:
        """Send the rows *due*."""
        last = max(self.end, time.monotonic() + TURN_S)
        sent, errors = 0, dict[str, None]()
        left = list(due)
        while left:
            queue, left = left, []
            while queue:
                id = queue.pop(0)
                with connection, connection.cursor() as cursor:
                    done = self._send(cursor, id)
                sent += done.sent
                queue = [*done.parts, *queue]
                if not done.sent and not done.parts:
                    left.append(id)
                if done.error is not None:
                    errors[str(done.error)] = None
                if done.stop or time.monotonic() >= last:
                    left += queue
                    break
            if not left:
                break
            with connection, connection.cursor() as cursor:
                cursor.execute(_LEFT, (left,))  # others may have sent some
                rows = cursor.fetchall()
            left = [row[0] for row in rows]
            next_s = max(BUSY_S, min((row[1] for row in rows), default=0.0))
            if not left or time.monotonic() + next_s >= self.end:
                break
            time.sleep(next_s)
        return Settled(sent, len(left), tuple(errors))

    def _send(self, cursor: Cursor, id: int) -> _Done:
        """Send one row, in a transaction that holds it. Another process may have it, or have sent it."""
        cursor.execute(_CLAIM, (id,))
        if (row := cursor.fetchone()) is None:
            return _Done()
        what, tries, age_s = row
        values: dict[str, object] = {"id": id, "kind": self.terms.kind, "to": self.payee.name}
        try:
            self.payee.send(what)
        except QuotaError as error:
            cursor.execute(_POSTPONED, {**values, "why": str(error), "wait": error.retry_after_s})
            return _Done(stop=True)
        except OwedError as error:
            values |= {"why": str(error), "wait": _wait_s(error, tries + 1, self.chance)}
            if self.terms.parts and error.lasting and len(what) > 1:
                half = len(what) // 2
                cursor.execute(_HALVES, {**values, "first": what[:half], "second": what[half:]})
                parts = tuple(row[0] for row in cursor)
                cursor.execute("DELETE FROM live.debt WHERE id = %s", (id,))
                return _Done(parts=parts, error=error)
            if self.terms.bound_s is not None and (error.lasting or age_s >= self.terms.bound_s):
                cursor.execute(_GIVEN_UP, values)
                self.given_up(str(error))
            else:
                cursor.execute(_FAILED, values)
            if not error.lasting:
                cursor.execute(_POSTPONED, values)
            return _Done(error=error, stop=not error.lasting)
        cursor.execute(_PAID, (id,))
        return _Done(sent=len(what))


def _wait_s(error: OwedError, tries: int, chance: Callable[[], float]) -> float:
    """Doubles from a second, half of it by chance; what the payee asks for counts where it is longer."""
    wait_s = min(LONGEST_WAIT_S, 2.0 ** min(tries - 1, 16)) * (0.5 + chance() / 2)
    return max(wait_s, min(error.retry_after_s or 0.0, RETRY_AFTER_S))
