"""Which release is to be made: of all that waits, of everything, of a slice, of a takedown; and what is known between two of them."""
from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import replace
from typing import Literal

import psycopg2
from psycopg2.extensions import connection as Connection

from builder import journal, lease, manifest, ping, pipeline, purge, render, rollback
from builder.catalog.reads import Prepared
from builder.connections import end_transaction
from builder.fingerprint import fingerprints
from builder.late_writes import LateWrites
from builder.pages.page import Site
from builder.pipeline import SiteTouched, Tools
from builder.progress import Progress, silent
from builder.summary import Clock, Summary
from builder.task import Job, Task, Want
from edge.cdn.port import Purger
from edge.errors import LecternError
from edge.store.port import Store

PURGE_WAIT_S = 10.0  # what a build waits for its purges; what is not done then stays owed
SMALL_KEYS = 2_000  # changes that touch more are planned as everything: contexts for all, rendering for what differs


def tell(line: str) -> None:
    """Print a line of the log."""
    print(line, file=sys.stderr, flush=True)


class OnHoldError(LecternError):
    """Publishing is on hold since a rollback."""

    exit_code = 1


def build(dsn: str, store: Store, site: Site, profile: str, executor: Executor, *, full: bool = False, wait_s: float = 0,
          purgers: Sequence[Purger] = (), guarded: bool = True, progress: Progress = silent) -> Summary:
    """One release of what waits: of all that an edit touched since the last one, or of everything where that is asked
    for by *full*, or where what pages are made with is not what it was. Then its purges, what retires once they are
    acknowledged, and its pings.

    *guarded*: far more retirements than changes speak of are held back.
    Raises LeaseHeld when another builder is at work, OnHoldError, StoreError when an upload failed for good.
    """
    with closing(psycopg2.connect(dsn, connect_timeout=10)) as connection:
        publisher = Publisher(dsn, connection, store, site, profile, lambda: nullcontext(executor), purgers)
        with lease.held(connection, wait_s):
            summary = publisher.release(full=full, guarded=guarded, progress=progress)
        if purgers:
            purge.settle(dsn, purgers, wait_s=PURGE_WAIT_S)
            with lease.held(connection, wait_s):
                summary.retired += publisher.release(progress=progress).retired
        if pingers := ping.pingers(site):
            ping.settle(dsn, pingers, given_up=lambda why: tell(f"ping.given_up why={why!r}"))
        summary.pages = manifest.counts(connection)
    return summary


class Publisher:
    """Makes releases over one connection, whose lease the caller holds. Between them templates stay compiled, and what was seen
    once is not looked at again: that the store holds what the manifest says, and that all of it was made with this code."""

    def __init__(self, dsn: str, connection: Connection, store: Store, site: Site, profile: str,
                 executors: Callable[[], AbstractContextManager[Executor]], purgers: Sequence[Purger] = (), *,
                 receipts: bool = False, tell: Callable[[str], None] = tell, sleep: Callable[[float], None] = time.sleep) -> None:
        """*executors* gives what a large release renders with; a small one is rendered here. With *receipts* each release
        owes them: only who pays them may ask for that. *tell* gets a line where a person is to know; *sleep* waits so many
        seconds, and may raise to give up."""
        self._tell, self._late = tell, LateWrites(store, tell, sleep)
        self._tools = Tools(dsn, connection, store, site, profile, fingerprints(site, profile), Prepared(connection), self._templates,
                            executors, purgers, receipts, self._late.own)
        self._renderer: render.Renderer | None = None
        self._trusted = self._fresh = False

    def prepare(self) -> None:
        """Compile the templates now, so that the first release need not."""
        self._templates()

    def reconnected(self, connection: Connection) -> None:
        """Go on over another connection; what was seen to be true is looked at again."""
        self._tools = replace(self._tools, connection=connection, prepared=Prepared(connection))
        self._trusted = self._fresh = False

    def release(self, *, full: bool = False, guarded: bool = True, slice: Sequence[Task] = (), gone: bool = False,
                progress: Progress = silent) -> Summary:
        """One release of all waiting changes, and of *slice*; with *gone*, of "gone" objects made with something else too.

        Raises as `build` does.
        """
        clock, connection = Clock(), self._tools.connection
        standing = journal.standing(connection)
        if standing.held_at is not None:
            self._fresh = False  # what was put back is made anew afterwards
            raise OnHoldError(_on_hold(standing))
        self._wait_out(standing)
        many = standing.waiting_keys > SMALL_KEYS
        trusted = self._trusts(standing)
        everything = not trusted or full or standing.empty or many or not (slice or gone or self._is_fresh())
        full = full or (everything and any(task.dirty is None for task in slice))  # a slice that was to be rendered whole
        want = Want(everything, trusted, full, guarded, slice, gone)
        try:
            return self._make(standing, want, clock, progress)
        except SiteTouched:
            connection.rollback()
            return self._make(standing, want._replace(everything=True, slice=()), clock, progress)
        finally:
            end_transaction(connection)

    def unhold(self) -> Summary:
        """End the hold that a rollback began, and release what waits: the site shows the catalog again. Raises as `release`."""
        journal.put_on_hold(self._tools.connection, None)
        self._tools.connection.commit()
        return self.release()

    def take_down(self, changed: frozenset[int], units: frozenset[int]) -> Summary:
        """A takedown's own release: what *units* (packed) have live is gone at once, whatever links to it, on hold too.

        *changed* names what leaves; the feed is left as it is, for the release that mends what linked to it.
        """
        return self._apart(changed, units)

    def mend(self, changed: frozenset[int]) -> Summary:
        """A release of what *changed* reaches and nothing else, on hold too; the feed is left as it is, and so is what earlier
        releases left to do: on hold, that shows what was gone back to."""
        return self._apart(changed, frozenset())

    def back_to(self, number: int) -> rollback.Restored:
        """The site as it was when release *number* was live, and publishing on hold. Raises RollbackError."""
        tools = self._tools
        job = Job(tools.dsn, "", tools.site, tools.profile, 0, tools.fingerprints, True, True)
        self._wait_out(journal.standing(tools.connection))
        try:
            return rollback.back_to(tools.connection, tools.store, job, self._templates(), tools.purgers, number)
        finally:
            self._fresh = False
            end_transaction(tools.connection)

    def behind(self) -> Literal["", "slices", "whole"]:
        """How a release would render all: by slices, where what is live was made with something else; whole, where nothing
        is live or the store is another. Until a render by slices is `rerendered`, a release without a slice renders all of it.
        """
        if self._trusted and self._fresh:
            return ""
        standing = journal.standing(self._tools.connection)
        if standing.held_at is not None:
            return ""
        if standing.empty or not self._trusts(standing):
            return "whole"
        return "" if self._is_fresh() else "slices"

    def rerendered(self) -> None:
        """All was rendered by slices; what is still as it was could not be made."""
        self._fresh = True

    def _apart(self, changed: frozenset[int], units: frozenset[int]) -> Summary:
        connection = self._tools.connection
        standing = journal.standing(connection)
        self._wait_out(standing)
        want = Want(False, self._trusts(standing), changed=changed, units=units)
        try:
            return self._make(standing, want, Clock(), silent)
        finally:
            end_transaction(connection)

    def _make(self, standing: journal.Standing, want: Want, clock: Clock, progress: Progress) -> Summary:
        summary, store = pipeline.make(self._tools, standing, want, clock, progress), self._tools.store
        if want.everything:
            self._trusted = self._fresh = True
        if summary.release and standing.store not in (None, store.name):
            self._tell(f"store.moved from={standing.store!r} to={store.name!r} why='pages and assets were written anew; pictures and "
                       "older assets are not: copy them, or run verify --heal, which has refresh fetch pictures again'")
        return summary

    def _wait_out(self, standing: journal.Standing) -> None:
        if standing.died:
            self._late.wait(self._tools.connection)

    def _trusts(self, standing: journal.Standing) -> bool:
        if not self._trusted:
            self._trusted = standing.store == self._tools.store.name and self._holds_a_site()
        return self._trusted

    def _holds_a_site(self) -> bool:
        """Whether the store has a home page. Where it is ahead of this database, as after a restore, write numbers are raised above it."""
        home = self._tools.store.head("index.html")
        if home is None:
            return False
        journal.raise_above(self._tools.connection, home.write_number)
        return True

    def _is_fresh(self) -> bool:
        if not self._fresh:
            self._fresh = not manifest.stale(self._tools.connection, self._tools.fingerprints)
            self._tools.connection.commit()
        return self._fresh

    def _templates(self) -> render.Renderer:
        if self._renderer is None:
            self._renderer = render.Renderer(self._tools.site, self._tools.profile)
        self._renderer.forget()
        return self._renderer


def _on_hold(standing: journal.Standing) -> str:
    if standing.died == "rollback":
        return (f"The rollback to release {standing.held_at} died midway, and publishing is on hold: "
                f"`python build.py rollback {standing.held_at}` ends it.")
    return (f"Publishing is on hold since the site went back to release {standing.held_at}: "
            "`python build.py release --unhold` ends that.")
