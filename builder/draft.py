"""A release in the making: what it is to be of, what came of it, and its rows as they are journalled."""
from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import NamedTuple

import psycopg2
from psycopg2.extensions import connection as Connection

from builder import journal, manifest, plan, render
from builder.catalog.reads import Catalog, keep_texts
from builder.catalog.text import CleanText
from builder.pages import PARTS
from builder.task import Batch, Failure, Job, Task

TEXTS_TOGETHER = 2_000
"""Clean texts that are held until the end, some 20 MB; a build that makes more keeps them on the way."""


class Clock:
    """Seconds by stage, one after the other."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._at = time.perf_counter()

    def lap(self, stage: str) -> None:
        """What has passed since the last lap belongs to *stage*."""
        now = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0) + now - self._at
        self._at = now


@dataclass(slots=True)
class Summary:
    """What a release did; `release` is None where nothing changed."""

    release: int | None = None
    pages: dict[str, int] = field(default_factory=dict)
    changes: int = 0
    rendered: int = 0
    uploaded: int = 0
    retired: int = 0
    purged: int = 0
    set_aside: list[Failure] = field(default_factory=list)
    held_back: list[str] = field(default_factory=list)
    seconds: Mapping[str, float] = field(default_factory=dict)
    bytes: int = 0


class Want(NamedTuple):
    """What a release is to be of."""

    everything: bool
    full: bool = False  # all rendered, and not only what differs by its keys
    guarded: bool = False
    slice: Sequence[Task] = ()
    gone: bool = False  # of the "gone" objects, all that were made with something else
    changed: frozenset[int] | None = None  # instead of what the feed has
    units: frozenset[int] = frozenset()  # of a takedown: these and no others, gone at once

    @property
    def apart(self) -> bool:
        """Whether it leaves to the next one what others before it left to do."""
        return self.changed is not None


@dataclass(slots=True)
class Draft:
    """What one release goes by, and what came of it."""

    dsn: str
    connection: Connection
    store: str  # its name
    job: Job
    catalog: Catalog
    live: manifest.Manifest
    left: journal.Retry
    changed: frozenset[int]
    dirty: frozenset[int]  # what pages bear of it
    units: set[int] | None  # packed; None: all
    want: Want
    renderer: Callable[[], render.Renderer]
    summary: Summary
    clock: Clock
    owed: set[int] = field(default_factory=set)
    buried: list[str] = field(default_factory=list)
    texts: dict[bytes, CleanText] = field(default_factory=dict)

    def journalled(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Pass *batches* on, writing each one's manifest rows; after the last one, retire what left, and COMMIT."""
        job, summary = self.job, self.summary
        for batch in batches:
            yield self._counted(batch)
        self.clock.lap("render")
        for task in plan.tasks(self.left.redirects, None):  # whose purge was acknowledged
            batch = render.render(job._replace(retire=True), self.catalog, self.renderer(), [task])
            summary.retired += batch.changed
            self.owed.difference_update(PARTS[task.part].pack(unit) for unit in task.units)
            yield self._counted(batch)
        buried, held = self.live.leave(self.units, self.changed, guarded=self.want.guarded)
        for batch in render.gone(job, self.catalog, self.renderer(), self._gone(buried)):
            summary.retired += batch.changed
            yield self._counted(batch)
        summary.held_back = [path for path, _, _ in held]
        self.live.end(retain=job.trust)
        self._note(held)
        self.connection.commit()
        self.clock.lap("journal")

    def _counted(self, batch: Batch) -> Batch:
        summary = self.summary
        summary.rendered += batch.rendered
        summary.uploaded += batch.changed
        summary.bytes += batch.size_bytes
        summary.set_aside += batch.failures
        self.owed.update(batch.owed)
        self.texts.update(batch.texts)
        if len(self.texts) >= TEXTS_TOGETHER:  # this release's own transaction cannot keep them yet
            with closing(psycopg2.connect(self.dsn, connect_timeout=10)) as connection:
                keep_texts(connection, self.texts)
            self.texts.clear()
        self.live.add(batch.rows, batch.paths)
        return batch

    def _gone(self, buried: list[str]) -> list[str]:
        """The paths whose "gone" goes up now. With a CDN before it, a page that leaves stays until the purge of what
        linked to it is acknowledged."""
        job, live, left = self.job, self.live, self.left
        again = live.still_buried([*left.uncertain_gone, *left.gone])
        if self.want.gone or self.want.everything:
            waiting = set() if job.retire else {*buried}
            again += [path for path in live.buried(job.fingerprints["gone"], trust=job.trust) if path not in waiting]
        if job.retire:
            return sorted({*again, *buried})
        self.buried = [path for path in buried if path not in left.gone]
        return sorted({*again})

    def _note(self, held: Sequence[tuple[str, str, int]]) -> None:
        """What is set aside, owed and meant: with the rows that it follows from, so that no death loses one."""
        connection, number, summary = self.connection, self.job.write_number, self.summary
        journal.keep_aside(connection, number, None if self.units is None else sorted(self.units), (
            *(journal.Aside(f.unit, f.path, f.kind, f.why) for f in summary.set_aside),
            *(journal.Aside(unit, path, kind, journal.HELD_BACK) for path, kind, unit in held)))
        journal.owe_retirements(connection, number, [*map(str, sorted(self.owed)), *self.buried], self.left.debts)
        if summary.uploaded:
            journal.begin(connection, number, self.store, "takedown" if self.want.units else "build", summary.changes)
        elif not self.want.apart:
            journal.supersede(connection, number)
