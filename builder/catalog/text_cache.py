"""Clean texts as they are kept in ``live.clean_text``, and forgotten, piece by piece, when no row of the catalog bears their source.

A kept text's hash tells nothing of its source, so first all hashes that the catalog's own rows lead to are gathered, by walking its
primary key. It is only a cache: a text that is forgotten wrongly, since its row came meanwhile, is made anew when a page needs it,
and a release that is under way reads its own snapshot.
"""
from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from builder.catalog import text

LOT = 2_000  # rows a transaction: some milliseconds, and little is lost at a kill

# Purpose: where to gather the hashes that are borne; a former run may have died over it.
_BEGIN = "DROP TABLE IF EXISTS pg_temp.borne; CREATE TEMPORARY TABLE borne (hash bytea PRIMARY KEY)"
# Purpose: gather those of the next videos; returns the last id of them, NULL where there are no more.
_VIDEOS = """WITH lot AS MATERIALIZED (
        SELECT id, text_hash FROM catalog.video WHERE id > %(after)s ORDER BY id LIMIT %(lot)s),
    kept AS (INSERT INTO pg_temp.borne SELECT sha256(%(salt)s::bytea || text_hash) FROM lot ON CONFLICT DO NOTHING)
    SELECT max(id) FROM lot"""
# Purpose: gather those of courses and batches, which keep no hash; they are few.
_OTHERS = """INSERT INTO pg_temp.borne
    SELECT sha256(%(salt)s::bytea || catalog.text_hash(description_markup, description)) FROM (
        SELECT description_markup, description FROM catalog.course UNION ALL
        SELECT description_markup, description FROM catalog.batch) words WHERE description <> ''
    ON CONFLICT DO NOTHING"""
_GATHERED = "ANALYZE pg_temp.borne"  # nobody else does it for a temporary table
# Purpose: forget those of the next kept texts that nothing bears; returns the last hash looked at, and how many left.
_FORGET = """WITH lot AS MATERIALIZED (
        SELECT hash FROM live.clean_text WHERE hash > %(after)s ORDER BY hash LIMIT %(lot)s),
    last AS MATERIALIZED (SELECT hash FROM lot ORDER BY hash DESC LIMIT 1),
    gone AS (DELETE FROM live.clean_text WHERE hash = ANY(ARRAY(
        SELECT hash FROM lot WHERE hash NOT IN (
            SELECT b.hash FROM pg_temp.borne b WHERE b.hash > %(after)s AND b.hash <= (SELECT hash FROM last)))) RETURNING 1)
    SELECT (SELECT hash FROM last), (SELECT count(*) FROM gone)"""
_END = "DROP TABLE pg_temp.borne"


def keep(connection: Connection, texts: Mapping[bytes, text.CleanText]) -> None:
    """Keep clean texts by hash, in a transaction of its own, which may meet another that keeps the same."""
    with connection, connection.cursor() as cursor:
        execute_values(cursor, "INSERT INTO live.clean_text (hash, html, plain, note) VALUES %s ON CONFLICT DO NOTHING",
                       [(hash, *clean) for hash, clean in texts.items()])


def forget_unused(connection: Connection, lot: int = LOT) -> int:
    """Delete the kept texts that no course, batch or video bears, published or not; returns how many.

    Commits after each *lot* rows: *connection* must hold no work of the caller's.
    """
    gone = 0
    with closing(connection.cursor()) as cursor:
        _commit(cursor, _BEGIN)
        last: Any = -1
        while last is not None:
            last, = _commit(cursor, _VIDEOS, after=last, lot=lot, salt=text.SALT)
        _commit(cursor, _OTHERS, salt=text.SALT)
        _commit(cursor, _GATHERED)
        last = b""
        while last is not None:
            last, left = _commit(cursor, _FORGET, after=last, lot=lot)
            gone += left
        _commit(cursor, _END)
    return gone


def _commit(cursor: Any, statement: str, **values: object) -> tuple[Any, ...]:
    """Run one statement in a transaction of its own; its only row, or nothing."""
    cursor.execute(statement, values)
    row: tuple[Any, ...] = cursor.fetchone() if cursor.description else ()
    cursor.connection.commit()
    return row
