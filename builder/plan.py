"""What a release renders: everything, what changed keys reach, or what a takedown names; as tasks of bounded size."""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from psycopg2.extensions import connection as Connection

from builder.catalog.reads import Catalog
from builder.journal import Retry
from builder.pages import PARTS, part_of
from builder.reach import dirty, named, reach
from builder.task import Task

LOT_UNITS = 400
TASK_UNITS = 200  # of a part, in one task of a reach
ASSETS = Task("assets", [])


class Plan(NamedTuple):
    """What a release renders, and what may leave with it."""

    tasks: list[Task]
    dirty: frozenset[int]  # the keys that pages bear, of those that changed
    units: frozenset[int] | None  # packed; a path of theirs at which no page stands any more leaves; None: of all
    named: frozenset[int]  # the keys by which the changes speak of a page that leaves


def whole(catalog: Catalog, changed: frozenset[int], left: Retry, *, anew: bool) -> Plan:
    """All of it. *anew*: every page is rendered; else those that bear what *changed*, are of another shape than the live ones, or
    were made with something else."""
    touched = changed if anew else dirty(catalog, changed)
    made = [task._replace(dirty=None if anew else touched) for task in everything(catalog)]
    return Plan(without(made, {*left.redirects}), touched, None, named(changed))


def reached(connection: Connection, catalog: Catalog, changed: frozenset[int], left: Retry, slice: Sequence[Task] = ()) -> Plan:
    """What *changed* reaches, what earlier releases *left* to do, and a *slice* of a larger render.

    In the release's own transaction, where what is first shown gets its numbers now.
    """
    found = reach(connection, catalog, changed)
    again = {*left.units}
    piece, sliced = joined(slice, found.dirty, again)
    once = {*found.units, *left.uncertain}
    made = [*tasks(once - again - sliced, found.dirty), *tasks(again, None), *piece]
    if left.assets and ASSETS not in piece:
        made.insert(0, ASSETS)
    return Plan(without(made, {*left.redirects}), found.dirty, frozenset(once | again | sliced), named(changed))


def taken_down(units: frozenset[int], changed: frozenset[int], left: Retry) -> Plan:
    """These packed *units* and no others: the things that *changed* names are out of the catalog, so all that they made leaves."""
    return Plan(without([*tasks(units, changed)], {*left.redirects}), changed, units, named(changed))


def everything(catalog: Catalog) -> Iterator[Task]:
    """The tasks of a full build, the largest parts first."""
    yield ASSETS
    for part in PARTS.values():
        for units in part.chunks(catalog):
            yield Task(part.name, units)


def tasks(units: Iterable[int], dirty: frozenset[int] | None) -> Iterator[Task]:
    """Packed *units* as tasks, the parts in their order."""
    by_part: dict[str, set[int]] = {}
    for unit in units:
        if part := part_of(unit):
            by_part.setdefault(part.name, set()).add(unit >> 8)
    for name in PARTS:
        ordered = sorted(by_part.get(name, ()))
        for start in range(0, len(ordered), TASK_UNITS):
            yield Task(name, ordered[start : start + TASK_UNITS], dirty)


def lots(tasks: Iterable[Task]) -> Iterator[list[Task]]:
    """Tasks in lots that are rendered at once, so that what they share is asked for once; of bounded size."""
    lot: list[Task] = []
    size = 0
    for task in tasks:
        if lot and size + len(task.units) > LOT_UNITS:
            yield lot
            lot, size = [], 0
        lot.append(task)
        size += len(task.units)
    if lot:
        yield lot


def joined(slice: Iterable[Task], dirty: frozenset[int], others: set[int]) -> tuple[list[Task], set[int]]:
    """A slice of a larger render, to go with a reach: its tasks render what is *dirty* too, and leave the packed units
    *others* to theirs, since no unit may be made twice. Returns its packed units as well."""
    made: list[Task] = []
    for task in slice:
        part = PARTS.get(task.part)
        units = [unit for unit in task.units if part and part.pack(unit) not in others]
        if units or not part:
            made.append(Task(task.part, units, None if task.dirty is None else task.dirty | dirty))
    return made, {PARTS[task.part].pack(unit) for task in made if task.part in PARTS for unit in task.units}


def without(tasks: list[Task], units: set[int]) -> list[Task]:
    """*tasks* without some packed units: those whose redirects are made at the release's end, and once."""
    if not units:
        return tasks
    left = [task._replace(units=[unit for unit in task.units if task.part not in PARTS or PARTS[task.part].pack(unit) not in units])
            for task in tasks]
    return [task for task, whole in zip(left, tasks, strict=True) if task.units or not whole.units]
