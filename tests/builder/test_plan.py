"""How units become tasks, and what of a release stands beside them."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

import pytest
from psycopg2.extensions import connection as Connection

from builder import plan
from builder.catalog import keys
from builder.catalog.reads import Catalog
from builder.journal import Retry
from builder.pages import PARTS
from builder.plan import Plan
from builder.reach import named
from builder.task import Task

VIDEO, COURSE, SITEMAP, HOME = PARTS["video"].pack, PARTS["course"].pack, PARTS["sitemap"].pack, PARTS["home"].pack
DIRTY = frozenset({keys.video(1)})


def test_units_become_tasks_in_the_order_of_parts_sorted_and_of_bounded_size() -> None:
    units = [HOME(0), *(VIDEO(n) for n in range(plan.TASK_UNITS + 1, 0, -1)), COURSE(7), SITEMAP(-1), COURSE(3)]
    assert list(plan.tasks(units, DIRTY)) == [
        Task("video", list(range(1, plan.TASK_UNITS + 1)), DIRTY), Task("video", [plan.TASK_UNITS + 1], DIRTY),
        Task("course", [3, 7], DIRTY),
        Task("sitemap", [-1], DIRTY), Task("home", [0], DIRTY)]
    assert [task.dirty for task in plan.tasks([HOME(0)], None)] == [None]


def test_what_no_part_makes_becomes_no_task() -> None:
    assert not list(plan.tasks([0, 255, 5 << 8], None))


def test_a_slice_takes_what_is_dirty_along_and_leaves_others_units_alone() -> None:
    old = frozenset({keys.video(2)})
    tasks, units = plan.joined([plan.ASSETS, Task("video", [1, 2, 3]), Task("course", [1], old), Task("home", [0], old)], DIRTY,
                               {VIDEO(2), HOME(0)})
    assert tasks == [plan.ASSETS, Task("video", [1, 3]), Task("course", [1], old | DIRTY)]
    assert units == {VIDEO(1), VIDEO(3), COURSE(1)}


def test_a_task_that_others_units_empty_is_left_out_and_assets_never() -> None:
    tasks = [plan.ASSETS, Task("video", [1, 2], DIRTY), Task("course", [1])]
    assert plan.without(tasks, set()) is tasks
    assert plan.without(tasks, {VIDEO(1), COURSE(1), COURSE(2)}) == [plan.ASSETS, Task("video", [2], DIRTY)]
    assert plan.without([Task("assets", [1])], {VIDEO(1)}) == [Task("assets", [1])]


def test_lots_hold_as_many_tasks_as_fit_in_their_order() -> None:
    most = plan.LOT_UNITS
    for lots in ([[most - 1, 1], [most - 1, 1], [most], [1], [most + 5], [2, 0]], [[most], [1]]):
        tasks = [Task("video", [*range(size)]) for lot in lots for size in lot]
        assert [[len(task.units) for task in lot] for lot in plan.lots(tasks)] == lots
    assert not list(plan.lots([]))


NOTHING = Retry([], [], [], False, [], [], [])
MOVED = PARTS["retired"].pack(keys.moved("video", 1))
CHANGED = frozenset({keys.video_place(1)})
SPOKEN = named(CHANGED)


def _no_catalog() -> Catalog:
    """One that is not asked: what changed here is shown by its own pages alone."""
    return cast(Catalog, None)


class Found(NamedTuple):
    """What a reach found."""

    units: frozenset[int] = frozenset({VIDEO(1), VIDEO(2), COURSE(1)})
    dirty: frozenset[int] = DIRTY


@pytest.fixture
def reaching(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "reach", lambda connection, catalog, changed: Found())


def _reached(left: Retry, slice: Sequence[Task] = ()) -> Plan:
    return plan.reached(cast(Connection, None), _no_catalog(), CHANGED, left, slice)


@pytest.mark.usefixtures("reaching")
def test_a_reach_renders_what_is_dirty_and_what_was_left_anew() -> None:
    made = _reached(NOTHING)
    assert made == Plan([Task("video", [1, 2], DIRTY), Task("course", [1], DIRTY)], DIRTY, Found().units, SPOKEN)
    made = _reached(NOTHING._replace(units=[VIDEO(2)], uncertain=[HOME(0)], assets=True))
    assert made.tasks == [plan.ASSETS, Task("video", [1], DIRTY), Task("course", [1], DIRTY), Task("home", [0], DIRTY), Task("video", [2])]
    assert made.units == Found().units | {HOME(0)}


@pytest.mark.usefixtures("reaching")
def test_a_slice_goes_with_a_reach_and_no_unit_is_made_twice() -> None:
    made = _reached(NOTHING._replace(units=[COURSE(2)], assets=True), [plan.ASSETS, Task("video", [2, 3]), Task("course", [2, 4])])
    assert made.tasks == [Task("video", [1], DIRTY), Task("course", [1], DIRTY), Task("course", [2]), plan.ASSETS, Task("video", [2, 3]),
                          Task("course", [4])]
    assert made.units == Found().units | {COURSE(2), VIDEO(3), COURSE(4)}


@pytest.mark.usefixtures("reaching")
def test_redirects_that_fall_due_are_made_at_the_end_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "everything", lambda catalog: iter([plan.ASSETS, Task("retired", [MOVED >> 8]), Task("home", [0])]))
    left = NOTHING._replace(redirects=[MOVED])
    assert _reached(left._replace(units=[MOVED])).tasks == _reached(NOTHING).tasks
    assert plan.whole(_no_catalog(), CHANGED, left, anew=True).tasks == [plan.ASSETS, Task("home", [0])]
    assert plan.taken_down(frozenset({MOVED, HOME(0)}), CHANGED, left).tasks == [Task("home", [0], CHANGED)]


def test_all_of_it_is_rendered_anew_or_where_it_bears_what_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "everything", lambda catalog: iter([plan.ASSETS, Task("home", [0])]))
    monkeypatch.setattr(plan, "dirty", lambda catalog, changed: changed | DIRTY)
    assert plan.whole(_no_catalog(), CHANGED, NOTHING, anew=True) == Plan([plan.ASSETS, Task("home", [0])], CHANGED, None, SPOKEN)
    touched = CHANGED | DIRTY
    assert plan.whole(_no_catalog(), CHANGED, NOTHING, anew=False) == Plan(
        [plan.ASSETS._replace(dirty=touched), Task("home", [0], touched)], touched, None, SPOKEN)


def test_a_takedown_renders_its_units_and_nothing_else() -> None:
    units = frozenset({VIDEO(7), HOME(0)})
    tasks = [Task("video", [7], CHANGED), Task("home", [0], CHANGED)]
    assert plan.taken_down(units, CHANGED, NOTHING) == Plan(tasks, CHANGED, units, SPOKEN)


def test_a_full_build_plans_assets_and_then_each_part_chunk_by_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    def chunks(catalog: Catalog) -> Iterator[list[int]]:
        return iter([[5], [0]])

    monkeypatch.setattr(plan, "PARTS", {name: PARTS[name]._replace(chunks=chunks) for name in ("video", "home")})
    assert list(plan.everything(_no_catalog())) == [
        plan.ASSETS, Task("video", [5]), Task("video", [0]), Task("home", [5]), Task("home", [0])]
