"""A render of everything by slices, so that an editor waits for one slice at most.

Each slice becomes a release that takes all waiting changes too. What a page may link to goes first: units that have no page
yet, then those that get one more path than they have. The rest follows in any order.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

import psycopg2
from psycopg2.extensions import connection as Connection

from builder import numbers, plan
from builder.catalog.reads import Catalog
from builder.nightly import Check
from builder.pages import PARTS, part_of
from builder.pages.page import Page, Site
from builder.pages.retired import REDIRECT
from builder.publishing import Publisher
from builder.summary import Summary
from builder.task import Task

SLICE_UNITS = 1_000  # a quarter of a second on one core
WHOLE_UNITS = 20_000  # so many units with new paths are one release, rendered by all cores

# Purpose: paths at which readers find no page now.
_NEW = """SELECT path FROM unnest(%s::text[]) AS path WHERE NOT EXISTS (
    SELECT FROM live.object o WHERE o.path = path.path AND o.kind NOT IN ('gone', 'redirect'))"""
_UNITS = "SELECT DISTINCT unit FROM live.object WHERE kind NOT IN ('asset', 'gone')"


class Rerender:
    """One such render, as far as it has come. *nightly*: all is rendered, and what comes out another though no change names it is
    found; else only what was made with something else."""

    def __init__(self, connection: Connection, site: Site, slice_units: int, tell: Callable[[str], None], *, nightly: bool) -> None:
        """As `begin`. *tell* gets the log's lines."""
        tell("watch.checks why='once a night all is planned from nothing'" if nightly
             else "watch.refreshes why='pages stand that were made with another version or other settings'")
        self.nightly, self._tell = nightly, tell
        self._check = Check()
        self._slices = begin(connection, site, None if nightly else frozenset(), slice_units)

    def step(self, connection: Connection, publisher: Publisher, release: Callable[[Callable[[], Summary]], Summary], *,
             waits: bool) -> bool:
        """Take the next slice, and *release* it with all that waits. False when that was the last."""
        piece = next(self._slices)
        if piece.whole:
            done = release(partial(publisher.release, full=self.nightly))
        elif piece.tasks or piece.last or waits:
            done = release(partial(publisher.release, slice=piece.tasks or [plan.ASSETS], gone=piece.last))
        else:
            return True  # it only looked
        if self.nightly:
            self._check.note(connection, done.release, None if piece.whole else piece.units)
        if not (piece.last or piece.whole):
            return True
        if self.nightly:
            count, first = self._check.end(connection)
            self._tell(f"watch.checked found={count}" + (f" first={first[0]} why='edits came past the triggers'" if count else ""))
        else:
            publisher.rerendered()
            self._tell("watch.refreshed")
        return False


class Slice(NamedTuple):
    """A piece of it: tasks to release; none where this step only looked. The last one mends "gone" objects."""

    tasks: list[Task]
    last: bool = False
    whole: bool = False  # it cannot be cut: all of it is to be one release, and this is its end

    @property
    def units(self) -> list[int]:
        """The packed units of its tasks."""
        return [PARTS[task.part].pack(unit) for task in self.tasks if task.part in PARTS for unit in task.units]


def begin(connection: Connection, site: Site, dirty: frozenset[int] | None, size: int = SLICE_UNITS) -> Iterator[Slice]:
    """Plan from nothing, and give the slices one by one. *dirty* as in `Task`: None renders all, an empty set what was made
    with something else.

    The caller holds the lease. Before and after each slice *connection* is in no transaction.
    """
    numbers.snapshot(connection)  # what came past the triggers has no place in a list yet
    tasks = [task._replace(dirty=dirty) for task in plan.everything(Catalog(connection)) if task.part in PARTS]
    with connection.cursor() as cursor:
        cursor.execute(_UNITS)
        live = {row[0] for row in cursor}
    connection.rollback()
    planned = {PARTS[task.part].pack(unit) for task in tasks for unit in task.units}
    return _slices(connection, site, tasks, planned - live, live - planned, size)


def _slices(connection: Connection, site: Site, tasks: list[Task], new: set[int], old: set[int], size: int) -> Iterator[Slice]:
    """*new* units have no page yet, *old* ones none any more."""
    dirty = tasks[0].dirty if tasks else None
    if len(new) > WHOLE_UNITS or any(part_of(unit) is None for unit in old):
        yield Slice([], whole=True)
        return
    yield Slice([plan.ASSETS, *plan.tasks(new, dirty)])
    more: set[int] = set()
    for piece in _cut(tasks, size):
        more |= _with_new_paths(connection, site, piece)
        yield Slice([])
    if len(more) > WHOLE_UNITS:
        yield Slice([], whole=True)
        return
    if more:
        yield Slice([*plan.tasks(more, dirty)])
    pieces = [*_cut(tasks, size)]
    if old:  # together, whatever their number: cut up they would pass the guard
        pieces.append([*plan.tasks(old, dirty)])
    for n, piece in enumerate(pieces, 1):
        yield Slice(piece, last=n == len(pieces))


def _cut(tasks: Iterable[Task], size: int) -> Iterator[list[Task]]:
    """The tasks in pieces of *size* units."""
    piece: list[Task] = []
    room = size
    for task in tasks:
        units = task.units
        while units:
            piece.append(task._replace(units=units[:room]))
            units, room = units[room:], room - len(units[:room])
            if not room:
                yield piece
                piece, room = [], size
    if piece:
        yield piece


def _with_new_paths(connection: Connection, site: Site, tasks: list[Task]) -> set[int]:
    """The units, packed, of which a page would stand where there is none. Only the catalog is read, nothing rendered."""
    catalog = Catalog(connection)
    unit_of = {page.path: PARTS[task.part].pack(page.unit) for task in tasks for page in _pages(catalog, site, task)
               if page.kind is not REDIRECT}
    with connection.cursor() as cursor:
        cursor.execute(_NEW, (list(unit_of),))
        found = {unit_of[row[0]] for row in cursor}
    connection.rollback()
    return found


def _pages(catalog: Catalog, site: Site, task: Task) -> list[Page]:
    """The task's pages; of units that cannot be made, none: their slice sets them aside."""
    part = PARTS[task.part]
    try:
        return list(part.pages(catalog, site, task.units))
    except psycopg2.Error:
        raise
    except Exception:  # whatever a page's own code may raise
        if len(task.units) == 1:
            return []
        return [page for unit in task.units for page in _pages(catalog, site, task._replace(units=[unit]))]
