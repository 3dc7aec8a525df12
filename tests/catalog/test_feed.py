"""The feed, as any SQL client fills it: which keys an edit of which column touches, and that no edit passes by."""
from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from builder.catalog import keys
from tests.site import Built, fill

# How to change a column of a row, and what must be recorded then: a new column must choose its keys here.
VIDEO = {"video:1", "video:1/card"}
SHOWN = {"video:9", "video:9/card", "video:9/place", "batch:2/order", "batch:2/sums"}
TOUCHES: dict[str, dict[str, tuple[str, str, set[str]]]] = {
    "course": {
        "id": ("id = 2", "200", {"course:2", "course:2/card", "course:200", "course:200/card"}),
        "slug": ("id = 1", "'other'", {"course:1", "course:1/card", "course:1/moved"}),
        "title": ("id = 1", "'Other'", {"course:1", "course:1/card"}),
        "description": ("id = 1", "'Other'", {"course:1"}),
        "description_markup": ("id = 1", "'rst'", {"course:1"}),
        "card": ("id = 1", "'cards/other.png'", {"course:1"}),
        "version": ("id = 1", "50", set()),
    },
    "batch": {
        "id": ("id = 3", "300", {"batch:3", "batch:3/card", "batch:300", "batch:300/card"}),
        "course_id": ("id = 1", "2", {"batch:1", "batch:1/card"}),
        "slug": ("id = 1", "'other'", {"batch:1", "batch:1/card", "batch:1/moved"}),
        "title": ("id = 1", "'Other'", {"batch:1", "batch:1/card"}),
        "description": ("id = 1", "'Other'", {"batch:1"}),
        "description_markup": ("id = 1", "'rst'", {"batch:1"}),
        "url": ("id = 1", "'https://other.example/'", {"batch:1"}),
        "starts_on": ("id = 1", "'2020-01-01'::date", {"batch:1"}),
        "ends_on": ("id = 1", "'2020-01-01'::date", {"batch:1"}),
        "gated": ("id = 1", "true", {"batch:1", "batch:1/card"}),
        "card": ("id = 1", "'cards/other.png'", {"batch:1"}),
        "version": ("id = 1", "50", set()),
    },
    "subject": {
        "id": ("id = 2", "200", {"subject:2", "subject:2/card", "subject:200", "subject:200/card"}),
        "slug": ("id = 1", "'other'", {"subject:1", "subject:1/card", "subject:1/moved"}),
        "title": ("id = 1", "'Other'", {"subject:1", "subject:1/card"}),
        "version": ("id = 1", "50", set()),
    },
    "instructor": {
        "id": ("id = 2", "200", {"instructor:2", "instructor:2/card", "instructor:200", "instructor:200/card"}),
        "slug": ("id = 1", "'other'", {"instructor:1", "instructor:1/card", "instructor:1/moved"}),
        "name": ("id = 1", "'Other'", {"instructor:1", "instructor:1/card"}),
        "version": ("id = 1", "50", set()),
    },
    "video": {
        "id": ("id = 9", "900", SHOWN | {"video:900", "video:900/card", "video:900/place"}),
        "slug": ("id = 1", "'other'", VIDEO | {"video:1/moved"}),
        "title": ("id = 1", "'Other'", VIDEO),
        "description": ("id = 1", "'Other'", {"video:1"}),
        "description_markup": ("id = 1", "'rst'", {"video:1"}),
        "language": ("id = 1", "'hi'", VIDEO),
        "duration_s": ("id = 1", "7", VIDEO | {"batch:1/sums"}),
        "recorded_on": ("id = 1", "'2019-01-01'::date", VIDEO | {"batch:1/sums"}),
        "status": ("id = 9", "'withdrawn'", SHOWN),
        "publish_at": ("id = 1", "now()", set()),
        "batch_id": ("id = 9", "1", SHOWN | {"batch:1/order", "batch:1/sums"}),
        "position": ("id = 1", "70", {"video:1", "batch:1/order"}),
        "licence": ("id = 1", "'CC BY 4.0'", {"video:1"}),
        "picture_url": ("id = 1", "'https://other.example/'", {"video:1"}),
        "card": ("id = 1", "'cards/other.png'", {"video:1"}),
        "picture": ("id = 1", "'pictures/other.jpg'", VIDEO),
        "words_at": ("id = 1", "now()", {"video:1"}),
        "unavailable_since": ("id = 1", "now()", {"video:1"}),
        "version": ("id = 1", "50", set()),
    },
    "source": {
        "id": ("video_id = 1", "900", {"video:1", "video:1/place"}),
        "video_id": ("video_id = 1", "9", {"video:1", "video:1/place", "video:9", "video:9/place"}),
        "position": ("video_id = 1", "7", {"video:1"}),
        "kind": ("video_id = 1", "'link'", {"video:1"}),
        "url": ("video_id = 1", "'https://other.example/'", {"video:1", "video:1/place"}),
        "start_s": ("video_id = 1", "7", {"video:1"}),
    },
    "caption": {
        "id": ("video_id = 1", "900", {"video:1"}),
        "video_id": ("video_id = 1", "9", {"video:1", "video:9"}),
        "language": ("video_id = 1", "'hi'", {"video:1"}),
        "kind": ("video_id = 1", "'transcript'", {"video:1"}),
        "body": ("video_id = 1", "'WEBVTT other'", {"video:1"}),
    },
    "resource": {
        "id": ("video_id = 1", "900", {"video:1"}),
        "video_id": ("video_id = 1", "9", {"video:1", "video:9"}),
        "position": ("video_id = 1", "7", {"video:1"}),
        "label": ("video_id = 1", "'Other'", {"video:1"}),
        "url": ("video_id = 1", "'https://other.example/'", {"video:1"}),
    },
    "video_subject": {
        "video_id": ("video_id = 1", "9", {"video:1", "video:1/place", "video:9", "video:9/place"}),
        "subject_id": ("video_id = 1", "2", {"video:1", "video:1/place"}),
    },
    "video_instructor": {
        "video_id": ("video_id = 1", "9", VIDEO | {"video:1/place", "video:9", "video:9/card", "video:9/place"}),
        "instructor_id": ("video_id = 1", "2", VIDEO | {"video:1/place"}),
        "position": ("video_id = 1", "7", VIDEO),
    },
    "old_slug": {
        "kind": ("slug = 'before'", "'batch'", {"course:1/moved", "batch:1/moved"}),
        "slug": ("slug = 'before'", "'long-before'", {"course:1/moved"}),
        "owner_id": ("slug = 'before'", "2", {"course:1/moved", "course:2/moved"}),
    },
    "alias": {
        "path": ("video_id = 1", "'/other'", {"video:1/moved"}),
        "video_id": ("video_id = 1", "2", {"video:1/moved", "video:2/moved"}),
    },
}
UNSHOWN = {"change", "import_record"}


@pytest.fixture
def full(site: Built) -> Built:
    """One row at least in every table that is shown, with things that hang on nothing, and nothing waiting."""
    fill(site)
    site.sql("INSERT INTO catalog.course (id, slug, title) VALUES (2, 'spare', 'Spare')")
    site.sql("INSERT INTO catalog.batch (id, course_id, slug, title) VALUES (2, 1, 'second', 'Second'), (3, 1, 'spare', 'Spare')")
    site.sql("INSERT INTO catalog.subject (id, slug, title) VALUES (2, 'spare', 'Spare')")
    site.sql("INSERT INTO catalog.instructor (id, slug, name) VALUES (2, 'spare', 'Spare')")
    site.sql("INSERT INTO catalog.video (id, slug, title, status, batch_id) VALUES (9, 'spare', 'Spare', 'published', 2)")
    site.sql("INSERT INTO catalog.video (id, slug, title, batch_id) VALUES (10, 'draft', 'Draft', 1)")
    site.sql("INSERT INTO catalog.caption (video_id, language, body) VALUES (1, 'en', 'WEBVTT')")
    site.sql("INSERT INTO catalog.resource (video_id, position, label, url) VALUES (1, 1, 'Slides', 'https://x.example/')")
    site.sql("INSERT INTO catalog.old_slug VALUES ('course', 'before', 1)")
    site.sql("INSERT INTO catalog.alias VALUES ('/v/1', 1)")
    site.sql("DELETE FROM catalog.change")
    return site


@pytest.fixture
def editor(full: Built) -> Iterator[Connection]:
    with closing(psycopg2.connect(full.dsn)) as connection:
        yield connection


def test_each_column_of_the_catalog_touches_its_keys_and_no_others(editor: Connection) -> None:
    assert _columns(editor) == {(table, column) for table, columns in TOUCHES.items() for column in columns}
    for table, columns in TOUCHES.items():
        for column, (where, value, expected) in columns.items():
            name = f"{table}.{column}"
            assert _try(editor, f"UPDATE catalog.{table} SET {column} = {value} WHERE {where}") == expected, name
            # Beside others that get their own value again, in one statement.
            many = f"UPDATE catalog.{table} SET {column} = CASE WHEN {where} THEN {value} ELSE {column} END"
            assert _try(editor, many) == expected, f"{name}, many rows"
            assert _try(editor, f"UPDATE catalog.{table} SET {column} = {column}") == set(), f"{name}, same value"


def test_an_insert_and_a_delete_touch_what_the_row_is_shown_by(editor: Connection) -> None:
    for table, row, expected in (
        ("course", "(id, slug, title) VALUES (70, 's', 'T')", {"course:70", "course:70/card"}),
        ("batch", "(id, course_id, slug, title, starts_on) VALUES (70, 1, 's', 'T', '2020-01-01')", {"batch:70", "batch:70/card"}),
        ("subject", "(id, slug, title) VALUES (70, 's', 'T')", {"subject:70", "subject:70/card"}),
        ("instructor", "(id, slug, name) VALUES (70, 's', 'T')", {"instructor:70", "instructor:70/card"}),
        ("video", "(id, slug, title, status, batch_id) VALUES (70, 's', 'T', 'published', 1)",
         {"video:70", "video:70/card", "video:70/place", "batch:1/order", "batch:1/sums"}),
        ("video", "(id, slug, title, batch_id) VALUES (70, 's', 'T', 1)", set()),
        ("source", "(id, video_id, position, kind, url) VALUES (70, 1, 5, 'link', 'https://x.example/')", {"video:1", "video:1/place"}),
        ("caption", "(id, video_id, language, body) VALUES (70, 1, 'hi', '')", {"video:1"}),
        ("resource", "(id, video_id, position, label, url) VALUES (70, 1, 5, 'L', 'https://x.example/')", {"video:1"}),
        ("video_subject", "VALUES (9, 1)", {"video:9", "video:9/place"}),
        ("video_instructor", "VALUES (9, 1)", {"video:9", "video:9/card", "video:9/place"}),
        ("old_slug", "VALUES ('subject', 'old', 1)", {"subject:1/moved"}),
        ("alias", "VALUES ('/v/70', 9)", {"video:9/moved"}),
    ):
        assert _try(editor, f"INSERT INTO catalog.{table} {row}") == expected, f"insert into {table}"
        gone = {"video_subject": "video_id = 9", "video_instructor": "video_id = 9", "old_slug": "slug = 'old'", "alias": "path = '/v/70'"}
        assert _try(
            editor, f"DELETE FROM catalog.{table} WHERE {gone.get(table, 'id = 70')}", before=f"INSERT INTO catalog.{table} {row}"
        ) == expected, f"delete from {table}"


def test_a_video_that_is_not_published_touches_nothing_until_it_is(editor: Connection) -> None:
    assert _try(editor, "UPDATE catalog.video SET title = 'Lecture 1', position = 1, batch_id = 2, duration_s = 1 WHERE id = 10") == set()
    assert _try(editor, "UPDATE catalog.video SET status = 'scheduled', publish_at = now() WHERE id = 10") == set()
    assert _try(editor, "DELETE FROM catalog.video WHERE id = 10") == set()
    assert _try(editor, "UPDATE catalog.video SET status = 'published' WHERE id = 10") == {
        "video:10", "video:10/card", "video:10/place", "batch:1/order", "batch:1/sums"}


def test_lectures_of_one_title_in_a_batch_have_to_do_with_each_other(editor: Connection) -> None:
    """Two are called "Talk", one "Talk (2)"; in another batch, and unpublished, they are nobody's twins."""
    setup = """UPDATE catalog.video SET title = CASE id WHEN 3 THEN 'Talk (2)' ELSE 'Talk' END WHERE id IN (2, 3, 9, 10)"""
    others = {"video:2", "video:3"}
    for edit in (
        "UPDATE catalog.video SET title = 'Talk (2)' WHERE id = 1",
        "UPDATE catalog.video SET title = CASE id WHEN 1 THEN 'Talk (2)' ELSE title END",
        "INSERT INTO catalog.video (id, slug, title, status, batch_id) VALUES (70, 's', 'Talk (2)', 'published', 1)",
        "UPDATE catalog.video SET title = 'Talk (2)', batch_id = 1 WHERE id = 9",
        "UPDATE catalog.video SET title = 'Talk (2)', status = 'published' WHERE id = 10",
    ):
        assert _of_videos(_try(editor, edit, before=setup)) >= others, edit
    for edit in (
        "UPDATE catalog.video SET title = 'Other' WHERE id = 2",
        "UPDATE catalog.video SET status = 'withdrawn' WHERE id = 2",
        "UPDATE catalog.video SET batch_id = 3 WHERE id = 2",
        "UPDATE catalog.video SET position = 50 WHERE id = 2",
        "DELETE FROM catalog.video WHERE id = 2",
    ):
        found = _try(editor, edit, before=setup + "; UPDATE catalog.video SET title = 'Talk', position = 9 WHERE id = 1")
        assert _of_videos(found) == {"video:1", "video:2"}, edit
    assert _of_videos(_try(editor, "UPDATE catalog.video SET duration_s = 1 WHERE id = 2", before=setup)) == {"video:2"}


@pytest.mark.parametrize(("kind", "name", "more"), [
    ("course", "title", ""), ("batch", "title", ", course_id"), ("subject", "title", ""), ("instructor", "name", "")])
def test_things_of_one_title_have_to_do_with_each_other(editor: Connection, kind: str, name: str, more: str) -> None:
    setup = "".join(f"INSERT INTO catalog.{kind} (id, slug, {name}{more}) VALUES ({id}, 's{id}', '{title}'{', 1' if more else ''});"
                    for id, title in ((70, "Old"), (71, "Old"), (72, "New"), (73, "Elsewhere")))
    touched = {f"{kind}:{id}{card}" for id in (70, 71, 72) for card in ("", "/card")}
    assert _try(editor, f"UPDATE catalog.{kind} SET {name} = 'New' WHERE id = 70", before=setup) == touched
    assert _try(editor, f"DELETE FROM catalog.{kind} WHERE id = 70", before=setup) == {k for k in touched if ":72" not in k}
    copied = f"INSERT INTO catalog.{kind} (id, slug, {name}{more}) VALUES (74, 's', 'New'{', 1' if more else ''})"
    assert _try(editor, copied, before=setup) == {f"{kind}:{id}{card}" for id in (72, 74) for card in ("", "/card")}


def test_every_shown_table_has_all_its_triggers_whatever_the_session_says(editor: Connection) -> None:
    with editor.cursor() as cursor:
        cursor.execute("""SELECT tgrelid::regclass::text, array_agg(tgname::text ORDER BY tgname) FROM pg_trigger
            WHERE tgname LIKE 'feed\\_%' AND tgenabled = 'A' GROUP BY 1""")
        names = ["feed_delete", "feed_insert", "feed_truncate", "feed_update"]
        assert dict(cursor.fetchall()) == {f"catalog.{table}": names for table in TOUCHES}
        cursor.execute("""SELECT count(*) FROM pg_proc WHERE prosecdef AND pronamespace = 'catalog'::regnamespace
            AND proconfig IS DISTINCT FROM ARRAY['search_path=pg_catalog, pg_temp']""")
        assert cursor.fetchone() == (0,), "what runs with the owner's rights must not be led astray"


@pytest.mark.parametrize("table", TOUCHES)
def test_a_truncate_touches_the_whole_site(editor: Connection, table: str) -> None:
    assert "site" in _try(editor, f"TRUNCATE catalog.{table} CASCADE")


def test_a_restore_with_triggers_off_is_recorded(editor: Connection) -> None:
    with editor.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.copy_expert("COPY catalog.course (id, slug, title) FROM STDIN", io.StringIO("70\tseventy\tSeventy\n71\tmore\tMore\n"))
    assert _try(editor, "DELETE FROM catalog.source WHERE video_id = 2", keep=True) == {
        "course:70", "course:70/card", "course:71", "course:71/card", "video:2", "video:2/place"}


def test_a_cascade_touches_all_that_goes_with_it(full: Built) -> None:
    full.sql("INSERT INTO catalog.batch (id, course_id, slug, title) VALUES (21, 2, 'a', 'A'), (22, 2, 'b', 'B')")
    full.sql("""INSERT INTO catalog.video (id, slug, title, status, batch_id)
        SELECT n, 'v' || n, 'V' || n, 'published', 21 + n % 2 FROM generate_series(101, 130) n""")
    full.sql("INSERT INTO catalog.video_subject SELECT id, 1 FROM catalog.video WHERE id > 100")
    full.sql("INSERT INTO catalog.alias SELECT '/old/' || id, id FROM catalog.video WHERE id > 100")
    full.sql("DELETE FROM catalog.change")
    full.sql("DELETE FROM catalog.course WHERE id = 2")
    videos = {f"video:{n}{facet}" for n in range(101, 131) for facet in ("", "/card", "/place", "/moved")}
    batches = {f"batch:{n}{facet}" for n in (21, 22) for facet in ("", "/card", "/order", "/sums")}
    assert _waiting(full) == videos | batches | {"course:2", "course:2/card"}


def test_a_statement_adds_one_row_and_one_that_touches_nothing_none(full: Built) -> None:
    full.sql("UPDATE catalog.video SET title = title || '!'")
    full.sql("UPDATE catalog.video SET title = 'Nobody' WHERE id = 4711")
    full.sql("UPDATE catalog.video SET publish_at = now()")
    assert full.sql("SELECT count(*) FROM catalog.change") == [(1,)]
    assert full.sql("SELECT bool_and(cardinality(keys) = (SELECT count(DISTINCT k) FROM unnest(keys) k)) FROM catalog.change") == [(True,)]


def test_twenty_thousand_videos_that_get_their_own_values_again_touch_nothing(full: Built) -> None:
    full.sql("INSERT INTO catalog.batch (id, course_id, slug, title) SELECT n, 1, 'b' || n, 'B' || n FROM generate_series(100, 119) n")
    full.sql("""INSERT INTO catalog.video (id, slug, title, status, batch_id, recorded_on)
        SELECT n, 'v' || n, 'V' || n, 'published', n / 1000, '2020-01-01' FROM generate_series(100000, 119999) n""")
    full.sql("DELETE FROM catalog.change")
    same = ", ".join(f"{column} = {column}" for column in TOUCHES["video"] if column != "id")
    full.sql(f"UPDATE catalog.video SET {same}")
    full.sql("UPDATE catalog.video SET description = description")
    assert full.sql("SELECT count(*) FROM catalog.change") == [(0,)]


def test_an_edit_that_is_rolled_back_records_nothing(full: Built, editor: Connection) -> None:
    with editor.cursor() as cursor:
        cursor.execute("UPDATE catalog.video SET title = 'Never' WHERE id = 1")
    editor.rollback()
    assert _waiting(full) == set()


def test_an_editor_with_rights_on_the_catalog_alone_may_edit_and_is_named(full: Built) -> None:
    full.sql("CREATE ROLE an_editor LOGIN")
    try:
        full.sql("GRANT USAGE ON SCHEMA catalog TO an_editor")
        full.sql(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(f'catalog.{table}' for table in TOUCHES)} TO an_editor")
        with closing(psycopg2.connect(full.dsn, user="an_editor")) as editor, editor.cursor() as cursor:
            cursor.execute("UPDATE catalog.video SET title = 'By an editor' WHERE id = 1")
            cursor.execute("UPDATE catalog.course SET slug = 'elsewhere' WHERE id = 1")
            editor.commit()
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute("SELECT FROM catalog.change")
            editor.rollback()
            cursor.execute("SET lectern.actor = 'asha@example.org'")
            cursor.execute("DELETE FROM catalog.video WHERE id = 2")
            editor.commit()
        actors = full.sql("SELECT DISTINCT actor FROM catalog.change ORDER BY 1")
        assert actors == [("an_editor",), ("asha@example.org",)]
    finally:
        full.sql("DROP OWNED BY an_editor")
        full.sql("DROP ROLE an_editor")


def _try(editor: Connection, edit: str, *, before: str = "", keep: bool = False) -> set[str]:
    """The keys that *edit* records, after *before*; both are taken back."""
    with editor.cursor() as cursor:
        if before:
            cursor.execute(before)
        if not keep:
            cursor.execute("DELETE FROM catalog.change")
        cursor.execute(edit)
        cursor.execute("SELECT keys FROM catalog.change")
        found = {key for (row,) in cursor for key in row}
    editor.rollback()
    return _names(found)


def _waiting(site: Built) -> set[str]:
    return _names({key for (row,) in site.sql("SELECT keys FROM catalog.change WHERE release IS NULL") for key in row})


def _names(found: Any) -> set[str]:
    return {keys.show(key) for key in found}


def _of_videos(names: set[str]) -> set[str]:
    return {name for name in names if name.startswith("video:") and "/" not in name}


def _columns(editor: Connection) -> set[tuple[str, str]]:
    """What a client may write in the tables that are shown; what is generated follows from that."""
    with editor.cursor() as cursor:
        cursor.execute("""SELECT c.table_name, c.column_name FROM information_schema.columns c
            JOIN information_schema.tables t USING (table_schema, table_name)
            WHERE c.table_schema = 'catalog' AND t.table_type = 'BASE TABLE' AND c.is_generated = 'NEVER'""")
        return {(table, column) for table, column in cursor if table not in UNSHOWN}
