"""The manifest: what is live, a row a path. Written within the release's transaction, so it is also the journal of what was meant."""
from __future__ import annotations

import io
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from psycopg2.extensions import connection as Connection

from builder.catalog.reads import Catalog
from builder.pages.page import Page

_COLUMNS = "path, kind, digest, fingerprint, tags, keys, size_bytes, release, unit, etag"
COUNTED = 20_000
_UNGUARDED = frozenset(("redirect", "legal", "security_txt", "indexnow_key"))  # follow what they lead to, or a setting
_GUARD_SHARE, _GUARD_PAGES = 0.2, 10
"""A release that would retire more than this of a kind, with no change that names what leaves, is held back there."""


class Row(NamedTuple):
    """What the manifest says of a path."""

    path: str
    unit: int
    kind: str
    digest: str
    keys: list[int]
    fingerprint: str
    size_bytes: int
    release: int
    etag: str
    tags: str
    certain: bool  # False where a release that died may or may not have written it
    was: tuple[str, int, str] | None  # of an uncertain one: digest, release and ETag of what stood there before

    @property
    def version(self) -> tuple[str, int, str] | None:
        """Digest, write number and ETag of the newest version that is known to have stood there."""
        return (self.digest, self.release, self.etag) if self.certain else self.was

    def tells(self, page: Page, unit: int, fingerprint: str, dirty: Collection[int]) -> bool:
        """Whether *page*, not rendered yet, is sure to be what is live already."""
        return (self.certain and self.keys == page.keys and self.fingerprint == fingerprint and self.unit == unit
                and self.kind == page.kind.name and not any(key in dirty for key in page.keys))


def known(catalog: Catalog, paths: Sequence[str], units: Sequence[int]) -> list[Row]:
    """The rows of paths and of units."""
    return [Row._make((*row[:-3], row[-3:] if row[-3] else None))
            for row in catalog.rows("known", paths=list(paths), units=list(units))]


class Manifest:
    """The manifest as one release writes it, within its transaction."""

    def __init__(self, connection: Connection, release: int, *, first: bool) -> None:
        """*first*: nothing is live yet, so there is nothing to compare with and nothing that could leave. The bare
        table is filled and indexed at the end, in a third of the time."""
        self._cursor = connection.cursor()
        self._release = release
        self._first = first
        if first:
            self._cursor.execute("SELECT live.drop_object_indexes()")
        else:
            for table in ("written (LIKE live.object)", 'seen (path text COLLATE "C")'):
                self._cursor.execute(f"CREATE TEMPORARY TABLE IF NOT EXISTS {table} ON COMMIT DELETE ROWS")

    def add(self, rows: bytes, paths: Sequence[str]) -> None:
        """Rows in COPY's text format, of pages whose row is another now; and the paths of all that stand."""
        table = "live.object" if self._first else "written"
        if rows:
            self._cursor.copy_expert(f"COPY {table} ({_COLUMNS}) FROM STDIN", io.BytesIO(rows))
        if not self._first and paths:
            self._cursor.copy_expert("COPY seen FROM STDIN", io.BytesIO("".join(f"{p}\n" for p in paths).encode()))

    def leave(self, units: Collection[int] | None, dirty: Collection[int], *,
              guarded: bool) -> tuple[list[str], list[tuple[str, str, int]]]:
        """Bury the paths of *units* (None: of all) that no page stands on any more; free those that one stands on again.

        Returns the paths buried, and what the guard held back: (path, kind, unit). Assets stay, since cached
        pages still name them.
        """
        if self._first:
            return [], []
        run = self._cursor.execute
        if units is None:
            run("ANALYZE seen")
        # What was buried before, and stands until a purge is acknowledged or since a rollback, was named or let pass then.
        run(f"""SELECT o.path, o.kind, o.unit, o.keys && %s::bigint[] OR EXISTS (SELECT FROM live.tombstone t WHERE t.path = o.path)
            FROM live.object o WHERE o.kind NOT IN ('asset', 'gone') {"" if units is None else "AND o.unit = ANY(%s)"}
            AND NOT EXISTS (SELECT FROM seen WHERE seen.path = o.path) ORDER BY o.path""",
            (list(dirty),) if units is None else (list(dirty), list(units)))
        leaving = self._cursor.fetchall()
        held = self._held([row[1] for row in leaving if not row[3]]) if guarded else frozenset()
        buried = [path for path, kind, _, named in leaving if named or kind not in held]
        self._cursor.execute("DELETE FROM live.tombstone USING seen WHERE tombstone.path = seen.path")
        self.bury(buried)
        return buried, [(path, kind, unit) for path, kind, unit, named in leaving if not named and kind in held]

    def bury(self, paths: Sequence[str]) -> None:
        """Note that nothing stands at *paths* any more."""
        if paths:
            self._cursor.execute("INSERT INTO live.tombstone (path, release) SELECT unnest(%s), %s ON CONFLICT DO NOTHING",
                                 (list(paths), self._release))

    def _held(self, unnamed: Sequence[str]) -> frozenset[str]:
        """The kinds of which too many would leave unnamed."""
        held = {kind for kind, n in Counter(unnamed).items() if kind not in _UNGUARDED and self._are_too_many(kind, n)}
        return frozenset({*held, "redirect"} if held else ())  # a redirect leaves with what it leads to

    def _are_too_many(self, kind: str, leaving: int) -> bool:
        most = int(leaving / _GUARD_SHARE) + 1  # of half a million no more are counted than tell
        self._cursor.execute("SELECT count(*) FROM (SELECT FROM live.object WHERE kind = %s LIMIT %s) o", (kind, most))
        ((total,),) = self._cursor.fetchall()
        return bool(leaving == total or (leaving > _GUARD_PAGES and leaving > _GUARD_SHARE * total))

    def buried(self, fingerprint: str, *, trust: bool) -> list[str]:
        """Paths whose "gone" object is still to be made, or was made with something else than *fingerprint*, or is uncertain;
        without *trust* in what the store holds, all."""
        self._cursor.execute(
            """SELECT t.path FROM live.tombstone t WHERE NOT (%s AND EXISTS (
                SELECT FROM live.object o JOIN live.release r ON r.number = o.release
                WHERE o.path = t.path AND o.kind = 'gone' AND encode(o.fingerprint, 'hex') = %s AND r.state = 'live'))
            ORDER BY t.path""", (trust, fingerprint))
        return [row[0] for row in self._cursor]

    def still_buried(self, paths: Sequence[str]) -> list[str]:
        """Those of *paths* where no page stands again."""
        self._cursor.execute("SELECT path FROM live.tombstone WHERE path = ANY(%s)", (list(paths),))
        return [row[0] for row in self._cursor]

    def end(self, *, retain: bool) -> int:
        """Put the rows in place, and note what they replace; without *retain*, no rollback goes behind this. Returns how many
        objects are to be written."""
        run = self._cursor.execute
        if self._first:
            run("SELECT live.make_object_indexes()")
            return self._count("live.object")
        if retain:
            run("""INSERT INTO live.retained (path, replaced_by, kept_as, kind, digest, tags, keys, size_bytes, release, etag, unit)
                SELECT o.path, %s, 'retained/' || encode(o.digest, 'hex') || '.' || o.release, o.kind, o.digest, o.tags, o.keys,
                    o.size_bytes, o.release, o.etag, o.unit
                FROM live.object o JOIN written w USING (path) JOIN live.release r ON r.number = o.release
                WHERE w.release = %s AND r.state = 'live' AND o.kind NOT IN ('asset', 'gone')""", (self._release, self._release))
        else:  # what it replaces is kept nowhere, and would look as if it had never been there
            run("UPDATE live.site SET horizon = greatest(horizon, %s)", (self._release,))
        run(f"""INSERT INTO live.object ({_COLUMNS}) SELECT {_COLUMNS} FROM written
            ON CONFLICT (path) DO UPDATE SET kind = EXCLUDED.kind, digest = EXCLUDED.digest,
                fingerprint = EXCLUDED.fingerprint, tags = EXCLUDED.tags, keys = EXCLUDED.keys,
                size_bytes = EXCLUDED.size_bytes, release = EXCLUDED.release, unit = EXCLUDED.unit, etag = EXCLUDED.etag""")
        return self._count("written")

    def _count(self, table: str) -> int:
        self._cursor.execute(f"SELECT count(*)::int FROM {table} WHERE release = %s", (self._release,))
        ((count,),) = self._cursor.fetchall()
        return int(count)


def stale(connection: Connection, fingerprints: Mapping[str, str]) -> bool:
    """Whether something live was made with something else than *fingerprints* say, by kind."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT EXISTS (SELECT FROM live.object o LEFT JOIN unnest(%s, %s) AS f (kind, fingerprint) USING (kind)
            WHERE encode(o.fingerprint, 'hex') IS DISTINCT FROM f.fingerprint AND o.kind <> 'asset')""",
            (list(fingerprints), list(fingerprints.values())))
        return cursor.fetchone() == (True,)


def changed(connection: Connection, release: int) -> list[tuple[str, str, bool]]:
    """What *release* wrote: (path, tags as edges know them, whether it is new there)."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT o.path, coalesce(k.tags, o.tags), k.path IS NULL FROM live.object o
            LEFT JOIN live.retained k ON k.path = o.path AND k.replaced_by = o.release
            WHERE o.release = %s AND o.kind <> 'asset' ORDER BY o.path""", (release,))
        return cursor.fetchall()


def about(connection: Connection) -> int:
    """How many objects are live: counted where they are few, else as the server last estimated it, for counting half a
    million takes longer than a publish."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE oid = 'live.object'::regclass")
        ((estimate,),) = cursor.fetchall()
        if estimate < COUNTED:
            cursor.execute(f"SELECT count(*) FROM (SELECT FROM live.object LIMIT {COUNTED}) o")
            ((estimate,),) = cursor.fetchall()
    return int(estimate)


def note_etags(connection: Connection, release: int, etags: Mapping[str, str]) -> None:
    """What the store calls the versions that *release* has just written, by path."""
    if etags:
        with connection.cursor() as cursor:
            cursor.execute("""UPDATE live.object o SET etag = n.etag FROM unnest(%s, %s) AS n (path, etag)
                WHERE o.path = n.path AND o.release = %s""", (list(etags), list(etags.values()), release))


def counts(connection: Connection) -> dict[str, int]:
    """How many live pages there are of each kind."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT kind, count(*)::int FROM live.object GROUP BY kind ORDER BY kind")
        return {row[0]: row[1] for row in cursor}
