"""Back to what an earlier release showed: the bodies kept since, put back in time proportional to what changed."""
from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

from psycopg2.extensions import connection as Connection

from builder import journal, lease, manifest, purge, release, render
from builder.catalog.reads import Catalog
from builder.connections import repeatable_read
from builder.packing import order_of, replacing, row_text, stamp
from builder.pages import KINDS
from builder.pages.page import LEAVES, Kind, Page
from builder.task import Batch, Job
from edge.address import Path, key_of
from edge.cdn.port import Purger
from edge.errors import LecternError
from edge.store.port import Object, Put, Store

KEPT_DAYS = 7
_LOT = 200  # objects read and held at once


class RollbackError(LecternError):
    """The release asked for cannot be gone back to."""


class Restored(NamedTuple):
    """What a rollback did."""

    release: int
    uploaded: int
    retired: int


class _Change(NamedTuple):
    """A path that is another than it was: what it was then (no `then` at all where it was not there)."""

    path: str
    kind: str
    digest: str
    release: int
    etag: str
    certain: bool
    was: tuple[str, int, str] | None  # of an uncertain one, as manifest.Row has it
    then_kept_as: str | None
    then_kind: str
    then_digest: str
    then_tags: str
    then_keys: list[int]
    then_unit: int


def back_to(connection: Connection, store: Store, job: Job, renderer: render.Renderer, purgers: Sequence[Purger], number: int) -> Restored:
    """Make the site what it was when release *number* was live, and put publishing on hold. The caller holds the lease.

    Each object gets a write number of this release, so that no ETag comes back. Raises RollbackError where *number*
    never was live, a body is kept no longer, or a takedown stands between; OtherStoreError.
    """
    journal.must_be_at(connection, store.name)
    _must_be_reachable(connection, number)
    connection.rollback()
    changes = _changes(connection, number)
    own = journal.draw(connection)
    # What is gone by this is made anew after the hold, as what is put back.
    job = job._replace(write_number=own, compare=True, trust=True, fingerprints={**job.fingerprints, "gone": ""})
    live = manifest.Manifest(connection, own, first=False)
    back = [change for change in changes if change.then_kept_as is not None]
    away = [change.path for change in changes if change.then_kept_as is None and not (change.kind == "gone" and change.certain)]
    counts = {"uploaded": 0}

    def batches() -> Iterator[Batch]:
        for start in range(0, len(back), _LOT):
            batch = _batch(store, own, back[start : start + _LOT])
            counts["uploaded"] += batch.changed
            live.add(batch.rows, batch.paths)
            yield batch
        live.bury(away)  # and no tombstone goes: what comes back now leaves again with the hold, as the catalog has it
        for batch in render.gone(job, Catalog(connection), renderer, away):
            counts["uploaded"] += batch.changed
            live.add(batch.rows, batch.paths)
            yield batch
        live.end(retain=True)
        journal.owe_no_retirements(connection)
        journal.begin(connection, own, store.name, "rollback", 0)
        journal.put_on_hold(connection, number)
        connection.commit()

    etags = release.upload(store, batches(), own, partial(lease.confirm, connection), partial(purge.announce, purgers),
                           partial(manifest.note_etags, connection, own))
    manifest.note_etags(connection, own, etags)
    purged = 0
    if purgers:
        purged = purge.owe_release(connection, purgers, own, counts["uploaded"], uncertain=not all(change.certain for change in changes))
    journal.live(connection, own, rendered=len(away), uploaded=counts["uploaded"], retired=len(away), purged=purged, held_back=0)
    connection.commit()
    return Restored(own, counts["uploaded"], len(away))


def sweep(connection: Connection, store: Store) -> int:
    """Forget bodies that were replaced more than KEPT_DAYS ago, or before the last takedown. Returns how many."""
    swept = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                """SELECT path, replaced_by, kept_as FROM live.retained
                WHERE at < clock_timestamp() - %s * interval '1 day' OR replaced_by <= (SELECT horizon FROM live.site)
                ORDER BY replaced_by, path LIMIT 1000""", (KEPT_DAYS,))
            rows = cursor.fetchall()
            connection.commit()
            if not rows:
                return swept
            # The horizon first: who reads it never finds a body missing on this side of it.
            cursor.execute("UPDATE live.site SET horizon = greatest(horizon, %s)", (max(row[1] for row in rows),))
            connection.commit()
            left = set(store.delete([row[2] for row in rows]))
            gone = [row for row in rows if row[2] not in left]
            cursor.execute("DELETE FROM live.retained r USING unnest(%s::text[], %s::int[]) AS n (path, replaced_by) "
                           "WHERE r.path = n.path AND r.replaced_by = n.replaced_by",
                           ([row[0] for row in gone], [row[1] for row in gone]))
            connection.commit()
        swept += len(gone)
        if left:
            return swept


def _must_be_reachable(connection: Connection, number: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT state FROM live.release WHERE number = %s", (number,))
        state = cursor.fetchone()
        cursor.execute("SELECT horizon, (SELECT max(number) FROM live.release WHERE state = 'live') FROM live.site")
        ((horizon, newest),) = cursor.fetchall()
        cursor.execute("SELECT max(number) FROM live.release WHERE number > %s AND cause = 'takedown'", (number,))
        ((takedown,),) = cursor.fetchall()
        cursor.execute("SELECT kind || ':' || id FROM live.takedown WHERE done_at IS NULL ORDER BY asked_at LIMIT 1")
        owed = cursor.fetchone()
    if owed:
        raise RollbackError(f"{owed[0]} is being taken down, which no rollback undoes: wait for that, or `python build.py resume` ends it.")
    if state is None and number < horizon:
        raise RollbackError(f"What release {number} showed is kept no longer: the oldest to go back to is {horizon}.")
    if state != ("live",):
        raise RollbackError(f"No release {number} ever was live: `python build.py releases` lists those that were.")
    if number == newest:
        raise RollbackError(f"Release {number} is what is live: there is nothing to go back from.")
    if number < horizon:
        raise RollbackError(f"Release {number} is behind the takedown of release {takedown}, which no rollback undoes." if takedown
                            else f"What release {number} showed is kept no longer: the oldest to go back to is {horizon}.")


def _changes(connection: Connection, number: int) -> list[_Change]:
    repeatable_read(connection)
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT o.path, o.kind, encode(o.digest, 'hex'), o.release, o.etag, r.state = 'live',
                encode(u.digest, 'hex'), u.release, u.etag,
                -- What a mending found lost may have been made again as it was, and kept since.
                CASE k.etag WHEN 'lost' THEN coalesce((SELECT s.kept_as FROM live.retained s
                    WHERE s.path = o.path AND s.digest = k.digest AND s.etag <> 'lost' ORDER BY s.replaced_by LIMIT 1), k.kept_as)
                    ELSE k.kept_as END, k.kind, encode(k.digest, 'hex'), k.tags, k.keys, k.unit
            FROM live.object o JOIN live.release r ON r.number = o.release
            LEFT JOIN LATERAL (SELECT k.digest, k.release, k.etag
                FROM live.retained k JOIN live.release d ON d.number = k.replaced_by AND d.state <> 'live'
                WHERE r.state <> 'live' AND k.path = o.path ORDER BY k.replaced_by DESC LIMIT 1) u ON true
            LEFT JOIN LATERAL (SELECT * FROM live.retained k WHERE k.path = o.path AND k.replaced_by > %(n)s
                ORDER BY k.replaced_by LIMIT 1) k ON k.release <= %(n)s
            WHERE o.release > %(n)s AND o.kind <> 'asset' ORDER BY o.path""", {"n": number})
        return [_Change._make((*row[:6], row[6:9] if row[6] else None, *row[9:])) for row in cursor]


def _batch(store: Store, own: int, changes: Sequence[_Change]) -> Batch:
    puts: dict[int, list[Put]] = {}
    rows: list[str] = []
    for change in changes:
        if change.certain and change.digest == change.then_digest:
            continue
        found = store.get(change.then_kept_as or "")
        if found is None:
            raise RollbackError(f"The store has lost what {change.path} showed then ({change.then_kept_as}): nothing was changed.")
        was = found[0]
        body = stamp(was.body, own) if was.gzipped else was.body
        thing = Object(key_of(Path(change.path)), body, *was[2:6], own, *was[7:])
        page = Page(Path(change.path), KINDS.get(change.then_kind) or _forgotten(change.then_kind, was), change.then_keys, "", None)
        now = manifest.Row(
            change.path, 0, change.kind, change.digest, [], "", 0, change.release, change.etag, "", change.certain, change.was)
        puts.setdefault(order_of(page, now), []).append(replacing(thing, now))
        # Made with nothing that is known: after the hold it is made anew.
        rows.append(row_text(page, change.then_unit, "", thing.digest, thing.tags, len(body), own, ""))
    changed = len(rows)
    return Batch({order: pickle.dumps(some, 5) for order, some in puts.items()}, "".join(rows).encode(),
                 [change.path for change in changes], 0, changed, 0, [], [], {})


def _forgotten(kind: str, was: Object) -> Kind:
    """A kind of page that this version makes no more: where it goes up is known to nobody, so first."""
    return Kind(kind, "", was.content_type, LEAVES)
