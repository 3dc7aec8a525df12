"""A round: a site comes to be, is edited, goes back, loses a lecture; and its builders die at call 1, 2, 3 … of each."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.chaos import child
from tests.chaos.checks import Lost, whole
from tests.chaos.fate import Call, Fault, What
from tests.chaos.world import Builder, Life, Shape, World
from tests.property.edits import NAMES

EDITS = sorted({*NAMES} - {"template", "asset", "setting", "profile", "truncate", "flip"})
SHAPES = (Shape(9, False, 1), Shape(9, False, 0), Shape(9, True, 1), Shape(7, False, 2), Shape(9, False, 1, 12), Shape(7, True, 0))
TROUBLES: tuple[tuple[What, int], ...] = (
    ("error", 1), ("lost", 1), ("503", 3), ("slow", 1), ("lost", 2), ("error", 4), ("undeleted", 1))
"""Beside kills. A burst of 503 passes, an outage of four calls does not."""


ALL = frozenset[str]()
STORE = frozenset(("keep", "put", "get", "head", "delete", "list"))
COMMITS, PURGES = frozenset(("commit",)), frozenset(("purge",))
"""Kinds of calls to be killed at. All of them are of the database mostly, and the last ones of a release come seldom by number."""


class Counts(NamedTuple):
    """What a round met."""

    kills: int = 0
    faults: int = 0
    calls: int = 0


class _Nth:
    """Tells the *n*-th call of some kinds (ALL: of any), and counts them."""

    def __init__(self, kinds: frozenset[str], n: int, how: What) -> None:
        self.met = 0
        self._kinds, self._n, self._how = kinds, n, how

    def __call__(self, call: Call) -> bool | What:
        """How to die at it, if this is the one."""
        if self._kinds and call.what not in self._kinds:
            return False
        self.met += 1
        return self.met == self._n and self._how


class Stopped(Exception):
    """The call that was asked for has been reached."""


class Round:
    """One round, all of it chosen by *seed*. *stride*: the mean distance of the calls that builders are killed at."""

    def __init__(self, dsn: str, seed: int, folder: Path, *, stride: float = 1.0, crashes: bool = False, until: int = 0,
                 tell: Callable[[str], None] = lambda line: None) -> None:
        self.seed, self.stride, self.crashes, self.until, self.tell = seed, stride, crashes, until, tell
        self.chance = Random(seed)
        self.world = World(dsn, SHAPES[seed % len(SHAPES)], self.chance, folder)
        self.crashed = 0

    def play(self) -> Counts:
        """Raises Lost, with the number of the call at which it was lost."""
        with closing(self.world) as world:
            try:
                for _ in self._acts():
                    world.recover()
            except Lost as lost:
                raise Lost(f"{lost}\n  in round {self.seed}, call {world.calls}") from lost
            return Counts(world.kills, world.faults, world.calls)

    def _acts(self) -> Iterator[None]:
        world, chance = self.world, self.chance
        self._kill_in_turn("first build", Builder.publish, stride=self.stride * 12)
        yield
        for what, kinds, stride in (("publish", ALL, 3), ("publish, store", STORE, 1), ("publish, commits", COMMITS, 1),
                                    ("publish, purges", PURGES, 1), ("publish, purges", PURGES, 1)):
            self._edit()
            self._kill_in_turn(what, Builder.publish, kinds, stride=self.stride * stride, edits=True)
            yield
        target = chance.choice(sorted(world.shown)[:-1])
        for kinds in (ALL, STORE):
            self._kill_in_turn(f"rollback {target}", lambda builder: builder.go_back(target), kinds, stride=self.stride * 3)
        self._must_show(target)
        self._kill_in_turn("unhold", Builder.unhold, stride=self.stride * 6)
        yield
        work = self._takedown()
        for what, kinds, stride in (("takedown, store", STORE, 1), ("takedown", ALL, 6)):
            self._kill_in_turn(what, work, kinds, stride=self.stride * stride)
        self._kill_in_turn("sweep", Builder.sweep)
        world.shown.clear()
        yield
        if self.taken:
            self._must_be_gone(self.taken)

    def _edit(self) -> None:
        name = self.chance.choice(EDITS)
        self.tell(f"edit {name}")
        self.world.edit(name)

    def _kill_in_turn(self, what: str, work: Callable[[Builder], None], kinds: frozenset[str] = ALL, *, stride: float = 1.0,
                      edits: bool = False) -> None:
        """Builders do *work*, one after the other, each killed at a later call of *kinds* than the one before, until one ends
        by itself. With *edits* there is something new to do, now and then."""
        chance, world = self.chance, self.world
        call = 1
        while True:
            faults = {chance.randrange(1, 250): Fault(*chance.choice(TROUBLES)) for _ in range(chance.choice((0, 0, 1, 2, 4)))}
            counted = _Nth(kinds, call, chance.choice(("kill before", "kill after")))
            life = world.live(work, faults, crash=self._crash(faults), dies=counted)
            self._report(what, life)
            if life.ended == "done" and call > counted.met:
                return
            if life.ended == "failed" and call > counted.met and kinds is not ALL:
                continue  # it did not come so far
            call += max(1, round(chance.expovariate(1 / stride))) if stride > 1 else 1
            if edits and chance.random() < (0.1 if kinds is ALL else 0.5):
                self._edit()
            if edits and chance.random() < 0.05:
                self.tell("recover")
                world.recover()
                self._edit()

    def _crash(self, faults: dict[int, Fault]) -> bool:
        crash = self.crashes and len(faults) > 1 and self.chance.random() < 0.02
        self.crashed += crash
        return crash

    def _report(self, what: str, life: Life) -> None:
        world = self.world
        self.tell(f"{what}: calls {world.calls - len(life.fate.calls) + 1} to {world.calls}, {life.ended}; met "
                  + (", ".join(f"{what} at {n} ({life.fate.calls[n - 1].what} {life.fate.calls[n - 1].key})" for n, what in life.fate.met)
                     or "nothing"))
        if self.until and world.calls >= self.until:
            raise Stopped

    def _must_show(self, release: int) -> None:
        """Raises Lost where the site is another than when *release* was live; what came since is gone."""
        self.taken = ""
        wanted = self.world.shown[release]
        for head in self.world.store.list():
            if head.key.startswith(("retained/", "assets/")) or head.digest == wanted.get(head.key):
                continue
            found = self.world.store.get(head.key)
            if head.key in wanted or found is None or found[0].status != 410:
                raise Lost(f"{head.key} is not as it was at release {release}, {wanted.get(head.key)}: {head}")

    def _takedown(self) -> Callable[[Builder], None]:
        """Of a lecture with a name that nothing else bears."""
        rows = self.world.sql("SELECT id FROM catalog.video WHERE status = 'published' ORDER BY id")
        if not rows:
            return Builder.publish
        ((id,),) = self.chance.sample(rows, 1)
        self.world.sql("UPDATE catalog.video SET title = 'Unspeakable', slug = 'unspeakable' WHERE id = %s", id)
        self.world.live(Builder.publish)
        self.taken = "nspeakable"
        return lambda builder: builder.withdraw(id)

    def _must_be_gone(self, word: str) -> None:
        """Raises Lost where the store still says *word* of what was taken down, kept bodies too."""
        for head in self.world.store.list():
            found = self.world.store.get(head.key)
            if found and not head.key.startswith("assets/") and word.encode() in whole(found[0]).body:
                raise Lost(f"{head.key} says what was taken down")


def apart(dsn: str, seed: int, folder: Path, kills: int) -> Counts:
    """The same with *kills* builders that are processes, and end by SIGKILL. Raises Lost."""
    chance = Random(seed)
    with closing(World(dsn, Shape(9, True, 1), chance, folder)) as world:
        world.live(Builder.publish)
        world.recover()
        killed = 0
        while killed < kills:
            world.edit(chance.choice(EDITS))
            script = {chance.randrange(1, 250): Fault(*chance.choice(TROUBLES)) for _ in range(chance.choice((0, 0, 0, 1)))}
            script[chance.randrange(1, 220)] = Fault(chance.choice(("kill before", "kill after")))
            code = child.killed(dsn, world.file, script, cdns=1, atomic=chance.random() < 0.3)
            world.watch.check()
            killed += code == -9
            if chance.random() < 0.3:
                for edge in world.edges:  # the process had one of its own
                    edge.copies.clear()
                world.recover()
        return Counts(killed, 0)
