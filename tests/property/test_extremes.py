"""Whatever PostgreSQL lets a client write into the catalog, the next release is made, with every page in it."""
from __future__ import annotations

from contextlib import closing
from itertools import zip_longest

import psycopg2
import pytest

from tests.site import Built, fill

_TABLES = ("course", "batch", "subject", "instructor", "video", "source", "caption", "resource", "video_instructor", "old_slug", "alias")
_DATES = ("'infinity'", "'-infinity'", "'9999-12-31'", "'0001-01-01'", "'10000-01-01'", "'0044-03-15 BC'")
_VALUES = {
    "date": _DATES, "timestamp with time zone": _DATES, "boolean": ("true", "false"),
    "integer": ("2147483647", "-2147483648", "0", "-1"), "bigint": ("9223372036854775807", "-9223372036854775808", "0", "9007199254740993"),
    "text": (
        "''", "' '", r"E'\u0001'", r"U&'\202E abc'", r"U&'\0301x'", r"U&'\+10FFFF'", "repeat('x', 2000)", "'<script>alert(1)</script>'",
        "'//'", "'a/../b'", "'{{ 7*7 }}'", "'%s %(x)s'", "']]>'", r"E'a\nb'", r"E'\\'", "'html'", "'rst'", "'null'", "'und'",
        "'x-a'", "'..'",
        "'https://[::1]/'", "'https://[/x'", "'http://x:99999/'", "'https://user:p@host/a?b#c'", "'https://xn--/'", "'https:///'",
        "'https://www.youtube.com/watch?v='", "'https://www.youtube.com/embed/aaaaaaaaaaa?t=99999999999999999999'",
        r"E'WEBVTT\n\n00:00.000 --> 99999:00.000\nx<v <b>'", r"E'WEBVTT\n\n-1:00.000 --> 1\n'", "'/%00'", "'/%ff/x'", "'/videos/lecture-1'",
        "'/api/x'", "'/assets/x'", r"E'.. include:: /etc/passwd\n'", "'.. raw:: html'", "'|x|_'", "repeat('*a', 40000)",
        "repeat('[', 5000)", "repeat('> ', 3000)", "repeat('- ', 3000) || 'x'", r"repeat(U&'\0301', 800) || 'x'", "'ﬃ ẞ İ'"),
}
_LARGEST, _LARGEST_PAGED = 2**47 - 1, 2**39 - 1  # of what has pages by number


def _write(site: Built, statement: str, *values: object) -> bool:
    """Whether the database took it."""
    try:
        site.sql(statement, *values)
    except (psycopg2.DataError, psycopg2.IntegrityError):
        return False
    return True


@pytest.fixture
def whole(site: Built) -> Built:
    fill(site)
    site.sql("""
        INSERT INTO catalog.caption (video_id, language, body) VALUES (2, 'en', E'WEBVTT\n\n00:01.000 --> 00:02.000\nHello');
        INSERT INTO catalog.resource (video_id, position, label, url) VALUES (2, 1, 'Slides', 'https://slides.example/');
        INSERT INTO catalog.old_slug VALUES ('video', 'older', 2); INSERT INTO catalog.alias VALUES ('/old/1', 2)""")
    site.build()
    return site


def test_whatever_a_column_takes_no_release_is_stopped_and_no_page_set_aside(whole: Built) -> None:
    columns = whole.sql("""SELECT table_name, column_name, data_type FROM information_schema.columns
        WHERE table_schema = 'catalog' AND table_name = ANY(%s) AND is_generated = 'NEVER' AND column_name NOT IN ('id', 'status')""",
        list(_TABLES))
    assert {type for *_, type in columns} <= _VALUES.keys()
    for values in zip_longest(*_VALUES.values()):
        at = dict(zip(_VALUES, values, strict=True))
        taken = 0
        with closing(psycopg2.connect(whole.dsn)) as connection, connection, connection.cursor() as cursor:
            for table, column, type in columns:
                if at[type] is None:
                    continue
                cursor.execute("SAVEPOINT before")
                try:
                    cursor.execute(f"UPDATE catalog.{table} SET {column} = {at[type]} WHERE ctid = (SELECT max(ctid) FROM catalog.{table})")
                    taken += 1
                except psycopg2.Error:
                    cursor.execute("ROLLBACK TO SAVEPOINT before")
        assert taken
        assert whole.build().set_aside == [], at


def test_the_largest_ids_that_are_taken_are_shown(whole: Built) -> None:
    _fill_in(whole, _LARGEST, _LARGEST_PAGED)
    assert whole.build().set_aside == []
    assert {"/courses/c/", "/batches/b/", "/subjects/s/", "/instructors/i/", "/videos/v/"} <= whole.objects().keys()
    whole.sql("UPDATE catalog.video SET title = 'Another' WHERE id = %s", _LARGEST)
    whole.build()
    assert "Another" in whole.text("/batches/b/")
    before = whole.digests()
    whole.build(full=True)
    assert whole.digests() == before


def _fill_in(site: Built, id: int, paged: int) -> None:
    site.sql("INSERT INTO catalog.course (id, slug, title) VALUES (%s, 'c', 'C')", id)
    site.sql("INSERT INTO catalog.batch (id, course_id, slug, title) VALUES (%s, %s, 'b', 'B')", id, id)
    site.sql("INSERT INTO catalog.subject (id, slug, title) VALUES (%s, 's', 'S')", paged)
    site.sql("INSERT INTO catalog.instructor (id, slug, name) VALUES (%s, 'i', 'I')", paged)
    site.sql("INSERT INTO catalog.video (id, slug, title, status, batch_id) VALUES (%s, 'v', 'V', 'published', %s)", id, id)
    site.sql("INSERT INTO catalog.video_subject VALUES (%s, %s)", id, paged)
    site.sql("INSERT INTO catalog.video_instructor (video_id, instructor_id) VALUES (%s, %s)", id, paged)


@pytest.mark.parametrize("over", [False, True])
def test_an_id_that_is_out_of_range_is_refused(over: bool, whole: Built) -> None:
    for table, name, largest in (("course", "title", _LARGEST), ("subject", "title", _LARGEST_PAGED),
                                 ("instructor", "name", _LARGEST_PAGED)):
        for id in (largest + 1, 2**63 - 1) if over else (0, -1, -(2**63)):
            assert not _write(whole, f"INSERT INTO catalog.{table} (id, slug, {name}) VALUES (%s, 'x', 'X')", id)
    for id in (_LARGEST + 1, 2**63 - 1) if over else (0, -1, -(2**63)):
        assert not _write(whole, "INSERT INTO catalog.batch (id, course_id, slug, title) VALUES (%s, 1, 'x', 'X')", id)
        assert not _write(whole, "INSERT INTO catalog.video (id, slug, title, batch_id) VALUES (%s, 'x', 'X', 1)", id)


@pytest.mark.parametrize("column", ["video.recorded_on", "video.publish_at", "video.words_at", "video.unavailable_since",
                                    "batch.starts_on", "batch.ends_on"])
def test_a_date_that_no_calendar_of_four_digits_holds_is_refused(column: str, whole: Built) -> None:
    table, name = column.split(".")
    for value in ("infinity", "-infinity", "10000-01-01", "0044-03-15 BC"):
        assert not _write(whole, f"UPDATE catalog.{table} SET {name} = %s", value), value
    assert _write(whole, f"UPDATE catalog.{table} SET {name} = '1895-12-28'")
