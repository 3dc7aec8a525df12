"""The transaction of one release: its manifest rows as they are journalled, what leaves, what is owed, and the COMMIT."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field

import psycopg2
from psycopg2.extensions import connection as Connection

from builder import journal, plan, render
from builder.catalog import text_cache
from builder.catalog.reads import Catalog
from builder.catalog.text import CleanText
from builder.manifest import Manifest
from builder.pages import PARTS
from builder.plan import Plan
from builder.summary import Clock, Summary
from builder.task import Batch, Job, Want

TEXTS_TOGETHER = 2_000
"""Clean texts that are held until the end, some 20 MB; a build that makes more keeps them on the way."""


@dataclass(slots=True)
class Transaction:
    """What one release goes by, and what comes of it."""

    connection: Connection
    store: str  # its name
    job: Job
    want: Want
    plan: Plan
    left: journal.Retry
    catalog: Catalog
    manifest: Manifest
    renderer: Callable[[], render.Renderer]
    summary: Summary
    clock: Clock
    texts: dict[bytes, CleanText] = field(default_factory=dict)  # made on the way, and not kept yet
    _owed: set[int] = field(default_factory=set)  # packed units whose redirects wait
    _buried: list[str] = field(default_factory=list)  # paths whose "gone" waits

    def journalled(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Pass *batches* on, writing each one's manifest rows; after the last one, retire what left, and COMMIT."""
        job, summary = self.job, self.summary
        for batch in batches:
            yield self._noted(batch)
        self.clock.lap("render")
        for task in plan.tasks(self.left.redirects, None):  # whose purge was acknowledged
            batch = render.render(job._replace(retire=True), self.catalog, self.renderer(), [task])
            summary.retired += batch.changed
            self._owed.difference_update(PARTS[task.part].pack(unit) for unit in task.units)
            yield self._noted(batch)
        buried, held = self.manifest.leave(self.plan.units, self.plan.named, guarded=self.want.guarded)
        for batch in render.gone(job, self.catalog, self.renderer(), self._gone_now(buried)):
            summary.retired += batch.changed
            yield self._noted(batch)
        summary.held_back = [path for path, _, _ in held]
        self.manifest.end(retain=job.trust)
        self._note_owed(held)
        self.connection.commit()
        self.clock.lap("journal")

    def _noted(self, batch: Batch) -> Batch:
        summary = self.summary
        summary.rendered += batch.rendered
        summary.uploaded += batch.changed
        summary.bytes += batch.size_bytes
        summary.set_aside += batch.failures
        self._owed.update(batch.owed)
        self.texts.update(batch.texts)
        if len(self.texts) >= TEXTS_TOGETHER:  # this release's own transaction cannot keep them yet
            with closing(psycopg2.connect(self.job.dsn, connect_timeout=10)) as connection:
                text_cache.keep(connection, self.texts)
            self.texts.clear()
        self.manifest.add(batch.rows, batch.paths)
        return batch

    def _gone_now(self, buried: list[str]) -> list[str]:
        """The paths whose "gone" goes up now. With a CDN before it, a page that leaves stays until the purge of what
        linked to it is acknowledged."""
        job, manifest, left = self.job, self.manifest, self.left
        again = manifest.still_buried([*left.uncertain_gone, *left.gone])
        if self.want.gone or self.want.everything:
            waiting = set() if job.retire else {*buried}
            again += [path for path in manifest.buried(job.fingerprints["gone"], trust=job.trust) if path not in waiting]
        if job.retire:
            return sorted({*again, *buried})
        self._buried = [path for path in buried if path not in left.gone]
        return sorted({*again})

    def _note_owed(self, held: Sequence[tuple[str, str, int]]) -> None:
        """What is set aside, owed and meant: with the rows that it follows from, so that no death loses one."""
        connection, number, summary, units = self.connection, self.job.write_number, self.summary, self.plan.units
        journal.keep_aside(connection, number, None if units is None else sorted(units), (
            *(journal.Aside(f.unit, f.path, f.kind, f.why) for f in summary.set_aside),
            *(journal.Aside(unit, path, kind, journal.HELD_BACK) for path, kind, unit in held)))
        journal.owe_retirements(connection, number, [*map(str, sorted(self._owed)), *self._buried], self.left.debts)
        if summary.uploaded:
            journal.begin(connection, number, self.store, "takedown" if self.want.units else "build", summary.changes)
        elif not self.want.apart:
            journal.supersede(connection, number)
