"""A takedown: at once, everywhere, for good. First the thing itself, its side files and every kept body that shows it,
then a hard purge, then what linked to it; and the proof, asked from outside."""
from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import NamedTuple

from psycopg2.extensions import connection as Connection

from builder import journal, purge
from builder.catalog import keys
from builder.catalog.refresh.rows import pictures_of
from builder.pages import PARTS, topic
from builder.pipeline import Publisher
from edge.address import Path, group_tag, key_of
from edge.cdn.port import Purger, tag, url
from edge.errors import LecternError
from edge.store.port import Store

KINDS = ("video", "batch", "course", "subject", "instructor")
PURGE_WAIT_S = 30.0
_ANSWER_S = 10.0
_ENCODINGS = ("gzip", "br", "identity")
_PROVEN_PATHS = 50


class TakedownError(LecternError):
    """There is no such thing to take down, or the store kept what it was to delete."""


class Proof(NamedTuple):
    """What one place answers for one path now: an HTTP status; 0 where nobody answered."""

    where: str
    encoding: str
    status: int


class Takedown(NamedTuple):
    """What was taken down."""

    release: int | None
    paths: list[str]
    proof: list[Proof]

    @property
    def holds(self) -> bool:
        """Whether every place that answered says that it is gone."""
        return all(one.status in (0, 404, 410) for one in self.proof)


class _Reached(NamedTuple):
    changed: frozenset[int]
    units: frozenset[int]
    videos: list[int]


def take_down(dsn: str, connection: Connection, publisher: Publisher, store: Store, purgers: Sequence[Purger], base_url: str,
              kind: str, id: int) -> Takedown:
    """Take a thing down. A video, and those of a batch or course, become withdrawn; a subject or instructor is deleted.

    The caller holds the lease. Raises TakedownError, OtherStoreError, StoreError, and what a release raises.
    """
    journal.must_be_at(connection, store.name)
    reached = _withdraw(connection, kind, id)
    with connection:
        pictures = [str(key) for key in pictures_of(connection, reached.videos)]
    first = publisher.take_down(reached.changed, reached.units)
    paths = _paths(connection, reached.units, first.release)
    _forget_kept(connection, store, reached.changed)
    if left := store.delete(pictures):
        raise TakedownError(f"The store did not delete {left[0]}, a picture of what is taken down: look at its rights, "
                            "then run this again.")
    if purgers:  # and where nothing was left to write: one that died may not have come as far as this
        number = first.release or journal.draw(connection)
        names = [tag(group_tag(kind, id)), *(tag(group_tag("video", video)) for video in reached.videos),
                 *(url(path) for path in (*paths, *(f"/{key}" for key in pictures)))]
        with connection, connection.cursor() as cursor:
            for purger in purgers:
                purge.owe_names(cursor, purger, number, names)
        purge.settle(dsn, purgers, wait_s=PURGE_WAIT_S)
    publisher.mend(reached.changed)
    if journal.standing(connection).held_at is None:
        publisher.release(guarded=False)
    _forget_kept(connection, store, reached.changed)  # what the mended pages showed
    if purgers:
        purge.settle(dsn, purgers, wait_s=PURGE_WAIT_S)
    proof = [*_stored(store, paths), *(one for path in paths[:_PROVEN_PATHS] for one in _asked(base_url, path))]
    return Takedown(first.release, paths, proof)


def _withdraw(connection: Connection, kind: str, id: int) -> _Reached:
    """Take it out of the catalog, and find what is its own."""
    if kind not in KINDS:
        raise TakedownError(f"A {kind} cannot be taken down: name one of {', '.join(KINDS)}, as in video:831.")
    with connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT FROM catalog.{kind} WHERE id = %s)", (id,))
        if cursor.fetchone() != (True,):
            raise TakedownError(f"There is no {kind}:{id} in the catalog.")
        videos: list[int] = []
        shown_by: list[int] = []
        if kind in ("video", "batch", "course"):
            cursor.execute(
                """UPDATE catalog.video v SET status = 'withdrawn', picture = NULL, card = NULL FROM catalog.batch b WHERE b.id = v.batch_id
                AND CASE %s WHEN 'video' THEN v.id WHEN 'batch' THEN b.id ELSE b.course_id END = %s RETURNING v.id""", (kind, id))
            videos = sorted(row[0] for row in cursor)
        else:  # many pages show its name under their videos' own keys
            cursor.execute(f"SELECT video_id FROM catalog.video_{kind} WHERE {kind}_id = %s", (id,))
            shown_by = [row[0] for row in cursor]
            cursor.execute(f"DELETE FROM catalog.{kind} WHERE id = %s", (id,))
        cursor.execute("SELECT id FROM catalog.batch WHERE %s = 'course' AND course_id = %s", (kind, id))
        batches = [row[0] for row in cursor]
        # With the first COMMIT, so that no death leaves a way back.
        cursor.execute("UPDATE live.site SET horizon = greatest(horizon, (SELECT max(number) + 1 FROM live.release))")
    changed = {keys.code(kind) | id << 8, keys.card(kind, id)}
    units = {PARTS["retired"].pack(keys.moved(kind, id))}
    if kind in ("subject", "instructor"):
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT DISTINCT unit FROM live.object WHERE keys @> ARRAY[%s::bigint]", (keys.code(kind) | id << 8,))
            own = PARTS[kind].code
            units |= {PARTS[kind].pack(topic.unit_of(id)), *(row[0] for row in cursor if row[0] & 255 == own and row[0] >> 24 == id)}
    elif kind != "video":
        units.add(PARTS[kind].pack(id))
    for batch in batches:
        changed |= {keys.batch(batch), keys.batch_card(batch)}
        units |= {PARTS["batch"].pack(batch), PARTS["retired"].pack(keys.moved("batch", batch))}
    for video in shown_by:
        changed |= {keys.video(video), keys.video_card(video), keys.video_place(video)}
    for video in videos:
        changed |= {keys.video(video), keys.video_card(video), keys.video_place(video)}
        units |= {PARTS["video"].pack(video), PARTS["captions"].pack(video), PARTS["retired"].pack(keys.moved("video", video))}
    return _Reached(frozenset(changed), frozenset(units), videos)


def _paths(connection: Connection, units: frozenset[int], release: int | None) -> list[str]:
    """What is gone by this: its paths, whenever they were used."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            """SELECT path FROM live.object WHERE release = %s AND kind = 'gone'
            UNION SELECT DISTINCT k.path FROM live.retained k JOIN live.object o USING (path)
                WHERE k.unit = ANY(%s) AND o.kind = 'gone' ORDER BY path""", (release, list(units)))
        return [row[0] for row in cursor]


def _forget_kept(connection: Connection, store: Store, changed: frozenset[int]) -> None:
    """Delete every kept body that shows what is taken down; nobody can go back behind this any more."""
    with connection, connection.cursor() as cursor:
        cursor.execute("UPDATE live.site SET horizon = greatest(horizon, (SELECT max(number) FROM live.release))")
        cursor.execute("SELECT path, replaced_by, kept_as FROM live.retained WHERE keys && %s::bigint[]", (list(changed),))
        rows = cursor.fetchall()
    if left := store.delete([row[2] for row in rows]):
        raise TakedownError(f"The store did not delete {left[0]}, a kept body that shows what is taken down: look at its rights, "
                            "then run this again.")
    with connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM live.retained r USING unnest(%s::text[], %s::int[]) AS n (path, replaced_by) "
                       "WHERE r.path = n.path AND r.replaced_by = n.replaced_by", ([row[0] for row in rows], [row[1] for row in rows]))


def _stored(store: Store, paths: Sequence[str]) -> list[Proof]:
    found = []
    for path in paths:
        thing = store.get(key_of(Path(path)))
        found.append(Proof(f"store {path}", "identity", thing[0].status if thing else 404))
    return found


def _asked(base_url: str, path: str) -> list[Proof]:
    """What the edge says of a path, in every encoding that it may hold it in."""
    found = []
    for encoding in _ENCODINGS:
        request = urllib.request.Request(base_url + path, headers={"Accept-Encoding": encoding, "User-Agent": "Lectern takedown"})
        try:
            with urllib.request.urlopen(request, timeout=_ANSWER_S) as answer:
                status = answer.status
        except urllib.error.HTTPError as error:
            status = error.code
        except OSError:
            status = 0
        found.append(Proof(base_url + path, encoding, status))
    return found
