"""The manifest: what is live, a row a path. Written within the release's transaction, so it is also the journal of what was meant."""
from __future__ import annotations

import io
from collections.abc import Sequence

from psycopg2.extensions import connection as Connection

_COLUMNS = "path, kind, digest, fingerprint, tags, keys, size_bytes, release"
_INDEXES = (
    "CREATE INDEX object_keys ON live.object USING gin (keys) WITH (fastupdate = off)",
    "CREATE INDEX object_release ON live.object (release)",
)


class Manifest:
    """The manifest as one release writes it, from `begin` to the transaction's COMMIT."""

    def __init__(self, connection: Connection) -> None:
        self._cursor = connection.cursor()
        self._cursor.execute("SELECT NOT EXISTS (SELECT FROM live.object)")
        row = self._cursor.fetchone()
        self.was_empty = row == (True,)
        """True for a first build: nothing to compare with, nothing that could leave."""

    def begin(self) -> None:
        """Make ready for rows. A first build fills the bare table and indexes it at the end, in a third of the time."""
        if self.was_empty:
            self._cursor.execute("DROP INDEX live.object_keys, live.object_release")
        else:
            self._cursor.execute("CREATE TEMPORARY TABLE written (LIKE live.object) ON COMMIT DROP")
            self._cursor.execute("CREATE TEMPORARY TABLE seen (path text COLLATE \"C\") ON COMMIT DROP")

    def add(self, rows: bytes, paths: Sequence[str]) -> None:
        """Rows in COPY's text format, of pages that changed; and the paths of all that were rendered."""
        table = "live.object" if self.was_empty else "written"
        if rows:
            self._cursor.copy_expert(f"COPY {table} ({_COLUMNS}) FROM STDIN", io.BytesIO(rows))
        if not self.was_empty:
            self._cursor.copy_expert("COPY seen FROM STDIN", io.BytesIO("".join(f"{p}\n" for p in paths).encode()))

    def retire(self, release: int, fingerprint: bytes, trust: bool) -> list[str]:
        """Bury the paths that no page stands on any more, and free those that one stands on again.

        Returns the paths whose "gone" object is to be made: all buried ones, but for those that have theirs by
        this *fingerprint* in a store to *trust*. Assets stay: cached pages still name them.
        """
        if not self.was_empty:
            self._cursor.execute("ANALYZE seen")
            self._cursor.execute("DELETE FROM live.tombstone USING seen WHERE tombstone.path = seen.path")
            self._cursor.execute(
                """INSERT INTO live.tombstone (path, release)
                SELECT o.path, %s FROM live.object o LEFT JOIN seen ON seen.path = o.path
                WHERE seen.path IS NULL AND o.kind <> 'asset' ON CONFLICT DO NOTHING""", (release,))
        self._cursor.execute(
            """SELECT t.path FROM live.tombstone t WHERE NOT %s OR NOT EXISTS (
                SELECT FROM live.object o JOIN live.release r ON r.number = o.release
                WHERE o.path = t.path AND o.kind = 'gone' AND o.fingerprint = %s AND r.state = 'live')
            ORDER BY t.path""", (trust, fingerprint))
        return [row[0] for row in self._cursor]

    def end(self) -> None:
        """Put the rows in place."""
        if self.was_empty:
            for index in _INDEXES:
                self._cursor.execute(index)
        else:
            self._cursor.execute(
                f"""INSERT INTO live.object ({_COLUMNS}) SELECT {_COLUMNS} FROM written
                ON CONFLICT (path) DO UPDATE SET kind = EXCLUDED.kind, digest = EXCLUDED.digest,
                    fingerprint = EXCLUDED.fingerprint, tags = EXCLUDED.tags, keys = EXCLUDED.keys,
                    size_bytes = EXCLUDED.size_bytes, release = EXCLUDED.release""")


def counts(connection: Connection) -> dict[str, int]:
    """How many live pages there are of each kind."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT kind, count(*)::int FROM live.object GROUP BY kind ORDER BY kind")
        return {row[0]: row[1] for row in cursor}
