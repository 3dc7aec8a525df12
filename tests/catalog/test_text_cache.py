"""Kept clean texts leave when no row bears their source any more, and no other does."""
from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from builder.catalog import text_cache
from builder.catalog.text import SALT, text_hash
from tests.site import Built, fill

MANY = 8_000


@pytest.fixture
def full(site: Built) -> Built:
    """A built site whose course, batch and videos all have words, one of them not shown."""
    fill(site)
    site.sql("UPDATE catalog.course SET description = 'About the *course*'")
    site.sql("UPDATE catalog.batch SET description = 'About the *batch*'")
    site.build()
    return site


def kept(site: Built) -> set[bytes]:
    return {bytes(hash) for (hash,) in site.sql("SELECT hash FROM live.clean_text")}


def forget(site: Built, lot: int = 2) -> int:
    with closing(psycopg2.connect(site.dsn)) as connection:
        return text_cache.forget_unused(connection, lot)


def test_a_text_that_was_replaced_leaves_and_every_other_stays(full: Built) -> None:
    before = kept(full)
    assert before == {text_hash(words, "markdown") for words in (
        "About the *course*", "About the *batch*", "About number 1", "About number 2", "About number 3")}
    full.sql("UPDATE catalog.video SET description = 'Better words' WHERE id = 2")
    full.sql("UPDATE catalog.video SET status = 'draft' WHERE id = 3")
    full.build()
    assert forget(full) == 1
    assert kept(full) == before - {text_hash("About number 2", "markdown")} | {text_hash("Better words", "markdown")}
    assert forget(full) == 0


@pytest.mark.parametrize("lot", [1, 2, 3, 1000])
def test_texts_of_another_sanitiser_and_of_deleted_rows_leave_whatever_the_lot(full: Built, lot: int) -> None:
    right = kept(full)
    full.sql("INSERT INTO live.clean_text SELECT sha256(n::text::bytea), 'old', 'old' FROM generate_series(1, 7) n")
    full.sql("DELETE FROM catalog.video WHERE id = 1")
    assert forget(full, lot) == 8
    assert kept(full) == right - {text_hash("About number 1", "markdown")}


def test_the_next_build_shows_the_same_after_a_text_left_that_was_needed(full: Built) -> None:
    before = full.digests()
    full.sql("TRUNCATE live.clean_text")
    full.build(full=True)
    assert full.digests() == before
    assert kept(full)


def test_a_run_that_died_half_way_does_not_stop_the_next_on_its_line(full: Built) -> None:
    with closing(psycopg2.connect(full.dsn)) as connection:
        connection.cursor().execute(text_cache._BEGIN)
        connection.cursor().execute("INSERT INTO pg_temp.borne VALUES ('x')")
        connection.commit()
        assert text_cache.forget_unused(connection) == 0


@pytest.fixture
def many(site: Built) -> Iterator[Connection]:
    """A line to a catalog of MANY videos, each with its kept text, and as many of former times."""
    fill(site, videos=1)
    with closing(psycopg2.connect(site.dsn)) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            cursor.execute("""INSERT INTO catalog.batch (id, course_id, slug, title)
                SELECT n, 1, 'batch-' || n, 'Batch' FROM generate_series(2, 50) n""")
            cursor.execute("""INSERT INTO catalog.video (id, slug, title, status, batch_id, description)
                SELECT n, 'v-' || n, 'Lecture', 'published', 2 + n %% 49, 'About ' || n FROM generate_series(10, %s) n""", (MANY,))
            cursor.execute("INSERT INTO live.clean_text SELECT sha256(%s || text_hash), 'a', 'a' FROM catalog.video", (SALT,))
            cursor.execute("INSERT INTO live.clean_text SELECT sha256(n::text::bytea), 'a', 'a' FROM generate_series(1, %s) n", (MANY,))
            cursor.execute("SET session_replication_role = origin")
            cursor.execute("ANALYZE")
            connection.commit()
        yield connection


def test_no_piece_reads_a_table_from_end_to_end(many: Connection) -> None:
    with many.cursor() as cursor:
        cursor.execute(text_cache._BEGIN)
        cursor.execute("INSERT INTO pg_temp.borne SELECT sha256(%s || text_hash) FROM catalog.video", (SALT,))
        cursor.execute(text_cache._GATHERED)
        for statement, after in ((text_cache._VIDEOS, 5), (text_cache._FORGET, b"\x10")):
            values: dict[str, Any] = {"after": after, "lot": text_cache.LOT, "salt": SALT}
            cursor.execute("EXPLAIN " + statement, values)
            plan = [row[0] for row in cursor]
            assert not [line for line in plan if re.search(r"Seq Scan on (video|clean_text|borne)", line)], "\n".join(plan)
    many.rollback()
    assert text_cache.forget_unused(many) == MANY
