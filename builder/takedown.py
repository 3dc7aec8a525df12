"""A takedown: at once, everywhere, for good. First the thing itself, its side files and every kept body that shows it,
then a hard purge, then what linked to it; and the proof, asked from outside.

What takes it out of the catalog also writes down, in one transaction and without the lease, all that the rest goes by: whoever holds
the lease next finishes it, and begins again where another died.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from typing import NamedTuple

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from builder import journal, lease, proof, purge
from builder.catalog import keys
from builder.catalog.refresh.rows import pictures_of
from builder.pages import PARTS, topic
from builder.proof import Proof
from builder.publishing import Publisher
from edge.address import group_tag
from edge.cdn.port import Name, Purger, tag, url
from edge.errors import LecternError
from edge.store.port import Store

KINDS = ("video", "batch", "course", "subject", "instructor")
PURGE_WAIT_S = 30.0

# Purpose: owe a takedown; one that is asked for again begins anew, with all that is known of it.
_OWE = """INSERT INTO live.takedown AS t (kind, id, changed, units, videos, pictures)
    VALUES (%(kind)s, %(id)s, %(changed)s, %(units)s, %(videos)s, %(pictures)s)
    ON CONFLICT (kind, id) DO UPDATE SET asked_at = clock_timestamp(), done_at = NULL, release = NULL,
        changed = ARRAY(SELECT unnest(t.changed) UNION SELECT unnest(EXCLUDED.changed)),
        units = ARRAY(SELECT unnest(t.units) UNION SELECT unnest(EXCLUDED.units)),
        videos = ARRAY(SELECT unnest(t.videos) UNION SELECT unnest(EXCLUDED.videos)),
        pictures = ARRAY(SELECT unnest(t.pictures) UNION SELECT unnest(EXCLUDED.pictures))"""
# Purpose: nothing names a card that is about to be deleted; should its thing come back, refresh draws it anew.
_NO_CARDS = """WITH videos AS (UPDATE catalog.video SET card = NULL WHERE id = ANY(%(videos)s)),
    batches AS (UPDATE catalog.batch SET card = NULL WHERE id << 8 | 3 = ANY(%(owners)s)),
    courses AS (UPDATE catalog.course SET card = NULL WHERE id << 8 | 1 = ANY(%(owners)s)),
    drawn AS (DELETE FROM live.refresh_card WHERE owner = ANY(%(owners)s))
    UPDATE live.refresh_video SET card_of = NULL WHERE video_id = ANY(%(videos)s)"""
_AGAIN = "UPDATE live.takedown SET done_at = NULL, release = NULL WHERE kind = %s AND id = %s"
_OWED = "SELECT kind, id FROM live.takedown WHERE done_at IS NULL ORDER BY asked_at, kind, id LIMIT 1"
# Purpose: note every path that its pages have, or had while bodies are kept, before any of that is deleted.
_NOTE = """UPDATE live.takedown t SET units = ARRAY(SELECT unnest(t.units) UNION SELECT unnest(%(units)s::bigint[])), paths = ARRAY(
        SELECT unnest(t.paths)
        UNION SELECT o.path FROM live.object o WHERE o.kind <> 'asset' AND (o.unit = ANY(t.units) OR o.unit = ANY(%(units)s))
        UNION SELECT k.path FROM live.retained k WHERE k.unit = ANY(t.units) OR k.unit = ANY(%(units)s))
    WHERE t.kind = %(kind)s AND t.id = %(id)s RETURNING changed, units, videos, pictures, paths"""
_DONE = "UPDATE live.takedown SET done_at = clock_timestamp(), release = coalesce(release, %s) WHERE kind = %s AND id = %s"
_RELEASED = "UPDATE live.takedown SET release = %s WHERE kind = %s AND id = %s"
# Purpose: where it stood and is gone now, for another thing may have come to one of its paths since; and what edges are told to forget.
_GONE = """SELECT t.release, ARRAY(SELECT o.path FROM live.object o WHERE o.path = ANY(t.paths) AND o.kind = 'gone' ORDER BY o.path),
    t.videos, t.pictures, t.paths FROM live.takedown t WHERE t.kind = %s AND t.id = %s"""
_UNACKNOWLEDGED = "SELECT count(*) FROM live.debt WHERE kind = 'purge' AND NOT again AND what && %s::text[]"


class TakedownError(LecternError):
    """There is no such thing to take down, or the store kept what it was to delete."""


class Takedown(NamedTuple):
    """What was taken down, and what is said of it since."""

    release: int | None
    paths: list[str]
    proof: list[Proof]
    owed: int = 0  # first purges of it that no CDN has acknowledged yet; they are sent until one does
    cached: bool = False  # a CDN stands before the site, and may hold what the store has no more

    @property
    def unproven(self) -> list[Proof]:
        """The answers that do not say that it is gone. Silence is one, but where no CDN is: then the store's word is enough."""
        return [one for one in self.proof if not one.gone and (one.status or self.cached)]

    @property
    def holds(self) -> bool:
        """Whether it is proven: every place says that it is gone, and every CDN has acknowledged its purge."""
        return not self.unproven and not self.owed


class _Owed(NamedTuple):
    changed: frozenset[int]
    units: frozenset[int]
    videos: list[int]
    pictures: list[str]
    paths: list[str]


def withdraw(connection: Connection, store: Store, kind: str, id: int) -> None:
    """Take a thing out of the catalog, and owe its takedown: from this COMMIT on nobody brings it back. Needs no lease.

    A video, and those of a batch or course, become withdrawn; a subject or instructor is deleted. Raises TakedownError,
    OtherStoreError.
    """
    journal.must_be_at(connection, store.name)
    if kind not in KINDS:
        raise TakedownError(f"A {kind} cannot be taken down: name one of {', '.join(KINDS)}, as in video:831.")
    with connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT FROM catalog.{kind} WHERE id = %s)", (id,))
        if cursor.fetchone() == (True,):
            _withdraw(connection, cursor, kind, id)
            return
        cursor.execute(_AGAIN, (kind, id))
        if not cursor.rowcount:
            raise TakedownError(f"There is no {kind}:{id} in the catalog.")


def finish(connection: Connection, publisher: Publisher, store: Store, purgers: Sequence[Purger], pay: Callable[[], object]) -> list[str]:
    """Finish the takedowns that are owed, the oldest first. *pay* sends purges that are due. Returns the things, as video:831.

    The caller holds the lease. Raises TakedownError, OtherStoreError, StoreError, and what a release raises.
    """
    done: list[str] = []
    while True:
        with connection, connection.cursor() as cursor:
            cursor.execute(_OWED)
            row = cursor.fetchone()
        if row is None:
            return done
        _finish(connection, publisher, store, purgers, pay, *row)
        done.append(f"{row[0]}:{row[1]}")


def finish_owed(dsn: str, store: Store, publishers: Callable[[Connection], Publisher], purgers: Sequence[Purger],
                wait_s: float) -> list[str]:
    """As `finish`, under the lease, where one is owed. Raises LeaseHeld too."""
    with closing(psycopg2.connect(dsn, connect_timeout=10)) as connection:
        with connection, connection.cursor() as cursor:
            cursor.execute(_OWED)
            if cursor.fetchone() is None:
                return []
        with lease.held(connection, wait_s):
            return finish(connection, publishers(connection), store, purgers, lambda: purge.settle(dsn, purgers, wait_s=PURGE_WAIT_S))


def take_down(dsn: str, connection: Connection, publisher: Publisher, store: Store, purgers: Sequence[Purger], base_url: str,
              kind: str, id: int, held: Callable[[], AbstractContextManager[None]] = nullcontext) -> Takedown:
    """Withdraw a thing at once; then, with the lease *held*, have it gone everywhere; then ask whether it is. Who gives none holds it.

    Raises as `withdraw`, *held* and `finish` do.
    """
    withdraw(connection, store, kind, id)
    with held():  # meanwhile the worker may have finished it
        finish(connection, publisher, store, purgers, lambda: purge.settle(dsn, purgers, wait_s=PURGE_WAIT_S))
    with connection, connection.cursor() as cursor:
        cursor.execute(_GONE, (kind, id))
        ((release, gone, videos, pictures, paths),) = cursor.fetchall()
    owed = 0
    if purgers:
        names = [str(name) for name in _names(kind, id, videos, paths, pictures)]
        if _unacknowledged(connection, names):  # the worker that finished it does not wait for them
            purge.settle(dsn, purgers, wait_s=PURGE_WAIT_S)
        owed = _unacknowledged(connection, names)
    addresses = [*gone, *(f"/{key}" for key in pictures)]
    return Takedown(release, gone, [
        *proof.at_store(store, addresses), *proof.at_edge(base_url, addresses, again=bool(purgers), wait_s=proof.PROOF_S)],
        owed, bool(purgers))


def _withdraw(connection: Connection, cursor: Cursor, kind: str, id: int) -> None:
    """Take it out of the catalog, find what is its own, and owe the rest."""
    videos: list[int] = []
    shown_by: list[int] = []
    if kind in ("video", "batch", "course"):
        cursor.execute(
            """UPDATE catalog.video v SET status = 'withdrawn', picture = NULL FROM catalog.batch b WHERE b.id = v.batch_id
            AND CASE %s WHEN 'video' THEN v.id WHEN 'batch' THEN b.id ELSE b.course_id END = %s RETURNING v.id""", (kind, id))
        videos = sorted(row[0] for row in cursor)
    else:  # many pages show its name under their videos' own keys
        cursor.execute(f"SELECT video_id FROM catalog.video_{kind} WHERE {kind}_id = %s", (id,))
        shown_by = [row[0] for row in cursor]
        cursor.execute(f"DELETE FROM catalog.{kind} WHERE id = %s", (id,))
    cursor.execute("SELECT id FROM catalog.batch WHERE %s = 'course' AND course_id = %s", (kind, id))
    batches = [row[0] for row in cursor]
    owners = [*map(keys.video, videos), *map(keys.batch, batches), *([keys.code(kind) | id << 8] if kind in ("batch", "course") else [])]
    pictures = {str(key) for key in pictures_of(connection, owners)}
    if kind == "instructor":  # whose name is drawn on their lectures' cards
        pictures.update(key for key in map(str, pictures_of(connection, map(keys.video, shown_by))) if "/card-" in key)
    cursor.execute(_NO_CARDS, {"videos": [*videos, *(shown_by if kind == "instructor" else ())], "owners": owners})
    changed = {keys.code(kind) | id << 8, keys.card(kind, id)}
    units = {PARTS["retired"].pack(keys.moved(kind, id)), *_topic_units(cursor, kind, id)}
    if kind in ("batch", "course"):
        units.add(PARTS[kind].pack(id))
    for batch in batches:
        changed |= {keys.batch(batch), keys.batch_card(batch)}
        units |= {PARTS["batch"].pack(batch), PARTS["retired"].pack(keys.moved("batch", batch))}
    for video in shown_by:
        changed |= {keys.video(video), keys.video_card(video), keys.video_place(video)}
    for video in videos:
        changed |= {keys.video(video), keys.video_card(video), keys.video_place(video)}
        units |= {PARTS["video"].pack(video), PARTS["captions"].pack(video), PARTS["retired"].pack(keys.moved("video", video))}
    cursor.execute(_OWE, {"kind": kind, "id": id, "changed": sorted(changed), "units": sorted(units), "videos": videos,
                          "pictures": sorted(pictures)})


def _topic_units(cursor: Cursor, kind: str, id: int) -> set[int]:
    """The units, packed, that are a subject's or instructor's pages, as far as they are live."""
    if kind not in ("subject", "instructor"):
        return set()
    cursor.execute("SELECT DISTINCT unit FROM live.object WHERE keys @> ARRAY[%s::bigint]", (keys.code(kind) | id << 8,))
    own = PARTS[kind].code
    return {PARTS[kind].pack(topic.unit_of(id)), *(row[0] for row in cursor if row[0] & 255 == own and row[0] >> 24 == id)}


def _finish(connection: Connection, publisher: Publisher, store: Store, purgers: Sequence[Purger], pay: Callable[[], object],
            kind: str, id: int) -> None:
    """Every step of a takedown. Each may have been done before, by one that died, and does no harm twice."""
    journal.must_be_at(connection, store.name)
    with connection, connection.cursor() as cursor:
        cursor.execute("UPDATE live.site SET horizon = greatest(horizon, (SELECT max(number) + 1 FROM live.release))")
        cursor.execute(_NOTE, {"kind": kind, "id": id, "units": sorted(_topic_units(cursor, kind, id))})
        ((changed, units, videos, pictures, paths),) = cursor.fetchall()
    owed = _Owed(frozenset(changed), frozenset(units), videos, pictures, paths)
    first = publisher.take_down(owed.changed, owed.units)
    if first.release is not None:
        with connection, connection.cursor() as cursor:
            cursor.execute(_RELEASED, (first.release, kind, id))
    _forget_kept(connection, store, owed.changed)
    if left := store.delete(owed.pictures):
        raise TakedownError(f"The store did not delete {left[0]}, a picture of what is taken down: look at its rights, "
                            "then run this again.")
    if purgers:  # and where nothing was left to write: one that died may not have come as far as this
        number = first.release or journal.draw(connection)
        names = _names(kind, id, owed.videos, owed.paths, owed.pictures)
        with connection, connection.cursor() as cursor:
            for purger in purgers:
                purge.owe_names(cursor, purger, number, names)
        pay()
    publisher.mend(owed.changed)
    if journal.standing(connection).held_at is None:
        publisher.release(guarded=False)
    _forget_kept(connection, store, owed.changed)  # what the mended pages showed
    with connection, connection.cursor() as cursor:
        cursor.execute(_DONE, (first.release, kind, id))
    if purgers:
        pay()


def _forget_kept(connection: Connection, store: Store, changed: frozenset[int]) -> None:
    """Delete every kept body that shows what is taken down; nobody can go back behind this any more."""
    with connection, connection.cursor() as cursor:
        cursor.execute("UPDATE live.site SET horizon = greatest(horizon, (SELECT max(number) FROM live.release))")
        cursor.execute("SELECT path, replaced_by, kept_as FROM live.retained WHERE keys && %s::bigint[]",
                       ([*changed, keys.SEARCH],))
        rows = cursor.fetchall()
    if left := store.delete([row[2] for row in rows]):
        raise TakedownError(f"The store did not delete {left[0]}, a kept body that shows what is taken down: look at its rights, "
                            "then run this again.")
    with connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM live.retained r USING unnest(%s::text[], %s::int[]) AS n (path, replaced_by) "
                       "WHERE r.path = n.path AND r.replaced_by = n.replaced_by", ([row[0] for row in rows], [row[1] for row in rows]))


def _names(kind: str, id: int, videos: Sequence[int], paths: Sequence[str], pictures: Sequence[str]) -> list[Name]:
    """What every CDN is told to forget of it."""
    return [tag(group_tag(kind, id)), *(tag(group_tag("video", video)) for video in videos),
            *(url(path) for path in (*paths, *(f"/{key}" for key in pictures)))]


def _unacknowledged(connection: Connection, names: Sequence[str]) -> int:
    with connection, connection.cursor() as cursor:
        cursor.execute(_UNACKNOWLEDGED, (list(names),))
        ((count,),) = cursor.fetchall()
    return int(count)
