"""Places in lists and cuts of indexes: rows written when first shown, never changed or reused.

They are committed just before the release's snapshot is taken, since the processes that join a
snapshot cannot see what its own transaction wrote; and a snapshot in which something lacks a number
is taken again.
"""
from __future__ import annotations

from psycopg2.extensions import connection as Connection

from builder.catalog.queries import queries
from builder.catalog.reads import Catalog
from builder.pages import index

TRIES = 10  # each loses only to an editor who committed in the same few milliseconds


def snapshot(connection: Connection) -> tuple[str, bool]:
    """Begin the release's transaction: one moment of the catalog in which everything shown has its number.

    Returns the snapshot's name for others to join, and True. False where editors commit faster than numbers can be
    given: what has none yet is in no list until the next build.
    """
    sql = queries("numbers")
    with connection.cursor() as cursor:
        cursor.execute(sql["shown"])
        connection.commit()
        for left in reversed(range(TRIES)):
            cursor.execute(sql["assign"])
            _split(connection)
            connection.commit()
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute(sql["missing"])
            complete = cursor.fetchone() == (False,)
            if complete or not left:
                cursor.execute("SELECT pg_export_snapshot()")
                row = cursor.fetchone()
                assert row is not None
                return str(row[0]), complete
            connection.rollback()
    raise AssertionError("the last try returns")


def _split(connection: Connection) -> None:
    catalog = Catalog(connection)
    for kind in index.LISTS_CUT:
        splits = {row[0] for row in catalog.rows("index_splits", list=kind)}
        for prefix in sorted(index.wanted_splits(index.names(catalog, kind), splits)):
            with connection.cursor() as cursor:
                cursor.execute(queries("numbers")["split"], {"list": kind, "prefix": prefix})
