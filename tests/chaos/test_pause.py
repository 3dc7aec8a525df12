"""Two builders: one is paused in the middle of a call, another takes over; when the first wakes, its bytes are never live."""
from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import psycopg2
import pytest

from builder import lease
from builder.lease import LeaseLost
from builder.release import FencedOff
from tests.chaos.database import connect
from tests.chaos.fate import Call, Fate
from tests.chaos.world import Builder, Shape, World, quickened

PATIENCE_S = 30.0


@pytest.fixture
def world(dsn: str, tmp_path: Path) -> Iterator[World]:
    """A site in a bucket whose ETags come back with the bytes, behind a CDN."""
    with quickened(), closing(World(dsn, Shape(9, False, 1), Random(1), tmp_path)) as world:
        world.live(Builder.publish)
        world.recover()
        yield world


@pytest.fixture
def file(dsn: str, tmp_path: Path) -> Iterator[World]:
    """The same in a SQLite file."""
    with quickened(), closing(World(dsn, Shape(9, True, 1), Random(1), tmp_path)) as world:
        world.live(Builder.publish)
        world.recover()
        yield world


class Paused:
    """A builder in a thread of its own, held at the first call that is *what* and begins with *key*."""

    def __init__(self, world: World, what: str, key: str) -> None:
        self.held, self.go_on = threading.Event(), threading.Event()
        self.error: BaseException | None = None
        self._at = what, key
        self._world = world
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self.held.wait(PATIENCE_S), f"the builder never made a call such as {what} {key}"

    def wake(self) -> BaseException | None:
        """Let it go on until it ends. Returns what it raised."""
        self.go_on.set()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()
        return self.error

    def _run(self) -> None:
        builder = Builder(self._world.dsn, self._world.chaos(Fate(dies=self._hold)), [])
        try:
            builder.publish()
        except Exception as error:
            self.error = error

    def _hold(self, call: Call) -> bool:
        what, key = self._at
        if not self.held.is_set() and call.what == what and call.key.startswith(key):
            self.held.set()
            assert self.go_on.wait(PATIENCE_S)
        return False


def end_session(world: World) -> None:
    """Another builder that waits for the lease finds its holder silent, and ends its session."""
    with closing(connect(world.dsn)) as connection, pytest.MonkeyPatch.context() as patch:
        patch.setattr(lease, "SILENT_S", 0.0)
        with lease.held(connection, PATIENCE_S):
            pass


@pytest.mark.parametrize("call", ["keep", "put"])
@pytest.mark.parametrize("key", ["videos/lecture-8/", "index.html"])
def test_a_builder_that_slept_through_another_s_release_writes_nothing(world: World, call: str, key: str) -> None:
    world.sql("UPDATE catalog.video SET title = 'Of the sleeper' WHERE id = 8")
    sleeper = Paused(world, call, key)
    end_session(world)
    world.sql("UPDATE catalog.video SET title = 'Of the other' WHERE id = 8")
    world.live(Builder.publish)
    shown = world.digests()
    assert isinstance(sleeper.wake(), (LeaseLost, FencedOff))
    assert world.digests() == shown
    world.recover()


@pytest.mark.parametrize("key", ["videos/lecture-8/", "data/video/8.json", "index.html"])
def test_not_even_after_a_rollback_brought_the_bytes_back_that_it_knew(world: World, key: str) -> None:
    """The bucket's ETag is a hash of the bytes: had a rollback put the very same ones there, the sleeper's write would pass."""
    first = max(world.shown)
    world.sql("UPDATE catalog.video SET title = 'Of the sleeper' WHERE id = 8")
    sleeper = Paused(world, "put", key)
    end_session(world)
    world.sql("UPDATE catalog.video SET title = 'Of the other' WHERE id = 8")
    world.live(Builder.publish)
    world.live(lambda builder: builder.go_back(first))
    shown = world.digests()
    assert {key: shown[key] for key in world.shown[first]} == world.shown[first]
    assert isinstance(sleeper.wake(), (LeaseLost, FencedOff))
    assert world.digests() == shown
    world.recover()


def test_a_file_that_is_written_in_one_transaction_takes_nothing_of_a_builder_whose_session_ended(file: World) -> None:
    file.sql("UPDATE catalog.video SET title = 'Of the sleeper' WHERE id = 8")
    sleeper = Paused(file, "put", "all")
    end_session(file)
    file.sql("UPDATE catalog.video SET title = 'Of the other' WHERE id = 8")
    file.live(Builder.publish)
    shown = file.digests()
    assert isinstance(sleeper.wake(), psycopg2.Error)  # its transaction is gone before a byte was written
    assert file.digests() == shown
    file.recover()


@pytest.mark.parametrize("when", ["sql SELECT nextval", "sql INSERT INTO live.release", "put videos/", "put index.html",
                                  "sql UPDATE live.release"])
def test_a_builder_whose_session_ends_at_any_step_writes_nothing_more(world: World, when: str) -> None:
    """And its writes bear a lower number than those of the next one."""
    what, _, key = when.partition(" ")
    world.sql("UPDATE catalog.video SET title = 'Of the sleeper' WHERE id = 8")
    calls: list[Call] = []
    at: list[int] = []

    def dies(call: Call) -> bool:
        if not at and call.what == what and call.key.startswith(key):
            at.append(len(calls))
            end_session(world)
        calls.append(call)
        return False

    life = world.live(Builder.publish, dies=dies, meddled=True)
    assert life.ended == "failed"
    late = [call.key for call in calls[at[0] :] if call.what in ("keep", "put", "delete")]
    assert not late if what == "sql" else not any(name.endswith(".xml") for name in late), "the lot under way, but none after it"
    assert what == "sql" or isinstance(life.error, LeaseLost)
    before = max(head.write_number for head in world.store.list())
    world.sql("UPDATE catalog.video SET title = 'Of the other' WHERE id = 8")
    world.live(Builder.publish)
    assert max(head.write_number for head in world.store.list()) > before
    world.recover()
