"""Builders that are killed at every call: a slice of `make chaos`, the losses that it once found, and that a kill here is one."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest

from builder import plan
from tests.chaos import child
from tests.chaos.checks import Lost
from tests.chaos.fate import Call, Fault, What
from tests.chaos.rounds import Round, Stopped
from tests.chaos.world import Builder, Shape, World, quickened

Begin = Callable[..., World]


@pytest.fixture
def begin(dsn: str, tmp_path: Path) -> Iterator[Begin]:
    """A live site of some seventy pages, in a bucket behind one CDN where nothing else is said."""
    worlds: list[World] = []

    def make(shape: Shape = Shape(9, False, 1)) -> World:  # noqa: B008
        worlds.append(World(dsn, shape, Random(1), tmp_path))
        worlds[-1].live(Builder.publish)
        worlds[-1].recover()
        return worlds[-1]

    with quickened():
        yield make
        for world in worlds:
            world.close()


def at(what: str, key: str = "", times: int = 1) -> Callable[[Call], bool]:
    """Before the call that is the *times*-th such one."""
    met: list[Call] = []

    def dies(call: Call) -> bool:
        if call.what == what and call.key.startswith(key):
            met.append(call)
        return len(met) == times

    return dies


@pytest.mark.parametrize("seed", [0, 2, 3])
def test_nothing_is_lost_whenever_the_builder_dies(dsn: str, tmp_path: Path, seed: int) -> None:
    """Each seed is another kind of site: bucket or file, one CDN or two."""
    with quickened():
        counts = Round(dsn, seed, tmp_path, stride=40).play()
    assert counts.kills > 10
    assert counts.faults


def test_a_seed_plays_the_same_round_again(dsn: str, tmp_path: Path) -> None:
    def play() -> list[str]:
        lines: list[str] = []
        with pytest.raises(Stopped):
            Round(dsn, 1, tmp_path, stride=25, until=1500, tell=lines.append).play()
        return lines

    with quickened():
        first = play()
        assert play() == first
    assert len(first) > 5


# What was found, and mended ---------------------------------------------------------------------


def test_what_a_dead_release_was_to_replace_is_kept_by_the_next(begin: Begin) -> None:
    world = begin()
    world.sql("UPDATE catalog.video SET status = 'withdrawn' WHERE id = 8")
    assert world.live(Builder.publish, dies=at("keep", "videos/lecture-8/")).ended == "killed"  # its retirement
    world.recover()
    world.live(lambda builder: builder.go_back(min(world.shown)))
    assert world.digests() == world.shown[min(world.shown)]


def test_a_rollback_after_one_that_died_takes_away_what_that_one_left(begin: Begin) -> None:
    world = begin()
    first = max(world.shown)
    world.sql("INSERT INTO catalog.video (id, slug, title, status, batch_id) VALUES (50, 'newcomer', 'New', 'published', 1)")
    world.recover()
    assert world.live(lambda builder: builder.go_back(first), dies=at("keep", "videos/newcomer/")).ended == "killed"
    world.live(lambda builder: builder.go_back(first))
    found = world.store.get("videos/newcomer/index.html")
    assert found is not None
    assert found[0].status == 410
    world.recover()


def test_what_was_withdrawn_before_a_rollback_leaves_again_after_the_hold(begin: Begin) -> None:
    """All captions that there are: the guard would hold them back, if nothing had named them."""
    world = begin()
    first = max(world.shown)
    world.sql("DELETE FROM catalog.caption")
    world.recover()
    world.live(lambda builder: builder.go_back(first))
    assert world.digests() == world.shown[first]
    world.recover()


def test_what_a_rollback_only_took_away_comes_back_after_the_hold(begin: Begin) -> None:
    world = begin()
    first = max(world.shown)
    world.sql("INSERT INTO catalog.alias (path, video_id) VALUES ('/talk/', 8)")
    world.recover()
    world.live(lambda builder: builder.go_back(first))
    found = world.store.get("talk/index.html")
    assert found is not None
    assert found[0].status == 410
    world.recover()


def test_a_page_that_may_exist_goes_up_before_what_links_to_it(begin: Begin) -> None:
    world = begin()
    world.sql("INSERT INTO catalog.batch (id, course_id, slug, title) VALUES (9, 1, 'fresh', 'Fresh')")
    world.sql("UPDATE catalog.video SET batch_id = 9 WHERE id IN (4, 8)")
    assert world.live(Builder.publish, dies=at("put")).ended == "killed"
    puts: list[str] = []

    def look(call: Call) -> bool:
        if call.what == "put":
            puts.append(call.key)
            world.watch.check()
        return False

    world.live(Builder.publish, dies=look)
    assert puts.index("batches/fresh/index.html") < puts.index("videos/lecture-8/index.html")
    world.recover()


def test_a_page_of_a_dead_release_waits_for_the_new_pages_that_it_links_to(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where there are so many that they go up in lots."""
    monkeypatch.setattr(plan, "LOT_UNITS", 1)
    world = begin()
    world.sql("INSERT INTO catalog.video (id, slug, title, status, batch_id) VALUES (50, 'newcomer', 'New', 'published', 1)")
    assert world.live(Builder.publish, dies=at("sql", "UPDATE live.release")).ended == "killed"  # all is up, nothing is live
    world.sql("INSERT INTO catalog.batch (id, course_id, slug, title) VALUES (9, 1, 'fresh', 'Fresh')")
    world.sql("UPDATE catalog.video SET batch_id = 9 WHERE id = 50")

    def look(call: Call) -> bool:
        world.watch.check()
        return False

    world.live(Builder.publish, dies=look)
    world.recover()


def test_a_takedown_leaves_the_paths_of_a_dead_release_to_the_next_one(begin: Begin) -> None:
    world = begin()
    world.sql("UPDATE catalog.course SET title = 'Other words' WHERE id = 1")
    assert world.live(Builder.publish, dies=at("put", "courses/course-1/")).ended == "killed"
    assert world.live(lambda builder: builder.withdraw(8), dies=at("sql", "SELECT path, replaced_by, kept_as")).ended == "killed"
    world.recover()


def test_a_takedown_does_what_retirements_are_due(begin: Begin) -> None:
    """It takes their debts over, so it does them; withdrawn was something else."""
    world = begin()
    world.sql("UPDATE catalog.video SET status = 'withdrawn' WHERE id = 8")
    assert world.live(Builder.publish, dies=at("sql", "SELECT nextval", times=2)).ended == "killed"  # their purge is acknowledged
    world.live(lambda builder: builder.withdraw(4))
    world.recover()


def test_what_a_dead_release_was_to_bury_may_stand_again(begin: Begin) -> None:
    world = begin()
    world.sql("UPDATE catalog.video SET status = 'withdrawn' WHERE id = 8")
    assert world.live(Builder.publish, dies=at("put", "videos/lecture-8/")).ended == "killed"  # its retirement
    world.sql("UPDATE catalog.video SET status = 'published' WHERE id = 8")
    world.recover()
    assert world.digests() == world.shown[min(world.shown)]


def test_a_page_that_comes_back_is_seen_at_an_edge_that_is_purged_by_groups(begin: Begin) -> None:
    world = begin(Shape(9, False, 1, 26))
    world.sql("UPDATE catalog.video SET status = 'withdrawn' WHERE id < 7")
    world.recover()
    world.sql("UPDATE catalog.video SET status = 'published' WHERE id < 7")
    world.recover()


def test_what_a_dead_release_put_at_an_edge_goes_from_it_whatever_groups_it_bore(begin: Begin) -> None:
    world = begin(Shape(9, False, 1, 26))
    world.sql("UPDATE catalog.video SET batch_id = 1 WHERE id IN (1, 4, 5, 8)")
    assert world.live(Builder.publish, dies=at("put", "index.html")).ended == "killed"
    for edge in world.edges:
        edge.copies.clear()
        edge.ask_for_all()
    world.sql("UPDATE catalog.video SET batch_id = 4 WHERE id IN (1, 4, 5, 8)")
    world.recover()


def test_no_rollback_goes_behind_a_takedown_that_died(begin: Begin) -> None:
    world = begin()
    first = max(world.shown)
    assert world.live(lambda builder: builder.withdraw(8), dies=at("put")).ended == "killed"
    world.recover()
    with pytest.raises(Lost, match=r"RollbackError: .* is behind the takedown"):
        world.live(lambda builder: builder.go_back(first))


def test_a_dead_release_of_which_nothing_is_left_to_do_is_over(begin: Begin) -> None:
    """A takedown wrote again all that it had left uncertain, and no page links to it any more."""
    world = begin()
    world.sql("UPDATE catalog.video SET status = 'withdrawn' WHERE id = 8")
    assert world.live(Builder.publish, dies=at("put", "videos/lecture-8/")).ended == "killed"  # its retirement
    world.live(lambda builder: builder.withdraw(8))
    assert world.sql("SELECT count(*) FROM live.release WHERE state = 'writing'") == [(0,)]
    world.recover()


def test_a_thing_of_which_no_body_is_kept_is_taken_down_twice(begin: Begin) -> None:
    world = begin()
    for _ in range(2):
        assert world.live(lambda builder: builder.withdraw(8)).ended == "done"
    world.recover()


# That a kill in this process is a kill ------------------------------------------------------------


def state(world: World) -> dict[str, Any]:
    """All that database and store hold after a death, times left out."""
    tables = [name for (name,) in world.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'live' ORDER BY 1")]
    rows = {name: world.sql(f"SELECT coalesce(jsonb_agg(r ORDER BY r::text), '[]') FROM (SELECT to_jsonb(t) - ARRAY[{_TIMES}] AS r "
                            f"FROM live.{name} t) x") for name in tables}
    rows["taken"] = world.sql("SELECT keys, release FROM catalog.change ORDER BY id")
    return {**rows, "store": [world.store.get(head.key) for head in world.store.list()]}


_TIMES = "'uuid','started_at','live_at','rendered_at','purged_at','done_at','at','due_at','owed_since','asked_at','checked_at','store'"


@pytest.mark.parametrize(("call", "what", "atomic"), [
    (130, "kill after", False), (200, "kill after", False), (120, "kill after", True)])
def test_a_kill_in_this_process_leaves_what_sigkill_leaves(
        dsn: str, tmp_path: Path, call: int, what: What, atomic: bool) -> None:
    states = []
    with quickened():
        for apart in (False, True):
            with closing(World(dsn, Shape(9, True, 1), Random(1), tmp_path)) as world:
                world.live(Builder.publish)
                world.sql("UPDATE catalog.batch SET title = 'Other words' WHERE id = 1")
                world.sql("UPDATE catalog.video SET slug = 'elsewhere' WHERE id = 8")
                if not atomic:
                    world.shape = world.shape._replace(file=False)  # the same file, put by put
                faults = {call: Fault(what)}
                if apart:
                    assert child.killed(dsn, world.file, faults, cdns=1, atomic=atomic) == -9
                    world.watch.check()
                else:
                    world.shuffle = None
                    assert world.live(Builder.publish, faults).ended == "killed"
                states.append(state(world))
                world.recover()
    assert states[0] == states[1]
