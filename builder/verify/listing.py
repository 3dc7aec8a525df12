"""The store's listing beside the manifest, as tables of one session: neither has to fit into memory."""
from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from psycopg2.extensions import connection as Connection

from builder.journal import LARGEST_NUMBER
from edge.address import Key, key_of, path_of
from edge.media import MEDIA
from edge.media_signature import PROTECTED
from edge.store.port import Store

_LOT = 5_000

_TABLE = """CREATE TEMPORARY TABLE IF NOT EXISTS listed (
        name text NOT NULL, path text COLLATE "C", etag text NOT NULL, size_bytes bigint NOT NULL, digest text NOT NULL,
        write_number bigint NOT NULL);
    TRUNCATE listed"""
# Purpose: live paths that the store has not, or has otherwise. A release that is at work, or died, is left to itself.
_DOUBTFUL = """SELECT o.path FROM live.object o JOIN live.release r ON r.number = o.release LEFT JOIN listed l ON l.path = o.path
    WHERE r.state <> 'writing' AND (l.path IS NULL OR r.state = 'live' AND (
        l.digest <> encode(o.digest, 'hex') OR l.size_bytes <> o.size_bytes OR o.etag NOT IN ('', l.etag)
        OR o.kind <> 'asset' AND l.write_number <> o.release))
    ORDER BY o.path"""
# Purpose: some of those that look well.
_SAMPLE = """SELECT o.path FROM live.object o JOIN live.release r ON r.number = o.release JOIN listed l ON l.path = o.path
    WHERE r.state = 'live' AND l.digest = encode(o.digest, 'hex') AND l.size_bytes = o.size_bytes AND o.etag IN ('', l.etag)
        AND (o.kind = 'asset' OR l.write_number = o.release)
    ORDER BY random() LIMIT %s"""
# Purpose: what the store has and nothing names: no page, no kept body, no picture, no preview, and no media, which people put there.
_FOREIGN = """SELECT l.name, l.path FROM listed l WHERE (l.path IS NULL OR NOT (
        EXISTS (SELECT FROM live.object o WHERE o.path = l.path)
        OR EXISTS (SELECT FROM live.retained k WHERE k.kept_as = substr(l.path, 2))
        OR EXISTS (SELECT FROM live.refresh_picture p WHERE p.key = substr(l.path, 2))
        OR starts_with(l.path, '/preview/') AND EXISTS (SELECT FROM desk.question q WHERE q.token = split_part(l.path, '/', 3))))
        AND NOT starts_with(l.name, %s) AND NOT starts_with(l.name, %s)
    ORDER BY l.name"""
# Purpose: pictures that videos, batches and courses show and the store has not.
_PICTURES = """SELECT DISTINCT v.key FROM (
        SELECT unnest(ARRAY[picture, replace(picture, '-640.webp', '-256.webp'), card]) AS key
        FROM catalog.video WHERE status <> 'withdrawn'
        UNION ALL SELECT card FROM catalog.batch UNION ALL SELECT card FROM catalog.course) v
    WHERE v.key IS NOT NULL AND NOT EXISTS (SELECT FROM listed l WHERE l.path = '/' || v.key) ORDER BY v.key"""
# Purpose: which of some keys something names by now.
_KNOWN = """SELECT key FROM unnest(%(keys)s::text[], %(paths)s::text[]) AS asked (key, path) WHERE
    EXISTS (SELECT FROM live.object o WHERE o.path = asked.path)
    OR EXISTS (SELECT FROM live.retained k WHERE k.kept_as = asked.key)
    OR EXISTS (SELECT FROM live.refresh_picture p WHERE p.key = asked.key)
    OR starts_with(asked.path, '/preview/') AND EXISTS (SELECT FROM desk.question q WHERE q.token = split_part(asked.path, '/', 3))"""


class Stray(NamedTuple):
    """An object that nothing names; *path* is "" where its key is no page's."""

    key: str
    path: str


class Listing:
    """What a store held when it was listed, in temporary tables of *connection*."""

    def __init__(self, connection: Connection, store: Store) -> None:
        """Lists it all. Raises StoreError."""
        self._connection = connection
        self._run(_TABLE)
        heads = iter(store.list())
        self.count = self.highest = 0
        while lot := list(islice(heads, _LOT)):
            text = io.StringIO()
            for head in lot:
                text.write("\t".join((_name(head.key), _path(head.key) or "\\N", head.etag.replace("\\", "\\\\").replace("\t", "\\t"),
                                      str(head.size_bytes), head.digest.replace("\\", "\\\\"), str(head.write_number))) + "\n")
            text.seek(0)
            with connection.cursor() as cursor:
                cursor.copy_expert("COPY listed FROM STDIN", text)
            self.count += len(lot)
            self.highest = max(self.highest, max((h.write_number for h in lot if h.digest and h.write_number < LARGEST_NUMBER), default=0))
        self._run("ANALYZE listed")
        connection.commit()

    def doubtful(self) -> Iterator[str]:
        """Live paths that are missing or look otherwise than the manifest says."""
        return (row[0] for row in self._stream(_DOUBTFUL))

    def sample(self, most: int) -> Iterator[str]:
        """At most so many live paths that look well, at random."""
        return (row[0] for row in self._stream(_SAMPLE, (most,)))

    def foreign(self) -> Iterator[Stray]:
        """What nothing names."""
        return (Stray(unquote(name, errors="surrogatepass"), path or "") for name, path in self._stream(_FOREIGN, (PROTECTED, MEDIA)))

    def _run(self, statement: str) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(statement)

    def _stream(self, query: str, values: Sequence[object] = ()) -> Iterator[tuple[Any, ...]]:
        """Rows by a cursor that stays on the server and outlives its transaction."""
        with self._connection.cursor(f"verify_{id(query)}", withhold=True) as cursor:
            cursor.itersize = _LOT
            cursor.execute(query, values)
            yield from cursor


def lost_pictures(connection: Connection) -> list[str]:
    """Keys of pictures that rows name and that the store had not when it was listed over *connection*."""
    with connection.cursor() as cursor:
        cursor.execute(_PICTURES)
        found = [row[0] for row in cursor]
    connection.commit()
    return found


def still_foreign(connection: Connection, strays: Sequence[Stray]) -> list[Stray]:
    """Those of *strays* that nothing names by now either."""
    plain = [stray for stray in strays if stray.path]
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, {"keys": [stray.key for stray in plain], "paths": [stray.path for stray in plain]})
        known = {row[0] for row in cursor}
    connection.commit()
    return [stray for stray in strays if stray.key not in known]


def _name(key: str) -> str:
    """A key as plain ASCII, whatever stands in it: a bucket may hold what PostgreSQL's text cannot."""
    return quote(key, safe="/-._~", errors="surrogatepass")


def _path(key: str) -> str:
    """The path of a key, "" where no page has such a key: a folder's own marker ends in a slash."""
    try:
        path = path_of(Key(key))
    except UnicodeEncodeError:
        return ""
    return path if key_of(path) == key else ""
