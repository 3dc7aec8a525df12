"""Every column of every catalog table, read from the database, changed one at a time: the site is what a full build makes."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from tests.property.histories import World, small_site

_ASIDE = ("change", "import_record")  # what the builder and the import write for themselves
_BY_TYPE = {
    "slug": "'mutated-' || {key}", "line": "'Mutated'", "words": "'Mutated words'", "blurb": "'Mutated words'", "markup": "'html'",
    "language": "'hi'", "web_url": "'https://mutated.example/' || {key}", "text": "'mutated' || {key}",
    "date": "coalesce({column}, '2020-01-01') + 900",
    "timestamptz": "coalesce({column}, '2020-01-01') + interval '1 day'", "bool": "NOT {column}", "int4": "coalesce({column}, 0) + 77",
    "int8": "{column} + 1000",
}
_BY_NAME = {
    "video.status": "'withdrawn'", "source.kind": "'link'", "caption.kind": "'transcript'", "old_slug.kind": "'video'",
    "video.picture": "'pictures/mutated.jpg'", "video.card": "'pictures/mutated.png'",
    "batch.card": "'pictures/mutated.png'", "course.card": "'pictures/mutated.png'", "alias.path": "'/mutated/' || {key}",
    "batch.course_id": "{column} %% 3 + 1", "video.batch_id": "{column} %% 4 + 1", "old_slug.owner_id": "{column} %% 3 + 2",
}
_LINKS = {"video_id": "{column} %% 11 + 1", "subject_id": "{column} %% 4 + 1", "instructor_id": "{column} %% 4 + 1"}
_MORE = """
    UPDATE catalog.batch SET gated = true WHERE id = 3;
    UPDATE catalog.video SET slug = 'renamed-' || id WHERE id < 4;
    UPDATE catalog.subject SET slug = 'renamed-' || id;
    UPDATE catalog.course SET slug = 'renamed-' || id, description = 'About *it*';
    UPDATE catalog.batch SET slug = 'renamed-' || id, description = 'About *it*', url = 'https://run.example/';
    UPDATE catalog.instructor SET slug = 'renamed-' || id;
    UPDATE catalog.video SET description = repeat('Many words. ', 1500) WHERE id = 5;
    INSERT INTO catalog.alias VALUES ('/talk', 1), ('/talk/2', 2);
    INSERT INTO catalog.resource (video_id, position, label, url) SELECT id, 0, 'Slides', 'https://slides.example/' FROM catalog.video;
    INSERT INTO catalog.course (id, slug, title) VALUES (4, 'course-4', 'Empty');
    INSERT INTO catalog.video (id, slug, title, status, batch_id) VALUES (12, 'bare', 'Bare', 'published', 1)"""


@pytest.fixture
def world(dsn: str, tmp_path: Path) -> Iterator[World]:
    with small_site(tmp_path) as templates, closing(World(dsn, templates)) as world, world.begun(11):
        world.sql(_MORE)
        world.release()
        yield world


def test_whatever_column_changes_the_site_is_what_a_full_build_makes(world: World) -> None:
    """To another value in one row, to NULL where it may be, in all rows at once; and back, with the next one."""
    assert world.differences() == ""
    columns = world.sql("""
        SELECT c.table_name, c.column_name, coalesce(c.domain_name, c.udt_name), coalesce('catalog.' || c.domain_name, c.udt_name),
            c.is_nullable = 'YES'
        FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
        WHERE table_schema = 'catalog' AND t.table_type = 'BASE TABLE' AND c.is_generated = 'NEVER' AND table_name <> ALL(%s)
        ORDER BY 1, c.ordinal_position""", list(_ASIDE))
    assert len(columns) > 60
    mutated = 0
    for table, column, kind, cast, nullable in columns:
        value = _BY_NAME.get(f"{table}.{column}") or _LINKS.get(column) or _BY_TYPE.get(kind)
        assert value, f"{table}.{column} is of a new type, {kind}: say in _BY_TYPE what another value of it is"
        value = value.format(column=column, key="translate(ctid::text, '(,)', '0-0')")
        for one, to in ((True, value), *(((True, "NULL"),) if nullable else ()), (False, value)):
            if changed := _change(world, table, column, to, one):
                mutated += 1
                _check(world, f"{table}.{column} = {to} in {'one row' if one else 'all'}, or what was before that back again")
                for place, before in reversed(changed):  # the other way round, so that no two are alike meanwhile
                    world.sql(f"UPDATE catalog.{table} SET {column} = %s::{cast} WHERE ctid = %s::tid", before, place)
    _check(world, "all as it was")
    assert mutated > 100


def _check(world: World, what: str) -> None:
    world.guarded = False  # more may leave at once than any change names
    world.release()
    wrong = world.differences()
    assert not wrong, f"{what}: {wrong}"


def _change(world: World, table: str, column: str, to: str, one: bool) -> list[tuple[str, str]]:
    """Change a column in the first row that takes it, or in all; the rows' new places with what was there. [] if refused."""
    rows = [row[0] for row in world.sql(f"SELECT ctid::text FROM catalog.{table} ORDER BY ctid")] if one else [""]
    for row in rows:
        try:
            return world.sql(f"UPDATE catalog.{table} SET {column} = {to} WHERE %s IN (ctid::text, '') "
                             f"RETURNING new.ctid::text, old.{column}::text", row)
        except psycopg2.IntegrityError:
            continue
    return []
