"""How the site stands: what is live, what waits, what is owed, who listens; and what needs a person, with what to do."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from psycopg2.extensions import connection as Connection

from builder import findings, journal
from builder.catalog import changes
from builder.catalog.refresh import rows as refreshed
from edge.errors import StoreError
from edge.store.port import Store

Listener = Literal["listening", "broken", "absent"]
Fence = Literal["on", "off", "lost"]

SILENT_S = 8.0  # a worker asks its bell's line each four seconds: one that is silent for longer is broken, or its worker stopped
WAITS_S = 60.0
OWED_S = 300.0
PINGS_OWED_S = 3_600.0  # nobody waits for them
WRITES_S = 300.0
BEHIND_SHARE = 0.1  # of the videos that refresh knows
SHOWN = 12  # receipts

# Purpose: the newest sign of a bell's life, and whether a worker is connected.
_LISTENER = """
    SELECT extract(epoch FROM clock_timestamp() - max(state_change) FILTER (WHERE application_name = 'lectern bell'))::float8,
        count(*) FILTER (WHERE application_name IN ('lectern bell', 'lectern watch')) > 0
    FROM pg_stat_activity WHERE datname = current_database()"""
_LIVE = "SELECT max(number) FROM live.release WHERE state = 'live'"
_DEBTS = "SELECT kind, count(*)::int FROM live.debt GROUP BY kind ORDER BY kind"
_HELD = "SELECT held_at FROM live.site WHERE held_at IS NOT NULL"
_ASIDE = """
    SELECT why = %(held)s, count(*)::int, min(path), min(why), (array_agg(unit))[1]
    FROM live.set_aside GROUP BY why = %(held)s ORDER BY 1"""
_OWED = """
    SELECT cdn, count(*)::int, extract(epoch FROM clock_timestamp() - min(owed_since))::int, coalesce(max(why) FILTER (WHERE why <> ''), '')
    FROM live.debt WHERE kind = 'purge' AND owed_since < clock_timestamp() - %(after)s * interval '1 second'
    AND (tries > 0 OR due_at < clock_timestamp() - %(after)s * interval '1 second') GROUP BY cdn ORDER BY cdn"""
# Purpose: pings that were given up, or that nobody takes.
_PINGS = """
    SELECT cdn, given_up, sum(cardinality(what))::int, extract(epoch FROM clock_timestamp() - min(owed_since))::int,
        coalesce(max(why) FILTER (WHERE why <> ''), '')
    FROM live.debt WHERE kind = 'ping' AND (given_up OR owed_since < clock_timestamp() - %(after)s * interval '1 second')
    GROUP BY cdn, given_up ORDER BY cdn, given_up"""
# Purpose: what was not seen when it was last asked for, within a day.
_UNSEEN = """
    SELECT release, count(*)::int, min(url), bool_or(served_by <> '') FROM (
        SELECT DISTINCT ON (url, encoding) release, url, lag_ms, served_by FROM live.receipt
        WHERE asked_at > clock_timestamp() - interval '1 day' ORDER BY url, encoding, asked_at DESC) newest
    WHERE lag_ms IS NULL GROUP BY release ORDER BY release"""
_WRITING = """
    SELECT number, extract(epoch FROM clock_timestamp() - started_at)::int, cause FROM live.release
    WHERE state = 'writing' AND started_at < clock_timestamp() - %(after)s * interval '1 second' ORDER BY number"""
_TAKING_DOWN = """
    SELECT kind || ':' || id, extract(epoch FROM clock_timestamp() - asked_at)::int FROM live.takedown
    WHERE done_at IS NULL AND asked_at < clock_timestamp() - %(after)s * interval '1 second' ORDER BY asked_at"""
_REFRESHED = "SELECT count(*)::int, count(DISTINCT s.video_id)::int FROM live.refresh_source r JOIN catalog.source s USING (url)"
_RECEIPTS = """
    SELECT release, kind, url, encoding, lag_ms, served_by, asked_at FROM live.receipt
    ORDER BY asked_at DESC, url, encoding LIMIT %(most)s"""


class Refreshed(NamedTuple):
    """How far `refresh` has come: videos that it knows a source of, and those without a clear answer for a day."""

    known: int
    behind: int


class Receipt(NamedTuple):
    """What the edge showed of a page, and how long after the change; lag None: not in time."""

    release: int
    kind: str
    url: str
    encoding: str  # "" without the header
    lag_ms: int | None
    served_by: str
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Status:
    """All of it, at one moment."""

    live: int | None
    waiting: int
    debts: dict[str, int]
    lag_s: float  # the age of the oldest change that waits; 0.0 where none does
    listener: Listener
    fence: Fence  # whether the store refuses a late builder's writes; "lost": it does not answer
    alarms: list[str]
    receipts: list[Receipt]
    refresh: Refreshed

    def as_json(self) -> dict[str, Any]:
        """As a program reads it."""
        return {"live": self.live, "waiting": self.waiting, "debts": self.debts, "lag_s": round(self.lag_s, 3), "listener": self.listener,
                "fence": self.fence, "alarms": self.alarms, "receipts": [receipt._asdict() for receipt in self.receipts],
                "refresh": self.refresh._asdict()}


def status(connection: Connection, store: Store) -> Status:
    """How things stand by the database's clock. Changes nothing but that the store may be asked to refuse a write."""
    fence, why = _fence(store)
    ask = _Ask(connection)
    waits = changes.waiting(connection)
    listener = _listener(ask)
    ((live,),) = ask(_LIVE)
    alarms = [why] if why else []
    refresh = _refreshed(connection, ask)
    alarms += [*_publishing(ask, waits, listener), *_pages(ask), *_edges(ask), *_refresh(refresh)]
    found = Status(live, waits.count, dict(ask(_DEBTS)), waits.oldest_s, listener, fence, alarms,
                   [Receipt._make(row) for row in ask(_RECEIPTS, most=SHOWN)], refresh)
    connection.commit()
    return found


class _Ask:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __call__(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(query, values)
            return cursor.fetchall()


def _fence(store: Store) -> tuple[Fence, str]:
    try:
        return "on" if store.fenced else "off", ""
    except StoreError as error:
        return "lost", f"The store does not answer, so nothing is published: {error}"


def _listener(ask: _Ask) -> Listener:
    ((silent_s, there),) = ask(_LISTENER)
    if silent_s is not None and silent_s <= SILENT_S:
        return "listening"
    return "broken" if there else "absent"


def _publishing(ask: _Ask, waits: changes.Waiting, listener: Listener) -> Iterator[str]:
    held = ask(_HELD)
    for (release,) in held:
        yield (f"Publishing is on hold since the site went back to release {release}: mend what was wrong, then "
               "`python build.py release --unhold`.")
    if not held and waits.oldest_s > WAITS_S and listener != "listening":
        yield (f"{waits.count} changes wait, the oldest for {waits.oldest_s:.0f} s, and "
               + ("no worker runs: start `python build.py watch`." if listener == "absent" else
                  "the worker hears no bell: see whether its line to the database is whole, then start it anew."))
    for number, since_s, cause in ask(_WRITING, after=WRITES_S):
        again = f"rollback {held[0][0]}" if held and cause == "rollback" else "resume"
        yield (f"Release {number} has been writing for {since_s // 60} minutes: where no builder is at work, it died; "
               f"`python build.py {again}` goes on.")
    for thing, since_s in ask(_TAKING_DOWN, after=WAITS_S):
        yield f"{thing} is being taken down since {since_s // 60} minutes and is not gone: `python build.py resume` ends it."
    for at, paths in ask(findings.CHECKED):
        yield (f"The check of {at:%Y-%m-%d} found {_many(len(paths), 'page')} that no change had named, {paths[0]} the first, and "
               "mended them: somebody edits past the triggers (session_replication_role, DISABLE TRIGGER, a restore of data only). "
               "Whoever must does `INSERT INTO catalog.change (keys) VALUES ('{0}')` after it.")
    for (lines,) in ask(findings.VERIFIED):
        if lines:
            yield (f"`verify` found {lines[0]}{f' and {len(lines) - 1} more' if lines[1:] else ''}: `python build.py verify` says all, "
                   "`python build.py verify --heal` mends what it can.")


def _pages(ask: _Ask) -> Iterator[str]:
    for held, count, path, why, unit in ask(_ASIDE, held=journal.HELD_BACK):
        if held:
            yield (f"{_many(count, 'page')} would leave though no edit speaks of it, {path} the first, and are held back. If they shall: "
                   "`python build.py build --full --retire`.")
        else:
            yield (f"{_many(count, 'page')} could not be rendered and stay as they were, {path or f'unit {unit}'} the first: {why}. "
                   "Mend the row or the template; each release tries again.")


def _edges(ask: _Ask) -> Iterator[str]:
    for cdn, count, since_s, why in ask(_OWED, after=OWED_S):
        yield (f"{_many(count, 'purge')} owed to {cdn} for {since_s // 60} minutes: {why}" if why else
               f"{_many(count, 'purge')} owed to {cdn} for {since_s // 60} minutes and not sent: start `python build.py watch`.")
    for to, given_up, count, since_s, why in ask(_PINGS, after=PINGS_OWED_S):
        rows = f"DELETE FROM live.debt WHERE kind = 'ping' AND cdn = '{to}'"
        if given_up:
            yield f"{_many(count, 'address', 'es')} not told to {to}, and given up: {why} Then `{rows} AND given_up`."
        elif why:
            yield f"{_many(count, 'address', 'es')} to tell {to} for {since_s // 60} minutes: {why}"
        else:
            yield (f"{_many(count, 'address', 'es')} to tell {to} for {since_s // 60} minutes and not sent: start `python build.py watch`, "
                   f"or, where {to} is told no more, `{rows}`.")
    for release, count, url, answered in ask(_UNSEEN):
        remedy = ("the purge had no effect there; see \"Caches and purges\" in docs/operations.md" if answered else
                  "nobody answers there; is LECTERN_BASE_URL what readers use, and does the edge run?")
        yield f"Release {release} was not seen in time at {_many(count, 'address', 'es')}, {url} the first: {remedy}."


def _refreshed(connection: Connection, ask: _Ask) -> Refreshed:
    ((used, known),) = ask(_REFRESHED)
    return Refreshed(known, refreshed.behind(connection) if used else 0)  # where refresh never ran, none is behind


def _refresh(found: Refreshed) -> Iterator[str]:
    if found.behind > BEHIND_SHARE * found.known:
        yield (f"Refresh is behind: {found.behind} videos had no clear answer for a day. See that `python build.py refresh` runs each "
               "hour, and what it prints; a larger LECTERN_REFRESH_BUDGET_S or quota lets it ask more.")


def _many(count: int, noun: str, plural: str = "s") -> str:
    return f"{count} {noun}{plural if count != 1 else ''}"
