"""The story: changes -> plan -> render -> journal -> upload -> live -> purge."""
from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import psycopg2
from psycopg2.extensions import connection as Connection

from builder import journal, manifest, numbers, plan, purge, receipt, release, render, rollback
from builder.catalog import changes, keys
from builder.catalog.reads import Catalog, Prepared, keep_texts
from builder.catalog.text import CleanText
from builder.fingerprint import fingerprints
from builder.pages import PARTS
from builder.pages.page import Site
from builder.task import Batch, Failure, Job, Task
from edge.cdn.port import Purger
from edge.errors import LecternError
from edge.store.port import Store

Progress = Callable[[str, int, int], None]
"""Called with a stage's name, how much is done, and of how much (0: not known yet)."""

IN_FLIGHT = 3  # tasks a process: one at work, one waiting, one being handed over
SMALL_KEYS = 2_000  # changes that touch more are planned as everything: contexts for all, rendering for what differs


class OnHoldError(LecternError):
    """Publishing is on hold since a rollback."""

    exit_code = 1


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


def build(dsn: str, store: Store, site: Site, profile: str, executor: Executor, *, full: bool = False, wait_s: float = 0,
          purgers: Sequence[Purger] = (), guarded: bool = True, progress: Progress = lambda stage, done, total: None) -> Summary:
    """One release of what waits: of all that an edit touched since the last one, or of everything where that is asked
    for by *full*, or where what pages are made with is not what it was. Then its purges.

    *guarded*: far more retirements than changes speak of are held back.
    Raises LeaseHeld when another builder is at work, OnHoldError, StoreError when an upload failed for good.
    """
    with closing(psycopg2.connect(dsn, connect_timeout=10)) as connection:
        publisher = Publisher(dsn, connection, store, site, profile, lambda: nullcontext(executor), purgers)
        with journal.lease(connection, wait_s):
            summary = publisher.release(full=full, guarded=guarded, progress=progress)
        if purgers:
            purge.settle(dsn, purgers, wait_s=PURGE_WAIT_S)
            with journal.lease(connection, wait_s):
                summary.retired += publisher.release(progress=progress).retired
        summary.pages = manifest.counts(connection)
    return summary


PURGE_WAIT_S = 10.0  # what a build waits for its purges; what is not done then stays owed


class Publisher:
    """Makes releases over one connection, from the first to the last; templates stay compiled between them."""

    def __init__(self, dsn: str, connection: Connection, store: Store, site: Site, profile: str,
                 executors: Callable[[], AbstractContextManager[Executor]], purgers: Sequence[Purger] = (), *,
                 receipts: bool = False) -> None:
        """*executors* gives what a large release renders with; a small one is rendered here. With *receipts* each release
        owes them: only who pays them may ask for that."""
        self._dsn, self._connection, self._store = dsn, connection, store
        self._site, self._profile, self._executors, self._purgers = site, profile, executors, purgers
        self._receipts = receipts
        self._prepared = Prepared(connection)
        self._fingerprints = fingerprints(site, profile)
        self._renderer: render.Renderer | None = None
        self._trusted = self._fresh = False  # seen once: the store holds what the manifest says; all is made with this code

    def prepare(self) -> None:
        """Compile the templates now, so that the first release need not."""
        self._warm()

    def reconnected(self, connection: Connection) -> None:
        """Go on over another connection; what was seen to be true is looked at again."""
        self._connection, self._prepared = connection, Prepared(connection)
        self._trusted = self._fresh = False

    def behind(self) -> Literal["", "slices", "whole"]:
        """How a release would render all: by slices, where what is live was made with something else; whole, where nothing
        is live or the store is another. Until a sweep by slices has `swept`, a release without a slice renders all of it.
        """
        if self._trusted and self._fresh:
            return ""
        standing = journal.standing(self._connection)
        if standing.held_at is not None:
            return ""
        if standing.empty or not self._trusts(standing):
            return "whole"
        return "" if self._is_fresh() else "slices"

    def swept(self) -> None:
        """All was rendered by slices; what is still as it was could not be made."""
        self._fresh = True

    def release(self, *, full: bool = False, guarded: bool = True, slice: Sequence[Task] = (), gone: bool = False,
                progress: Progress = lambda stage, done, total: None) -> Summary:
        """One release of all waiting changes, and of *slice*; with *gone*, of "gone" objects made with something else too.

        The caller holds the lease. Raises as `build` does.
        """
        clock = Clock()
        standing = journal.standing(self._connection)
        if standing.held_at is not None:
            self._fresh = False  # what was put back is made anew afterwards
            raise OnHoldError(f"Publishing is on hold since the site went back to release {standing.held_at}: "
                              "`python build.py release --unhold` ends that.")
        everything = (not self._trusts(standing) or full or standing.empty or standing.waiting_keys > SMALL_KEYS
                      or not (slice or gone or self._is_fresh()))
        want = _Want(everything, full, guarded, slice, gone)
        try:
            return self._release(standing, want, progress, clock)
        except _AllTouched:
            self._connection.rollback()
            return self._release(standing, want._replace(everything=True, slice=()), progress, clock)
        finally:
            self._leave()

    def take_down(self, changed: frozenset[int], units: frozenset[int]) -> Summary:
        """A takedown's own release: what *units* (packed) have live is gone at once, whatever links to it, on hold too.

        *changed* names what leaves; the feed is left as it is, for the release that mends what linked to it.
        """
        return self._apart(_Want(False, changed=changed, units=units))

    def mend(self, changed: frozenset[int]) -> Summary:
        """A release of what *changed* reaches and nothing else, on hold too; the feed is left as it is."""
        return self._apart(_Want(False, changed=changed))

    def back_to(self, number: int) -> rollback.Restored:
        """The site as it was when release *number* was live, and publishing on hold. Raises RollbackError."""
        job = Job(self._dsn, "", self._site, self._profile, 0, self._fingerprints, True, True)
        try:
            return rollback.back_to(self._connection, self._store, job, self._warm(), self._purgers, number)
        finally:
            self._fresh = False
            self._leave()

    def _apart(self, want: _Want) -> Summary:
        standing = journal.standing(self._connection)
        self._trusts(standing)
        try:
            return self._release(standing, want, lambda stage, done, total: None, Clock())
        finally:
            self._leave()

    def _leave(self) -> None:
        journal.let_go(self._connection)

    def _trusts(self, standing: journal.Standing) -> bool:
        if not self._trusted:
            self._trusted = standing.store == self._store.name and self._stands()
        return self._trusted

    def _stands(self) -> bool:
        """Whether the store holds a site. One that is ahead of this database, as after a restore, raises its numbers."""
        home = self._store.head("index.html")
        if home is None:
            return False
        journal.raise_above(self._connection, home.write_number)
        return True

    def _is_fresh(self) -> bool:
        if not self._fresh:
            self._fresh = not manifest.stale(self._connection, self._fingerprints)
        return self._fresh

    def _release(self, standing: journal.Standing, want: _Want, progress: Progress, clock: Clock) -> Summary:
        connection, summary = self._connection, Summary()
        snapshot, complete, everything = "", True, want.everything
        if everything:
            snapshot, complete = numbers.snapshot(connection)
        else:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        number = journal.draw(connection)
        changed = want.changed
        if changed is None:
            taken = changes.take(connection, number)
            summary.changes, changed = taken.count, taken.keys
        catalog = Catalog(connection, None if everything else self._prepared)
        if keys.SITE in changed and not everything:
            raise _AllTouched
        left = journal.left(connection)
        clock.lap("take")
        trust = self._trusted
        job = Job(self._dsn, snapshot, self._site, self._profile, number, self._fingerprints, not standing.empty, trust,
                  retire=not self._purgers or bool(want.units))
        if everything:
            units = None
            dirty = None if want.full or standing.empty or not trust or keys.SITE in changed else plan.dirty(catalog, changed)
            tasks = [task._replace(dirty=dirty) for task in plan.everything(catalog)]
        elif want.units:
            units = {*want.units}
            tasks = list(plan.tasks(units, changed))
        else:
            reach = plan.reach(connection, catalog, changed)
            units = {*reach.units, *left.units, *left.uncertain}
            piece, sliced = plan.joined(want.slice, reach.dirty, {*left.units})
            tasks = [*plan.tasks(units - {*left.units} - sliced, reach.dirty), *plan.tasks(left.units, None), *piece]
            if left.assets and plan.ASSETS not in piece:
                tasks.insert(0, plan.ASSETS)
            units |= sliced
        tasks = plan.without(tasks, {*left.redirects})  # made at the end, and once
        clock.lap("plan")
        live = manifest.Manifest(connection, number, first=standing.empty)
        texts: dict[bytes, CleanText] = {}
        with self._executors() if everything else nullcontext() as executor:
            batches = _rendered(executor, job, tasks, progress) if executor else (
                render.render(job, catalog, warm, lot) for warm in [self._warm()] for lot in plan.lots(tasks))
            todo = _Todo(job, catalog, live, left, plan.named(changed), units, want)
            etags = release.upload(self._store, self._journalled(todo, batches, summary, texts, clock), number,
                                   lambda: journal.hold(connection), lambda paths: self._created(standing, paths))
        clock.lap("upload")
        if summary.uploaded:
            summary.release = number
            self._live(number, todo, etags, summary)
        if texts:
            keep_texts(connection, texts)
        if everything:
            self._trusted = self._fresh = True
            if not complete:  # what has no number yet is in no list: all is looked at again
                changes.touch_all(connection)
        clock.lap("live")
        summary.seconds = clock.seconds
        return summary

    def _warm(self) -> render.Renderer:
        if self._renderer is None:
            self._renderer = render.Renderer(self._site, self._profile)
        self._renderer.forget()
        return self._renderer

    def _journalled(self, todo: _Todo, batches: Iterable[Batch], summary: Summary, texts: dict[bytes, CleanText],
                    clock: Clock) -> Iterator[Batch]:
        """Pass *batches* on, writing each one's manifest rows; after the last one, retire what left, and COMMIT."""
        job, live, left, connection = todo.job, todo.live, todo.left, self._connection

        def counted(batch: Batch) -> Batch:
            summary.rendered += batch.rendered
            summary.uploaded += batch.changed
            summary.bytes += batch.size_bytes
            summary.set_aside += batch.failures
            todo.owed.update(batch.owed)
            texts.update(batch.texts)
            live.add(batch.rows, batch.paths)
            return batch

        for batch in batches:
            yield counted(batch)
        clock.lap("render")
        for task in plan.tasks(left.redirects, None):  # whose purge was acknowledged
            batch = render.render(job._replace(retire=True), todo.catalog, self._warm(), [task])
            summary.retired += batch.changed
            todo.owed.difference_update(PARTS[task.part].pack(unit) for unit in task.units)
            yield counted(batch)
        buried, held = live.leave(todo.units, todo.changed, guarded=todo.want.guarded)
        for batch in render.gone(job, todo.catalog, self._warm(), self._gone(todo, buried)):
            summary.retired += batch.changed
            yield counted(batch)
        summary.held_back = [path for path, _, _ in held]
        live.end(retain=job.trust)
        journal.keep_aside(connection, job.write_number, None if todo.units is None else sorted(todo.units), (
            *(journal.Aside(f.unit, f.path, f.kind, f.why) for f in summary.set_aside),
            *(journal.Aside(unit, path, kind, "more would leave than any change says") for path, kind, unit in held)))
        # With the rows that they follow from, so that no death loses one; and where nothing was uploaded, too.
        journal.owe_retirements(connection, job.write_number, [*map(str, sorted(todo.owed)), *todo.buried], left.debts)
        if summary.uploaded:
            journal.begin(connection, job.write_number, self._store.name, "takedown" if todo.want.units else "build", summary.changes)
        elif not todo.want.units:
            journal.supersede(connection, job.write_number)
        connection.commit()
        clock.lap("journal")

    def _gone(self, todo: _Todo, buried: list[str]) -> list[str]:
        """The paths whose "gone" goes up now. With a CDN before it, a page that leaves stays until the purge of what
        linked to it is acknowledged."""
        again = todo.live.still_buried([*todo.left.uncertain_gone, *todo.left.gone])
        if todo.want.gone or todo.want.everything:
            waiting = set() if todo.job.retire else {*buried}
            again += [path for path in todo.live.buried(todo.job.fingerprints["gone"], trust=todo.job.trust) if path not in waiting]
        if todo.job.retire:
            return sorted({*again, *buried})
        todo.buried = [path for path in buried if path not in todo.left.gone]
        return sorted({*again})

    def _created(self, standing: journal.Standing, paths: list[str]) -> None:
        if self._purgers and not standing.empty:
            purge.announce(self._purgers, paths)

    def _live(self, number: int, todo: _Todo, etags: Mapping[str, str], summary: Summary) -> None:
        """The uploads are done: say so, and write down what is owed for them, in one transaction."""
        connection = self._connection
        manifest.note_etags(connection, etags)
        if self._purgers:
            with connection.cursor() as cursor:
                changed, total = manifest.changed(connection, number)
                summary.purged = purge.owe(cursor, self._purgers, number, [purge.Changed(*row) for row in changed], total,
                                           uncertain=bool(todo.left.uncertain or todo.left.uncertain_gone))
        if self._receipts:
            receipt.owe(connection, number)
        journal.live(connection, number, rendered=summary.rendered, uploaded=summary.uploaded, retired=summary.retired,
                     purged=summary.purged, held_back=len(summary.held_back), apart=bool(todo.want.units))
        connection.commit()


class _Want(NamedTuple):
    """What a release is to be of."""

    everything: bool
    full: bool = False  # all rendered, and not only what differs by its keys
    guarded: bool = False
    slice: Sequence[Task] = ()
    gone: bool = False  # of the "gone" objects, all that were made with something else
    changed: frozenset[int] | None = None  # instead of what the feed has
    units: frozenset[int] = frozenset()  # of a takedown: these and no others, gone at once


class _AllTouched(Exception):
    """A change touches the whole site, which only the release's own transaction could see."""


@dataclass(slots=True)
class _Todo:
    """What one release goes by."""

    job: Job
    catalog: Catalog
    live: manifest.Manifest
    left: journal.Retry
    changed: frozenset[int]
    units: set[int] | None  # packed; None: all
    want: _Want
    owed: set[int] = field(default_factory=set)
    buried: list[str] = field(default_factory=list)


def _rendered(executor: Executor, job: Job, tasks: list[Task], progress: Progress) -> Iterator[Batch]:
    """What the tasks made, as they come; a bounded number is under way."""
    waiting: set[Future[Batch]] = set()
    room = IN_FLIGHT * int(getattr(executor, "width", os.cpu_count() or 1))
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
