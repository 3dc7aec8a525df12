"""Receipts: the edge is asked until it shows what a release wrote, or for half a minute in vain.

What a reader would get is compared with what the store holds, unpacked: an edge may pack anew, and its ETag is its own. A
release owes its receipt as a row until the rows of `live.receipt` stand.
"""
from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from psycopg2.extensions import connection as Connection

from builder.packing import unpacked
from builder.probe import ENCODINGS, Probe
from edge.address import Path, key_of
from edge.store.port import Object, Store

PAGES = 20  # a release: one of each kind, as far as this goes
WAIT_S = 30.0  # a purge that has shown no effect by then has none
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.02, 2.0

# Purpose: owe the receipt of a release, for one page of each kind that it wrote. Assets never change under their name.
_OWE = """
    INSERT INTO live.debt (kind, release, what)
    SELECT 'receipt', %(release)s, paths FROM (
        SELECT array_agg(path ORDER BY path) FROM (
            SELECT DISTINCT ON (kind) path FROM live.object WHERE release = %(release)s AND kind <> 'asset'
            ORDER BY kind, path LIMIT %(most)s) one) all_of_them (paths)
    WHERE paths IS NOT NULL"""
# Purpose: the pages of receipts that may be asked for, since the release's first purges are acknowledged.
_DUE = """
    SELECT d.id, d.release, o.path, o.kind FROM live.debt d LEFT JOIN live.object o ON o.path = ANY(d.what)
    WHERE d.kind = 'receipt' AND d.id <> ALL(%(known)s) AND NOT EXISTS (
        SELECT FROM live.debt p WHERE p.kind = 'purge' AND p.release = d.release AND NOT p.again)
    ORDER BY d.id, o.path"""
# Purpose: a receipt; the time runs from the release's first change, by the database's clock.
_SEEN = """
    INSERT INTO live.receipt (release, kind, url, encoding, lag_ms, served_by)
    SELECT %(release)s, %(kind)s, %(url)s, %(encoding)s, CASE WHEN %(seen)s THEN least(2147483647, greatest(0, 1000 * extract(
        epoch FROM clock_timestamp() - coalesce((SELECT min(at) FROM catalog.change WHERE release = %(release)s),
            (SELECT started_at FROM live.release WHERE number = %(release)s)))))::int END, %(served_by)s
    ON CONFLICT (release, url, encoding) DO UPDATE SET asked_at = EXCLUDED.asked_at, lag_ms = EXCLUDED.lag_ms,
        served_by = EXCLUDED.served_by"""


def owe(connection: Connection, release: int) -> None:
    """Note that the edge is to be asked about *release*, in the transaction that makes it live."""
    with connection.cursor() as cursor:
        cursor.execute(_OWE, {"release": release, "most": PAGES})


@dataclass(slots=True)
class _Ask:
    """One page in one coding, for all debts that wait for it."""

    kind: str
    debts: dict[int, tuple[int, float]]  # id to release, and until when it waits: a newer one lengthens no older one's time
    next_at: float
    pause_s: float = _FIRST_PAUSE_S


class Receipts:
    """Pays receipts, step by step."""

    def __init__(self, edge: Probe, store: Store, *, wait_s: float = WAIT_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._edge, self._store, self._wait_s, self._clock = edge, store, wait_s, clock
        self._asks: dict[tuple[str, str], _Ask] = {}
        self._debts: set[int] = set()

    def step(self, connection: Connection) -> float | None:
        """Ask for what is due now. Returns the seconds until the next step; None where nothing is left to ask.

        Commits. Raises psycopg2.Error, StoreError; what was not asked stays owed.
        """
        self._take(connection)
        now = self._clock()
        due = [(page, ask) for page, ask in self._asks.items() if ask.next_at <= now]
        bodies: dict[str, tuple[Object, bytes] | None] = {}
        answers = True  # who is silent to one question is asked no further ones in this step, for each may take seconds
        for (path, encoding), ask in due:
            if path not in bodies:
                bodies[path] = self._stored(path)
            answers = self._ask(connection, path, encoding, ask, bodies[path], answers)
        waiting = {id for ask in self._asks.values() for id in ask.debts}
        if done := self._debts - waiting:
            with connection.cursor() as cursor:
                cursor.execute("DELETE FROM live.debt WHERE id = ANY(%s)", (sorted(done),))
        connection.commit()
        self._debts -= done
        if not self._asks:
            return None
        return max(0.0, min(ask.next_at for ask in self._asks.values()) - self._clock())

    def _take(self, connection: Connection) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_DUE, {"known": sorted(self._debts)})
            rows = cursor.fetchall()
        connection.commit()
        now = self._clock()
        for id, release, path, kind in rows:
            self._debts.add(id)
            for encoding in ENCODINGS if path else ():
                ask = self._asks.setdefault((path, encoding), _Ask(kind, {}, now))
                ask.debts[id] = release, now + self._wait_s
                ask.next_at, ask.pause_s = now, _FIRST_PAUSE_S

    def _stored(self, path: str) -> tuple[Object, bytes] | None:
        found = self._store.get(key_of(Path(path)))
        return None if found is None else (found[0], unpacked(found[0]))

    def _ask(self, connection: Connection, path: str, encoding: str, ask: _Ask, stored: tuple[Object, bytes] | None,
             answers: bool) -> bool:
        """Ask once, and note what came of it. Returns whether the edge answers at all."""
        if stored is None:  # taken away meanwhile: another release's page to tell of
            del self._asks[path, encoding]
            return answers
        answer = self._edge.ask(path, encoding) if answers else None
        seen = answer is not None and answer.shows(*stored)
        now = self._clock()
        done = {id: release for id, (release, until) in ask.debts.items() if seen or now >= until}
        for id in done:
            del ask.debts[id]
        if ask.debts:
            ask.next_at, ask.pause_s = now + ask.pause_s, min(ask.pause_s * 1.6, _LONGEST_PAUSE_S)
        else:
            del self._asks[path, encoding]
        with connection.cursor() as cursor:
            for release in sorted({*done.values()}):
                cursor.execute(_SEEN, {"release": release, "kind": ask.kind, "url": self._edge.url + path, "encoding": encoding,
                                       "seen": seen, "served_by": answer.served_by if answer else ""})
        return answer is not None
