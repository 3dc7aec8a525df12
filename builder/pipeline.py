"""The story: plan -> render -> journal -> upload -> live."""
from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import blake2b

import psycopg2
from psycopg2.extensions import connection as Connection

from builder import journal, manifest, numbers, plan, release, render
from builder.catalog.reads import Catalog, keep_texts
from builder.fingerprint import fingerprint
from builder.pages.page import Site
from builder.task import Batch, Failure, Job, Task
from edge.store.port import Store

Progress = Callable[[str, int, int], None]
"""Called with a stage's name, how much is done, and of how much (0: not known yet)."""

IN_FLIGHT = 3  # tasks a process: one at work, one waiting, one being handed over


@dataclass(slots=True)
class Summary:
    """What a build did; `release` is None where nothing changed."""

    release: int | None
    pages: dict[str, int] = field(default_factory=dict)
    rendered: int = 0
    uploaded: int = 0
    retired: int = 0
    purged: int = 0
    set_aside: list[Failure] = field(default_factory=list)
    seconds: Mapping[str, float] = field(default_factory=dict)
    bytes: int = 0


def build(dsn: str, store: Store, site: Site, profile: str, executor: Executor, *, full: bool = False, wait_s: float = 0,
          progress: Progress = lambda stage, done, total: None) -> Summary:
    """Render the whole site from one moment of the catalog and put what differs into the store.

    Where neither the catalog nor what pages are made with has changed since the live release, there is nothing to
    render, unless *full* asks for it.
    Raises LeaseHeld when another builder is at work, StoreError when an upload failed for good.
    """
    clock = Clock()
    with closing(psycopg2.connect(dsn, connect_timeout=10)) as connection, journal.lease(connection, wait_s):
        summary = Summary(journal.begin(connection, store.name))
        assert summary.release is not None
        # The manifest speaks of one store. Another one, or an empty one in its place, is filled whole.
        trust = journal.speaks_of(connection, summary.release) == store.name and store.head("index.html") is not None
        snapshot, complete = numbers.snapshot(connection)
        clock.lap("number")
        catalog = Catalog(connection)
        made_with = fingerprint(site, profile)
        made_of: bytes | None = blake2b(made_with + catalog.rows("state")[0][0].encode(), digest_size=16).digest()
        if not full and trust and journal.last_made_of(connection, summary.release) == made_of:
            connection.rollback()
            return _nothing(connection, summary, summary.release, made_of, clock)
        live = manifest.Manifest(connection)
        live.begin()
        job = Job(dsn, snapshot, site, profile, summary.release, made_with, not live.was_empty, trust)
        tasks = list(plan.everything(catalog))
        clock.lap("plan")
        batches = _rendered(executor, job, tasks, progress)
        release.upload(store, _journalled(connection, live, job, batches, summary, clock), lambda: journal.hold(connection))
        clock.lap("upload")
        if summary.set_aside or not complete:
            made_of = None  # the next build tries again
        if not summary.uploaded:
            return _nothing(connection, summary, summary.release, made_of, clock)
        journal.live(connection, summary.release, made_of, rendered=summary.rendered, uploaded=summary.uploaded, retired=summary.retired)
        return _ended(connection, summary, clock)


def _nothing(connection: Connection, summary: Summary, number: int, made_of: bytes | None, clock: Clock) -> Summary:
    journal.forget(connection, number, made_of)
    summary.release = None
    return _ended(connection, summary, clock)


def _ended(connection: Connection, summary: Summary, clock: Clock) -> Summary:
    summary.pages = manifest.counts(connection)
    clock.lap("finish")
    summary.seconds = clock.seconds
    return summary


def _rendered(executor: Executor, job: Job, tasks: list[Task], progress: Progress) -> Iterator[Batch]:
    """What the tasks made, as they come; a bounded number is under way."""
    waiting: set[Future[Batch]] = set()
    room = IN_FLIGHT * (os.cpu_count() or 1)
    todo = iter(tasks)
    done = 0
    while True:
        while len(waiting) < room and (task := next(todo, None)) is not None:
            waiting.add(executor.submit(render.run, job, task))
        if not waiting:
            return
        finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for future in finished:
            done += 1
            progress("render", done, len(tasks))
            yield future.result()


def _journalled(connection: Connection, live: manifest.Manifest, job: Job, batches: Iterable[Batch], summary: Summary,
                clock: Clock) -> Iterator[Batch]:
    """Pass *batches* on, writing each one's manifest rows; after the last one, retire what left, and COMMIT."""
    for batch in batches:
        _count(summary, batch)
        live.add(batch.rows, batch.paths)
        if batch.texts:
            keep_texts(job.dsn, batch.texts)
        yield batch
    clock.lap("render")
    for batch in render.gone(job, Catalog(connection), live.retire(job.write_number, job.fingerprint, job.trust)):
        summary.retired += batch.changed
        _count(summary, batch)
        live.add(batch.rows, batch.paths)
        yield batch
    live.end()
    connection.commit()
    clock.lap("journal")


def _count(summary: Summary, batch: Batch) -> None:
    summary.rendered += len(batch.paths)
    summary.uploaded += batch.changed
    summary.bytes += batch.size_bytes
    summary.set_aside += batch.failures


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
