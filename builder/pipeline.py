"""The story: changes -> plan -> render -> journal -> upload -> live -> purge -> ping."""
from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import AbstractContextManager, closing, nullcontext
from functools import partial
from typing import Literal

import psycopg2
from psycopg2.extensions import connection as Connection

from builder import former, journal, manifest, numbers, ping, plan, purge, receipt, release, render, rollback
from builder.catalog import changes, keys
from builder.catalog.reads import Catalog, Prepared, keep_texts
from builder.draft import Clock, Draft, Summary, Want
from builder.fingerprint import fingerprints
from builder.pages.page import Site
from builder.task import Batch, Job, Task
from edge.cdn.port import Purger
from edge.errors import LecternError
from edge.store.port import Store

Progress = Callable[[str, int, int], None]
"""Called with a stage's name, how much is done, and of how much (0: not known yet)."""

PURGE_WAIT_S = 10.0  # what a build waits for its purges; what is not done then stays owed
IN_FLIGHT = 3  # tasks a process: one at work, one waiting, one being handed over
SMALL_KEYS = 2_000  # changes that touch more are planned as everything: contexts for all, rendering for what differs


def tell(line: str) -> None:
    """Print a line of the log."""
    print(line, file=sys.stderr, flush=True)


class OnHoldError(LecternError):
    """Publishing is on hold since a rollback."""

    exit_code = 1


def build(dsn: str, store: Store, site: Site, profile: str, executor: Executor, *, full: bool = False, wait_s: float = 0,
          purgers: Sequence[Purger] = (), guarded: bool = True, progress: Progress = lambda stage, done, total: None) -> Summary:
    """One release of what waits: of all that an edit touched since the last one, or of everything where that is asked
    for by *full*, or where what pages are made with is not what it was. Then its purges, and its pings.

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
        if pingers := ping.pingers(site):
            ping.settle(dsn, pingers, given_up=lambda why: tell(f"ping.given_up why={why!r}"))
        summary.pages = manifest.counts(connection)
    return summary


class Publisher:
    """Makes releases over one connection, from the first to the last; templates stay compiled between them."""

    def __init__(self, dsn: str, connection: Connection, store: Store, site: Site, profile: str,
                 executors: Callable[[], AbstractContextManager[Executor]], purgers: Sequence[Purger] = (), *,
                 receipts: bool = False, tell: Callable[[str], None] = tell, sleep: Callable[[float], None] = time.sleep) -> None:
        """*executors* gives what a large release renders with; a small one is rendered here. With *receipts* each release
        owes them: only who pays them may ask for that. *tell* gets a line where a person is to know; *sleep* waits so many
        seconds, and may raise to give up."""
        self._dsn, self._connection, self._store = dsn, connection, store
        self._site, self._profile, self._executors, self._purgers = site, profile, executors, purgers
        self._receipts, self._tell, self._sleep = receipts, tell, sleep
        self._prepared = Prepared(connection)
        self._fingerprints = fingerprints(site, profile)
        self._renderer: render.Renderer | None = None
        self._waited = 0  # releases up to this number have nothing under way any more
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
            raise OnHoldError(_held(standing))
        self._wait_out(standing)
        many = standing.waiting_keys > SMALL_KEYS
        everything = not self._trusts(standing) or full or standing.empty or many or not (slice or gone or self._is_fresh())
        full = full or (everything and any(task.dirty is None for task in slice))  # a slice that was to be rendered whole
        want = Want(everything, full, guarded, slice, gone)
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
        return self._apart(Want(False, changed=changed, units=units))

    def mend(self, changed: frozenset[int]) -> Summary:
        """A release of what *changed* reaches and nothing else, on hold too; the feed is left as it is, and so is what earlier
        releases left to do: on hold, that shows what was gone back to."""
        return self._apart(Want(False, changed=changed))

    def back_to(self, number: int) -> rollback.Restored:
        """The site as it was when release *number* was live, and publishing on hold. Raises RollbackError."""
        job = Job(self._dsn, "", self._site, self._profile, 0, self._fingerprints, True, True)
        self._wait_out(journal.standing(self._connection))
        try:
            return rollback.back_to(self._connection, self._store, job, self._warm(), self._purgers, number)
        finally:
            self._fresh = False
            self._leave()

    def _apart(self, want: Want) -> Summary:
        standing = journal.standing(self._connection)
        self._wait_out(standing)
        self._trusts(standing)
        try:
            return self._release(standing, want, lambda stage, done, total: None, Clock())
        finally:
            self._leave()

    def _wait_out(self, standing: journal.Standing) -> None:
        if standing.died:
            self._waited = former.wait_out(self._connection, self._store, self._waited, self._tell, self._sleep)

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
            self._connection.commit()
        return self._fresh

    def _release(self, standing: journal.Standing, want: Want, progress: Progress, clock: Clock) -> Summary:
        connection, summary = self._connection, Summary()
        snapshot, complete, everything = "", True, want.everything
        if everything:
            snapshot, complete = numbers.snapshot(connection)
        else:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        number = journal.draw(connection)
        self._waited = max(self._waited, number)  # our own writes have an end that we know
        changed = want.changed
        if changed is None:
            taken = changes.take(connection, number)
            summary.changes, changed = taken.count, taken.keys
        catalog = Catalog(connection, None if everything else self._prepared)
        if keys.SITE in changed and not everything:
            raise _AllTouched
        left = journal.left(connection)
        uncertain = bool(left.uncertain or left.uncertain_gone)
        if want.apart and not want.units:
            left = journal.NOTHING_LEFT
        clock.lap("take")
        trust = self._trusted
        job = Job(self._dsn, snapshot, self._site, self._profile, number, self._fingerprints, not standing.empty, trust,
                  retire=not self._purgers or want.apart)
        if everything:
            units = None
            dirty = None if want.full or standing.empty or not trust or keys.SITE in changed else plan.dirty(catalog, changed)
            tasks = [task._replace(dirty=dirty) for task in plan.everything(catalog)]
            touched = dirty or changed
        elif want.units:
            units = {*want.units}
            tasks = list(plan.tasks(units, changed))
            touched = changed
        else:
            reach = plan.reach(connection, catalog, changed)
            units = {*reach.units, *left.units, *left.uncertain}
            piece, sliced = plan.joined(want.slice, reach.dirty, {*left.units})
            tasks = [*plan.tasks(units - {*left.units} - sliced, reach.dirty), *plan.tasks(left.units, None), *piece]
            if left.assets and plan.ASSETS not in piece:
                tasks.insert(0, plan.ASSETS)
            units |= sliced
            touched = reach.dirty
        tasks = plan.without(tasks, {*left.redirects})  # made at the end, and once
        clock.lap("plan")
        draft = Draft(self._dsn, connection, self._store.name, job, catalog, manifest.Manifest(connection, number, first=standing.empty),
                      left, plan.named(changed), touched, units, want, self._warm, summary, clock)
        with self._executors() if everything else nullcontext() as executor:
            batches = _rendered(executor, job, tasks, progress) if executor else (
                render.render(job, catalog, warm, lot) for warm in [self._warm()] for lot in plan.lots(tasks))
            etags = release.upload(self._store, draft.journalled(batches), number, lambda: journal.hold(connection),
                                   lambda paths: self._created(standing, paths), partial(manifest.note_etags, connection, number))
        clock.lap("upload")
        if summary.uploaded:
            summary.release = number
            self._live(draft, etags, uncertain)
            self._tell_moved(standing)
        if draft.texts:
            keep_texts(connection, draft.texts)
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

    def _created(self, standing: journal.Standing, paths: list[str]) -> None:
        if self._purgers and not standing.empty:
            purge.announce(self._purgers, paths)

    def _live(self, draft: Draft, etags: Mapping[str, str], uncertain: bool) -> None:
        """The uploads are done: say so, and write down what is owed for them, in one transaction."""
        connection, number, summary = self._connection, draft.job.write_number, draft.summary
        manifest.note_etags(connection, number, etags)
        if self._purgers:
            summary.purged = purge.owe_release(connection, self._purgers, number, summary.uploaded, uncertain=uncertain)
        if self._receipts:
            receipt.owe(connection, number)
        ping.owe(connection, self._site, number, draft.dirty, kept=draft.job.trust or not draft.job.compare)
        journal.live(connection, number, rendered=summary.rendered, uploaded=summary.uploaded, retired=summary.retired,
                     purged=summary.purged, held_back=len(summary.held_back), apart=draft.want.apart)
        connection.commit()


    def _tell_moved(self, standing: journal.Standing) -> None:
        if standing.store not in (None, self._store.name):
            self._tell(f"store.moved from={standing.store!r} to={self._store.name!r} why='pages and assets were written anew; pictures and "
                       "older assets are not: copy them, or run verify --heal, which has refresh fetch pictures again'")


def _held(standing: journal.Standing) -> str:
    if standing.died == "rollback":
        return (f"The rollback to release {standing.held_at} died midway, and publishing is on hold: "
                f"`python build.py rollback {standing.held_at}` ends it.")
    return (f"Publishing is on hold since the site went back to release {standing.held_at}: "
            "`python build.py release --unhold` ends that.")


class _AllTouched(Exception):
    """A change touches the whole site, which only the release's own transaction could see."""


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
