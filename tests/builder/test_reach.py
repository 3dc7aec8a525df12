"""What an edit reaches, unit by unit."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from builder.catalog import changes, keys
from builder.catalog.reads import Catalog
from builder.embedded import Server
from builder.pages import PARTS, batch, home, index, listing, part_of, search, sitemap, video
from builder.pages.sitemap import map_path
from builder.plan import ASSETS, everything
from builder.reach import dirty, named, reach
from tests.conftest import database
from tests.site import Built


def test_a_page_that_leaves_is_spoken_of_by_its_card_too() -> None:
    assert named(frozenset({keys.video_place(3)})) == {keys.video_place(3), keys.video_card(3), keys.SEARCH}
    assert named(frozenset({keys.course(3)})) == {keys.course(3)}
    for card in (keys.video(3), keys.batch_card(3), keys.instructor_card(3), keys.subject_card(3)):
        assert named(frozenset({card})) == {card, keys.SEARCH}


CUTS = ((listing, "PER_PAGE", 3), (batch, "PER_PAGE", 3), (sitemap, "PER_PAGE", 3), (sitemap, "RANGE", 4), (index, "SPLIT_OVER", 4),
        (video, "BEFORE", 1), (video, "AFTER", 1), (home, "NEW", 3))


@pytest.fixture(scope="module")
def small(server: Server, _migrated: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Lectures in lists that are cut at three and maps that are cut at four. Live: 1 to 8 in batches 1 and 2, 31 to 36 in 5 to 9.

    Gone after they were live: 21 to 26, the only ones of batch 4, subject 4 and instructor 4; subject 6 and instructor 6 have 31 left.
    Drafts: 9 in batch 1, and 12, the only one of batch 3, subjects 3 and 5, instructors 3 and 5.
    """
    with database(server, f"TEMPLATE {_migrated}") as dsn, pytest.MonkeyPatch.context() as patch:
        for module, name, size in CUTS:
            patch.setattr(module, name, size)
        site = Built(dsn, tmp_path_factory.mktemp("small"))
        _fill(site)
        yield site


def _fill(site: Built) -> None:
    site.sql("INSERT INTO catalog.course (id, slug, title) SELECT n, 'course-' || n, 'Course ' || n FROM unnest(ARRAY[1, 2, 5]) n")
    site.sql("""INSERT INTO catalog.batch (id, course_id, slug, title)
        SELECT n, (ARRAY[1, 2, 5, 5, 5, 5, 5, 5, 2])[n], 'batch-' || n, 'Batch ' || n FROM generate_series(1, 9) n""")
    site.sql("INSERT INTO catalog.subject (id, slug, title) SELECT n, 'subject-' || n, 'Subject ' || n FROM generate_series(1, 6) n")
    site.sql("INSERT INTO catalog.instructor (id, slug, name) SELECT n, 'teacher-' || n, 'Teacher ' || n FROM generate_series(1, 6) n")
    site.sql("""INSERT INTO catalog.video (id, slug, title, status, batch_id, recorded_on, position)
        SELECT n, 'lecture-' || n, 'Lecture ' || n, CASE WHEN n IN (9, 12) THEN 'draft' ELSE 'published' END, batch,
            date '2020-01-01' + n, n FROM (VALUES (1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (6, 2), (7, 2), (8, 2), (9, 1), (12, 3), (21, 4),
            (22, 4), (23, 4), (24, 4), (25, 4), (26, 4), (31, 5), (32, 6), (33, 6), (34, 7), (35, 8), (36, 9)) AS v (n, batch)""")
    for table, thing in (("video_subject", "subject_id"), ("video_instructor", "instructor_id")):
        site.sql(f"""INSERT INTO catalog.{table} (video_id, {thing}) SELECT id, CASE WHEN id > 20 THEN 4 ELSE 1 END
            FROM catalog.video WHERE id < 30 AND id <> 12""")
        site.sql(f"INSERT INTO catalog.{table} (video_id, {thing}) SELECT id, 6 FROM catalog.video WHERE id BETWEEN 21 AND 31")
        site.sql(f"INSERT INTO catalog.{table} (video_id, {thing}) VALUES (1, 2), (2, 2), (12, 3), (12, 5)")
    site.sql("INSERT INTO catalog.caption (video_id, language, body) VALUES (1, 'en', 'WEBVTT'), (6, 'en', 'WEBVTT')")
    site.sql("INSERT INTO catalog.old_slug VALUES ('course', 'former', 5)")
    site.build()
    site.sql("UPDATE catalog.video SET status = 'withdrawn' WHERE batch_id = 4")
    site.build()


def _label(unit: int) -> str:
    """A packed unit as people read it; files of terms without their numbers."""
    part = part_of(unit)
    assert part is not None
    if part.name == "sitemap":
        return "map" if unit >> 8 == -1 else f"map {map_path(unit >> 8).removeprefix('/sitemaps/').removesuffix('.xml')}"
    if part.name == "search":
        return "list of terms" if unit >> 8 == search.LIST else "terms"
    return keys.show(unit >> 8) if part.name == "retired" else part.label(unit >> 8)


REACHES: dict[str, tuple[str, str]] = {
    "described": ("UPDATE catalog.video SET description = 'Other words' WHERE id = 4", """
        captions:4, course:1, home:0, list of terms, map videos-1, subject:1, terms, video:4"""),
    "retitled": ("UPDATE catalog.video SET title = 'Another' WHERE id = 4", """
        batch:1, captions:4, course:1, home:0, instructor:1, list of terms, map videos-1, subject:1, terms, video:1, video:2,
        video:3, video:4, video:4/moved, video:5, video:6, video:7, videos:2"""),
    "moved up": ("UPDATE catalog.video SET position = 0 WHERE id = 4", """
        batch:1, batches:1, captions:4, course:1, home:0, map batches-0, map videos-1, subject:1, video:1, video:3, video:4,
        video:5"""),
    "published": ("UPDATE catalog.video SET status = 'published' WHERE id = 9", """
        batch:1, batches:1, captions:9, course:1, home:0, instructor:1, instructor:1 page 1, instructor:1 page 2, map
        batches-0, map instructors-0, map lists-0, map subjects-0, map videos-2, subject:1, subject:1 page 1, subject:1 page
        2, terms, video:5, video:6, video:7, video:8, video:9, video:9/moved, videos:0, videos:5, videos:6"""),
    "the first published": ("UPDATE catalog.video SET status = 'published' WHERE id = 12", """
        batch:3, batch:3/moved, batches:0, batches:1, batches:2, captions:12, course:5, home:0, index:1, index:2,
        instructor:3, instructor:3/moved, instructor:5, instructor:5/moved, list of terms, map, map batches-0, map courses-1,
        map instructors-0, map instructors-1, map lists-0, map subjects-0, map subjects-1, map videos-3, subject:3,
        subject:3/moved, subject:5, subject:5/moved, terms, video:12, video:12/moved, videos:0, videos:5, videos:6"""),
    "the first of what comes back": ("UPDATE catalog.video SET status = 'published' WHERE id = 26", """
        batch:4, batch:4/moved, batches:1, captions:26, course:5, home:0, index:1, index:2, instructor:4, instructor:4 page 1,
        instructor:4/moved, instructor:6, list of terms, map, map batches-1, map instructors-1, map subjects-1, map videos-6,
        subject:4, subject:4 page 1, subject:4/moved, subject:6, terms, video:23, video:24, video:25, video:26,
        video:26/moved, video:31, videos:5"""),
    "the last of a map withdrawn": ("UPDATE catalog.video SET status = 'withdrawn' WHERE id = 8", """
        batch:2, batches:1, captions:8, course:2, home:0, instructor:1, map, map batches-0, map videos-2, subject:1, terms,
        video:5, video:6, video:7, video:8, video:8/moved, videos:3"""),
    "the last of a batch withdrawn": ("UPDATE catalog.video SET status = 'withdrawn' WHERE id = 31", """
        batch:5, batch:5/moved, batches:0, captions:31, course:5, home:0, index:1, index:2, instructor:6, instructor:6 page 1,
        instructor:6/moved, list of terms, map, map batches-1, map instructors-1, map subjects-1, map videos-7, subject:6,
        subject:6 page 1, subject:6/moved, terms, video:24, video:25, video:26, video:31, video:31/moved, videos:5"""),
    "deleted": ("DELETE FROM catalog.video WHERE id = 31", """
        batch:5, batch:5/moved, batches:0, captions:31, course:5, home:0, index:1, index:2, instructor:6, instructor:6 page 1,
        instructor:6/moved, list of terms, map, map batches-1, map instructors-1, map subjects-1, map videos-7, subject:6,
        subject:6 page 1, subject:6/moved, terms, video:24, video:25, video:26, video:31, video:31/moved, videos:5"""),
    "a batch deleted": ("DELETE FROM catalog.video WHERE id = 31; DELETE FROM catalog.batch WHERE id = 5", """
        batch:5, batch:5/moved, batches:0, captions:31, course:5, home:0, index:1, index:2, instructor:6, instructor:6 page 1,
        instructor:6/moved, list of terms, map, map batches-1, map instructors-1, map subjects-1, map videos-7, subject:6,
        subject:6 page 1, subject:6/moved, terms, video:24, video:25, video:26, video:31, video:31/moved, videos:5"""),
    "withdrawn": ("UPDATE catalog.video SET status = 'withdrawn' WHERE id = 2", """
        batch:1, batches:1, captions:2, course:1, home:0, instructor:1 page 1, instructor:2, map batches-0, map videos-0,
        subject:1 page 1, subject:2, terms, video:1, video:2, video:2/moved, video:3, video:4, video:5, videos:1"""),
    "the last of a subject": ("DELETE FROM catalog.video_subject WHERE subject_id = 2", """
        captions:1, captions:2, course:1, home:0, index:1, instructor:1 page 1, instructor:2, map subjects-0, map videos-0,
        subject:1 page 1, subject:2, subject:2/moved, terms, video:1, video:1/moved, video:2, video:2/moved, video:3, video:4,
        video:5, videos:1"""),
    "in another batch": ("UPDATE catalog.video SET batch_id = 2 WHERE id = 5", """
        batch:1, batch:2, batches:1, captions:5, course:1, course:2, home:0, instructor:1, map batches-0, map videos-1,
        subject:1, terms, video:2, video:3, video:4, video:5, video:5/moved, video:6, video:7, video:8, videos:2"""),
    "a course renamed": ("UPDATE catalog.course SET title = 'Renamed' WHERE id = 1", """
        batch:1, course:1, course:1/moved, index:0, map courses-0, video:1, video:2, video:3, video:4, video:5"""),
    "a course described": ("UPDATE catalog.course SET description = 'Words' WHERE id = 1", """
        course:1, course:1/moved, index:0, map courses-0"""),
    "a batch renamed": ("UPDATE catalog.batch SET title = 'Renamed' WHERE id = 1", """
        batch:1, batch:1/moved, batches:1, captions:1, course:1, home:0, list of terms, map batches-0, map videos-0, map
        videos-1, terms, video:1, video:2, video:3, video:4, video:5"""),
    "a batch described": ("UPDATE catalog.batch SET description = 'Words' WHERE id = 1", """
        batch:1"""),
    "a batch in another course": ("UPDATE catalog.batch SET course_id = 5 WHERE id = 1", """
        batch:1, batch:1/moved, batches:1, captions:1, course:1, course:1/moved, course:5, home:0, index:0, map batches-0, map
        courses-0, map courses-1, map videos-0, map videos-1, video:1, video:2, video:3, video:4, video:5"""),
    "a subject renamed": ("UPDATE catalog.subject SET title = 'Renamed' WHERE id = 2", """
        captions:1, course:1, home:0, index:1, list of terms, map subjects-0, map videos-0, subject:2, subject:2/moved, terms,
        video:1, video:2"""),
    "an instructor renamed": ("UPDATE catalog.instructor SET name = 'Renamed' WHERE id = 2", """
        batch:1, captions:1, course:1, home:0, index:2, instructor:1 page 1, instructor:2, instructor:2/moved, list of terms,
        map instructors-0, map videos-0, subject:1 page 1, subject:2, terms, video:1, video:2, video:3, video:4, video:5,
        videos:1"""),
    "a subject that has pages renamed": ("UPDATE catalog.subject SET title = 'Renamed' WHERE id = 1", """
        captions:1, captions:6, course:1, course:2, home:0, index:1, list of terms, map subjects-0, map videos-0, map
        videos-1, map videos-2, subject:1, subject:1 page 1, subject:1/moved, subject:2, terms, video:1, video:2, video:3,
        video:4, video:5, video:6, video:7, video:8"""),
    "an old address": ("INSERT INTO catalog.old_slug VALUES ('subject', 'old', 1)", """
        subject:1, subject:1/moved"""),
    "an alias": ("INSERT INTO catalog.alias VALUES ('/v/4', 4)", """
        video:4, video:4/moved"""),
}


@contextmanager
def _edited(site: Built, edit: str) -> Iterator[tuple[Connection, frozenset[int]]]:
    """A release's transaction that sees *edit*, and the keys that it changed; nothing of either is left."""
    with closing(psycopg2.connect(site.dsn)) as connection:
        connection.set_session(isolation_level="REPEATABLE READ")
        with connection.cursor() as cursor:
            cursor.execute(edit)
        yield connection, changes.take(connection, 10**6).keys


def test_an_edit_reaches_what_could_be_another_and_nothing_else(small: Built) -> None:
    for name, (edit, expected) in REACHES.items():
        with _edited(small, edit) as (connection, changed):
            reached = reach(connection, Catalog(connection), changed)
        assert {_label(unit) for unit in reached.units} == {" ".join(label.split()) for label in expected.split(",")}, name


def test_a_name_that_lectures_show_makes_their_keys_dirty(small: Built) -> None:
    """Pages that name who teaches show it on cards too; a subject's name stands on a lecture's own page alone."""
    shown = {"UPDATE catalog.subject SET title = 'Renamed' WHERE id = 2": {keys.video(1), keys.video(2)},
             "UPDATE catalog.instructor SET name = 'Renamed' WHERE id = 2": {k(n) for k in (keys.video, keys.video_card) for n in (1, 2)},
             "UPDATE catalog.batch SET title = 'Renamed' WHERE id = 2": set[int]()}
    for edit, more in shown.items():
        with _edited(small, edit) as (connection, changed):
            assert dirty(Catalog(connection), changed) == changed | more
            assert reach(connection, Catalog(connection), changed).dirty == changed | more


def test_what_is_first_shown_gets_its_numbers_and_an_index_that_grew_is_split(small: Built) -> None:
    with _edited(small, REACHES["the first published"][0]) as (connection, changed), connection.cursor() as cursor:
        reach(connection, Catalog(connection), changed)
        cursor.execute("""SELECT item_id, list & 255 FROM live.list_number WHERE (item_id, list & 255) IN ((12, 11), (3, 12), (12, 5))
            ORDER BY 1, 2""")
        assert cursor.fetchall() == [(3, 12), (12, 5), (12, 5), (12, 11)]
        cursor.execute("SELECT DISTINCT list FROM live.index_split ORDER BY 1")
        assert cursor.fetchall() == [("instructor",), ("subject",)]


def test_a_full_build_plans_each_live_unit_once_assets_first(small: Built) -> None:
    with closing(psycopg2.connect(small.dsn)) as connection, connection.cursor() as cursor:
        first, *tasks = everything(Catalog(connection))
        assert first == ASSETS
        assert [*dict.fromkeys(task.part for task in tasks)] == list(PARTS)
        planned = [PARTS[task.part].pack(unit) for task in tasks for unit in task.units]
        assert len(planned) == len(set(planned))
        cursor.execute("SELECT DISTINCT unit FROM live.object WHERE kind NOT IN ('asset', 'gone', 'redirect')")
        assert {unit for unit, in cursor} <= set(planned)
