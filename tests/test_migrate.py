from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from builder import migrate as m
from builder.catalog import keys
from edge.errors import LecternError


def test_every_migration_goes_forward_and_back_and_forward_again(empty_dsn: str) -> None:
    assert m.state(empty_dsn) == "empty"
    applied = m.migrate(empty_dsn)
    assert m.state(empty_dsn) == "current"
    before = _shape(empty_dsn)
    assert m.roll_back(empty_dsn) == applied[::-1]
    assert m.state(empty_dsn) == "empty"
    assert not {schema for schema, *_ in _shape(empty_dsn)} & {"catalog", "live", "student", "desk"}
    m.migrate(empty_dsn)
    assert _shape(empty_dsn) == before


def test_a_database_behind_the_code_is_older_and_the_message_names_migrate(empty_dsn: str) -> None:
    m.migrate(empty_dsn)
    newest = m.roll_back(empty_dsn, 1)
    assert m.state(empty_dsn) == "older"
    with pytest.raises(LecternError, match="migrate"):
        m.make_ready(empty_dsn)
    assert m.migrate(empty_dsn) == newest
    assert m.state(empty_dsn) == "current"


def test_a_catalog_from_before_the_feed_keeps_its_rows_and_is_watched_from_then_on(empty_dsn: str) -> None:
    m.migrate(empty_dsn)
    while m.roll_back(empty_dsn, 1) != ["0002.feed"]:
        pass
    _run(empty_dsn, """INSERT INTO catalog.course (id, slug, title) VALUES (1, 'course', 'Course');
        INSERT INTO catalog.batch (id, course_id, slug, title) VALUES (1, 1, 'batch', 'Batch');
        INSERT INTO catalog.video (id, slug, title, status, batch_id) VALUES (1, 'lecture', 'Lecture', 'published', 1)""")
    applied = m.migrate(empty_dsn)
    assert applied[0] == "0002.feed"
    assert m.state(empty_dsn) == "current"
    kept = _rows(empty_dsn, "SELECT v.title, b.title FROM catalog.video v JOIN catalog.batch b ON b.id = v.batch_id")
    assert kept == [("Lecture", "Batch")]
    assert _rows(empty_dsn, "SELECT count(*) FROM catalog.change") == [(0,)]
    _run(empty_dsn, "UPDATE catalog.video SET description = 'Words' WHERE id = 1")
    assert _rows(empty_dsn, "SELECT keys FROM catalog.change") == [([keys.video(1)],)]


def test_a_site_from_before_publishing_keeps_what_is_live_and_its_list_numbers(empty_dsn: str) -> None:
    m.migrate(empty_dsn)
    while m.roll_back(empty_dsn, 1) != ["0002.publish"]:
        pass
    _run(empty_dsn, """INSERT INTO live.release (number, state, store) VALUES (7, 'live', 'here');
        INSERT INTO live.object VALUES ('/', 'home', '', '', 'all', '{0}', 1, 7);
        INSERT INTO live.list_number VALUES (11, 1, 70), (11, 2, 71)""")
    (uuid,), = _rows(empty_dsn, "SELECT uuid FROM live.site")
    m.migrate(empty_dsn)
    assert m.state(empty_dsn) == "current"
    assert _rows(empty_dsn, "SELECT path, release FROM live.object") == [("/", 7)]
    assert _rows(empty_dsn, "SELECT number, state FROM live.release") == [(7, "live")]
    assert _rows(empty_dsn, "SELECT list, last FROM live.list_end") == [(11, 2)]
    assert _rows(empty_dsn, "SELECT uuid FROM live.site") == [(uuid,)]


def test_a_database_ahead_of_the_code_is_refused(dsn: str) -> None:
    _run(dsn, "INSERT INTO _yoyo_migration VALUES ('hash', '9999.from-the-future', now())")
    assert m.state(dsn) == "newer"
    with pytest.raises(LecternError, match="newer Lectern"):
        m.make_ready(dsn)


def test_eight_starts_at_once_migrate_an_empty_database_once(empty_dsn: str) -> None:
    failures: list[BaseException] = []

    def ready() -> None:
        try:
            m.make_ready(empty_dsn)
        except BaseException as e:
            failures.append(e)

    starts = [threading.Thread(target=ready) for _ in range(8)]
    for start in starts:
        start.start()
    for start in starts:
        start.join()
    assert failures == []
    assert m.state(empty_dsn) == "current"


def test_a_migration_that_another_one_keeps_waiting_gives_up_with_a_sentence(
        empty_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(m, "_LOCK_WAIT_S", 0)
    with closing(psycopg2.connect(empty_dsn)) as other:
        other.cursor().execute(f"SELECT pg_advisory_lock({m._LOCK})")
        with pytest.raises(LecternError, match="Another migration of this database"):
            m.migrate(empty_dsn)
    assert m.state(empty_dsn) == "empty"


def test_a_lock_row_of_a_killed_run_stops_nobody(empty_dsn: str) -> None:
    _run(empty_dsn, "CREATE TABLE yoyo_lock (locked int PRIMARY KEY, ctime timestamp, pid int)")
    _run(empty_dsn, "INSERT INTO yoyo_lock VALUES (1, now(), 1)")
    m.migrate(empty_dsn)
    assert m.state(empty_dsn) == "current"


def test_a_failing_migration_leaves_nothing_and_says_which(
    empty_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "0001.good.sql").write_text("CREATE TABLE good (rate text DEFAULT '100 %s :b');")
    (tmp_path / "0002.bad.sql").write_text("CREATE TABLE half (); SELECT 1/0;")
    monkeypatch.setattr(m, "FOLDERS", (tmp_path,))
    with pytest.raises(LecternError, match=r"0002\.bad"):
        m.migrate(empty_dsn)
    tables = {table for _, table, _ in _shape(empty_dsn)}
    assert "good" in tables
    assert "half" not in tables
    assert m.state(empty_dsn) == "older"


def test_folders_with_pattern_signs_in_their_name_are_read(
    empty_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a [b] c*"
    folder.mkdir()
    (folder / "0001.index.sql").write_text(
        "-- transactional: false\nCREATE TABLE wide (a int);\nCREATE INDEX CONCURRENTLY wide_a ON wide (a);"
    )
    monkeypatch.setattr(m, "FOLDERS", (folder,))
    assert m.migrate(empty_dsn) == ["0001.index"]


def test_an_unreachable_database_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(LecternError, match="DATABASE_URL"):
        m.state(f"postgresql://nobody@/none?host={tmp_path}")


def _run(dsn: str, statement: str) -> None:
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)


def _rows(dsn: str, query: str) -> list[tuple[Any, ...]]:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def _shape(dsn: str) -> list[tuple[str, str, str]]:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_schema, table_name, string_agg(column_name || data_type, ',' ORDER BY column_name)"
            " FROM information_schema.columns WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
            " AND table_name NOT LIKE '%yoyo%' GROUP BY 1, 2"
            " UNION ALL SELECT pronamespace::regnamespace::text, oid::regprocedure::text, md5(prosrc) FROM pg_proc"
            " WHERE pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)"
            " UNION ALL SELECT tgrelid::regclass::text, tgname::text, tgenabled::text FROM pg_trigger WHERE NOT tgisinternal"
            " ORDER BY 1, 2"
        )
        return cursor.fetchall()
