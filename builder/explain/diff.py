"""What would change on the live site now, as text, before it is released."""
from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from psycopg2.extensions import connection as Connection

from builder.explain import words
from builder.explain.rehearsal import rehearse, undone
from builder.packing import RETIRED_KINDS, unpacked
from builder.pages.page import Site
from builder.task import Batch, Failure, unpack
from edge.address import Key, path_of
from edge.store.port import Object, Store

PAGES, LINES = 50, 60  # shown, and of each; the rest is counted


class Difference(NamedTuple):
    """A path where the next release would show something else. *what* is new, changed, headers (the body stays),
    gone or moved (to an address that its redirect names)."""

    path: str
    kind: str
    what: str
    diff: str


@dataclass(slots=True)
class Differences:
    """All of them: the first as *pages*, the others counted by what they are."""

    pages: list[Difference] = field(default_factory=list)
    more: Counter[str] = field(default_factory=Counter)
    set_aside: list[Failure] = field(default_factory=list)
    held_back: list[str] = field(default_factory=list)


def diff(dsn: str, store: Store, site: Site, profile: str, changed: frozenset[int] | None = None, *,
         pages: int = PAGES, lines: int = LINES) -> Differences:
    """What a release would change now; with *changed*, only where these packed keys reach, as if they had changed.

    At most *pages* are told, with at most *lines* each. Raises BusyError, StoreError.
    """
    def ask(connection: Connection) -> Differences:
        found = Differences()
        for step in rehearse(connection, store, site, profile, changed):
            if step.batch is None:
                found.held_back = step.held
            else:
                _compare(store, step.batch, found, pages, lines)
        found.pages.sort()
        return found

    return undone(dsn, ask)


def _compare(store: Store, batch: Batch, found: Differences, pages: int, lines: int) -> None:
    kinds = dict(row.split("\t", 2)[:2] for row in batch.rows.decode().splitlines())
    found.set_aside += batch.failures
    for order in sorted(batch.puts):
        for put in unpack(batch.puts[order]):
            there = store.get(put.object.key)
            old = there[0] if there else None
            path = path_of(Key(put.object.key))
            kind = kinds[path]
            what = _what(old, put.object, kind)
            if not what:
                continue
            if len(found.pages) >= pages:
                found.more[what] += 1
                continue
            whole = what in ("new", "changed")
            text = words.unified(path, words.lines(old, with_body=whole), words.lines(put.object, with_body=whole), lines)
            found.pages.append(Difference(path, kind, what, text))


def _what(old: Object | None, new: Object, kind: str) -> str:
    """How *new* differs from what is stored, "" where it does not."""
    if old is not None and words.headers(old) == words.headers(new):
        return "" if unpacked(old) == unpacked(new) else "changed"
    if kind in RETIRED_KINDS and (old is None or old.status == 200):
        return "gone" if kind == "gone" else "moved"
    if old is None or (old.status == 410 and kind != "gone"):
        return "new"
    return "headers" if unpacked(old) == unpacked(new) else "changed"
