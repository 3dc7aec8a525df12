"""Places in lists and cuts of indexes: rows written when first shown, never changed or reused.

A small release writes them within its own transaction. A large one commits them just before its
snapshot is taken, since the processes that join a snapshot cannot see what its own transaction wrote;
and a snapshot in which something lacks a number is taken again.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence

from psycopg2.extensions import connection as Connection

from builder.catalog import postings
from builder.catalog.queries import queries
from builder.catalog.reads import Catalog
from builder.connections import repeatable_read
from builder.pages import index

TRIES = 10  # each loses only to an editor who committed in the same few milliseconds


def snapshot(connection: Connection) -> tuple[str, bool]:
    """Begin a large release's transaction: one moment of the catalog in which everything shown has its number and its terms.

    Returns the snapshot's name for others to join, and True. False where editors commit faster than numbers can be
    given: what has none yet is in no list until the next build.
    """
    sql = queries("numbers")
    with connection.cursor() as cursor:
        cursor.execute(sql["shown"])
        connection.commit()
        stale = False
        for left in reversed(range(TRIES)):
            cursor.execute(sql["assign"])
            cursor.execute(sql["end_all"])
            split(connection, index.LISTS_CUT)
            if stale:
                postings.refresh(connection)
            connection.commit()
            repeatable_read(connection)
            cursor.execute(sql["missing"])
            numbered = cursor.fetchone() == (False,)
            stale = bool(postings.stale(connection))
            complete = numbered and not stale
            if complete or not left:
                cursor.execute("SELECT pg_export_snapshot()")
                row = cursor.fetchone()
                assert row is not None
                return str(row[0]), complete
            connection.rollback()
    raise AssertionError("the last try returns")


def assign(connection: Connection, videos: Sequence[int], batches: Sequence[int]) -> None:
    """Give the shown ones of *videos* and *batches* (and the videos' batches) numbers in the lists where they have none."""
    if videos or batches:
        with connection.cursor() as cursor:
            cursor.execute(queries("numbers")["assign_some"], {"videos": list(videos), "batches": list(batches)})


def split(connection: Connection, kinds: Iterable[str]) -> None:
    """Note which prefixes of the alphabetical indexes of *kinds* have grown to pages of their own."""
    catalog = Catalog(connection)
    for kind in kinds:
        splits = {row[0] for row in catalog.rows("index_splits", list=kind)}
        for prefix in sorted(index.wanted_splits(index.names(catalog, kind), splits)):
            with connection.cursor() as cursor:
                cursor.execute(queries("numbers")["split"], {"list": kind, "prefix": prefix})
