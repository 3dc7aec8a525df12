"""A CDN that does as it is told by the test, and how tests look at what is owed."""
from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from typing import Any

import psycopg2

from builder import purge
from builder.folding import Changed
from edge.address import Path, own_tag
from edge.cdn.port import ALL, Abilities, Name, is_tag


class Recorder:
    """A purger that keeps what it was asked. *answer* is called with each request's names and may raise or block."""

    def __init__(self, name: str = "varnish", *, can: Abilities | None = None, again_after_s: float = 60.0,
                 answer: Callable[[Sequence[Name]], None] = lambda names: None) -> None:
        self.name = name
        self.can = can or Abilities(tags_a_request=10, urls_a_request=10, budget_names=1_000)
        self.again_after_s = again_after_s
        self.answer = answer
        self.requests: list[list[str]] = []
        self._lock = threading.Lock()

    def spell(self, name: Name) -> str:
        """As it is written."""
        return name.value

    def takes(self, name: Name) -> bool:
        """Plain ones, of the kinds that it can."""
        if name.kind == "tag":
            return bool(self.can.tags_a_request) and is_tag(name.value)
        return name.kind == "all" or (bool(self.can.urls_a_request) and "~" not in name.value)

    def purge(self, names: Sequence[Name]) -> None:
        """Keep them, once they are answered."""
        self.answer(names)
        with self._lock:
            self.requests.append([str(name) for name in names])

    @property
    def names(self) -> list[str]:
        """All that was acknowledged, sorted."""
        return sorted(name for request in self.requests for name in request)


def changed(n: int, *, new: bool = False, groups: str | None = None) -> Changed:
    """The page of video *n*, in batches of 100 and courses of 1,000."""
    path = f"/videos/lecture-{n}/"
    if groups is None:
        groups = f"video:{n} batch:{n // 100} course:{n // 1000} kind:video"
    return Changed(path, f"{own_tag(Path(path))} {groups} all", new)


def owe(dsn: str, purgers: Sequence[Any], release: int, objects: Sequence[Changed], live: int = 10**6) -> int:
    """A release's debts, in a transaction of their own."""
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        return purge.owe(cursor, purgers, release, objects, live)


def sql(dsn: str, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """One statement, committed."""
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else []


def all_due(dsn: str) -> None:
    """Let the time pass that debts wait for."""
    sql(dsn, "UPDATE live.debt SET due_at = clock_timestamp() - interval '1 second'")


def waste(names: Iterable[Name], changed: Sequence[Changed], live_objects: int, reach: Mapping[str, int]) -> int:
    """Objects that did not change and are purged all the same. *reach*: live objects by group tag, of groups named."""
    own = {one.tags.split()[0] for one in changed if one.tags}
    named = {name.value for name in names if name.kind == "tag"} - own
    if ALL in names:
        return max(0, live_objects - len(changed))
    hit = Counter(group for one in changed for group in set(one.tags.split()) & named)
    return sum(max(0, reach.get(group, 0) - hit[group]) for group in named)
