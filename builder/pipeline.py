"""The story of one release, from top to bottom: changes -> plan -> render -> release -> purge -> receipt -> ping.

One transaction sees one moment of the catalog: it takes what waits, plans, renders, and journals what is meant; its COMMIT makes all of
that true together. Then the objects go up, in an order in which no page ever links to what is not there yet. When all are up the
release is live, and what is owed for it (purges, retirements, a receipt, pings) is a row each, for which no later release waits.

`builder.publishing` calls this: it holds the lease, knows how the site stands, and decides what a release is to be of.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial

from psycopg2.extensions import connection as Connection

from builder import journal, lease, manifest, numbers, ping, plan, purge, receipt, release, render
from builder.catalog import changes, keys, text_cache
from builder.catalog.reads import Catalog, Prepared
from builder.connections import repeatable_read
from builder.pages.page import Site
from builder.progress import Progress
from builder.summary import Clock, Summary
from builder.task import Job, Want
from builder.transaction import Transaction
from edge.cdn.port import Purger
from edge.store.port import Store


@dataclass(frozen=True, slots=True)
class Tools:
    """What releases are made with, from the first to the last over one connection."""

    dsn: str
    connection: Connection
    store: Store
    site: Site
    profile: str
    fingerprints: Mapping[str, str]  # of what this code makes, by kind of page
    prepared: Prepared
    renderer: Callable[[], render.Renderer]  # compiled once, for what is rendered in this process
    executors: Callable[[], AbstractContextManager[Executor]]  # for what is rendered by many
    purgers: Sequence[Purger]
    receipts: bool  # whether somebody pays them
    drawn: Callable[[int], None]  # is told a release's number before anything is written under it


class SiteTouched(Exception):
    """A change touches every page, which only the release's own transaction could see: all is to be planned."""


def make(tools: Tools, standing: journal.Standing, want: Want, clock: Clock, progress: Progress) -> Summary:
    """Make one release of what *want* says, of a site that stood as *standing* says.

    Where it raises, the transaction is the caller's to end: before its COMMIT nothing was taken, after it the next release goes on
    from the journal. Raises SiteTouched, LeaseLost, FencedOff, StoreError.
    """
    connection, store, summary = tools.connection, tools.store, Summary()

    # Changes: what edits touched, marked with this release's number; and what releases before it left to do.
    if want.everything:
        snapshot, complete = numbers.snapshot(connection)
    else:
        snapshot, complete = "", True
        repeatable_read(connection)
    number = journal.draw(connection)
    tools.drawn(number)
    if want.changed is None:
        taken = changes.take(connection, number)
        summary.changes, changed = taken.count, taken.keys
        if keys.SITE in changed and not want.everything:
            raise SiteTouched
    else:
        changed = want.changed
    left = journal.left(connection)
    uncertain = bool(left.uncertain or left.uncertain_gone)
    if want.apart and not want.units:
        left = journal.NOTHING_LEFT  # it stays for the release after this one
    clock.lap("take")

    # Plan: the units in which a page may be another, new or gone.
    catalog = Catalog(connection, None if want.everything else tools.prepared)
    if want.everything:
        anew = want.full or standing.empty or not want.trusted or keys.SITE in changed
        planned = plan.whole(catalog, changed, left, anew=anew)
    elif want.units:
        planned = plan.taken_down(want.units, changed, left)
    else:
        planned = plan.reached(connection, catalog, changed, left, want.slice)
    clock.lap("plan")

    # Render: batches of what differs from what is live, made by many processes or here. Their manifest rows are journalled as they pass.
    job = Job(tools.dsn, snapshot, tools.site, tools.profile, number, tools.fingerprints, compare=not standing.empty, trust=want.trusted,
              retire=not tools.purgers or want.apart)
    transaction = Transaction(connection, store.name, job, want, planned, left, catalog,
                              manifest.Manifest(connection, number, first=standing.empty), tools.renderer, summary, clock)
    with tools.executors() if want.everything else nullcontext() as executor:
        if executor:
            batches = render.over(executor, job, planned.tasks, progress)
        else:
            batches = render.here(job, catalog, tools.renderer(), plan.lots(planned.tasks))

        # Release: it draws the batches, whose end is the COMMIT, and puts the objects up in order.
        etags = release.upload(store, transaction.journalled(batches), number, partial(lease.confirm, connection),
                               partial(purge.announce, () if standing.empty else tools.purgers),
                               partial(manifest.note_etags, connection, number))
    clock.lap("upload")

    # Live, in one transaction with what is owed for it: two purges at each CDN, a receipt that the edge shows it, pings of what changed.
    if summary.uploaded:
        summary.release = number
        manifest.note_etags(connection, number, etags)
        if tools.purgers:
            summary.purged = purge.owe_release(connection, tools.purgers, number, summary.uploaded, uncertain=uncertain)
        if tools.receipts:
            receipt.owe(connection, number)
        ping.owe(connection, tools.site, number, planned.dirty, kept=want.trusted or standing.empty)
        journal.live(connection, number, rendered=summary.rendered, uploaded=summary.uploaded, retired=summary.retired,
                     purged=summary.purged, held_back=len(summary.held_back), apart=want.apart)
        connection.commit()
    if transaction.texts:
        text_cache.keep(connection, transaction.texts)
    if not complete:  # what was committed too fast to get a number is in no list: the next release looks at all again
        changes.touch_all(connection)
    clock.lap("live")
    summary.seconds = clock.seconds
    return summary
