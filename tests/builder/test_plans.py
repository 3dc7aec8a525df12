"""What a publish of one edit reads of a large catalog: statement by statement, by the plans that the server really ran, generic ones
too, no large table from end to end and no more rows than one edit is worth, however large the catalog."""
from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from builder.embedded import Server
from tests.conftest import database
from tests.site import Built

MOST_ROWS = 2_500
"""That one step of one statement may read. A batch has 20 videos here, a range of sitemaps 100 batches; a subject has 100 videos."""
WHOLE = {("list_end", "The subjects that most videos have had"): "a row a list, narrow, for the home page"}

FILL = """
SET session_replication_role = replica;
INSERT INTO catalog.course (id, slug, title) SELECT n, 'course-' || n, 'Course ' || n FROM generate_series(1, 20) n;
INSERT INTO catalog.batch (id, course_id, slug, title)
    SELECT n, 1 + n %% 20, 'batch-' || n, 'Batch ' || n FROM generate_series(1, %(videos)s / 20) n;
INSERT INTO catalog.subject (id, slug, title) SELECT n, 'subject-' || n, 'Subject ' || n FROM generate_series(1, %(videos)s / 100) n;
INSERT INTO catalog.instructor (id, slug, name)
    SELECT n, 'teacher-' || n, chr(65 + n %% 26) || 'da Teacher ' || n FROM generate_series(1, %(videos)s / 10) n;
INSERT INTO catalog.video (id, slug, title, status, batch_id, recorded_on, duration_s, description)
    SELECT n, 'lecture-' || n, 'Lecture ' || n, 'published', 1 + n %% (%(videos)s / 20), date '2020-01-01' + n %% 1000, 600, 'About ' || n
    FROM generate_series(1, %(videos)s) n;
INSERT INTO catalog.video_subject SELECT id, 1 + id %% (%(videos)s / 100) FROM catalog.video;
INSERT INTO catalog.video_instructor (video_id, instructor_id) SELECT id, 1 + id %% (%(videos)s / 10) FROM catalog.video;
INSERT INTO catalog.source (video_id, position, kind, url)
    SELECT id, 0, 'youtube', 'https://www.youtube.com/watch?v=' || lpad(id::text, 11, '0') FROM catalog.video;
SET session_replication_role = origin;
"""
WATCH = """LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_analyze = on; SET auto_explain.log_timing = off;
    SET auto_explain.log_nested_statements = on; SET auto_explain.log_format = json; SET auto_explain.log_level = notice"""


class Step(NamedTuple):
    """What one step of a statement read, of which table, in all its turns."""

    rows: int
    node: str
    table: str
    statement: str


@pytest.fixture(scope="module")
def large(server: Server, _migrated: str, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Built]:
    """A built site of as many videos as --videos says."""
    with database(server, f"TEMPLATE {_migrated}") as dsn:
        site = Built(dsn, tmp_path_factory.mktemp("large"))
        with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
            cursor.execute(FILL, {"videos": pytestconfig.getoption("videos")})
        connection.close()
        site.build(full=True)
        site.sql("ANALYZE")
        yield site


EDITS = {
    "a title": "UPDATE catalog.video SET title = 'Another title of it' WHERE id = 777",
    "a description": "UPDATE catalog.video SET description = 'Other words about it' WHERE id = 778",
    "a slug": "UPDATE catalog.video SET slug = 'another' WHERE id = 779",
    "a withdrawal": "UPDATE catalog.video SET status = 'withdrawn' WHERE id = 780",
    "a new lecture": """INSERT INTO catalog.video (id, slug, title, status, batch_id, recorded_on)
        SELECT max(id) + 1, 'new', 'A new one', 'published', 7, date '2026-01-01' FROM catalog.video""",
    "a subject more": "INSERT INTO catalog.video_subject VALUES (781, 3)",
    "another teacher": "UPDATE catalog.video_instructor SET instructor_id = 9 WHERE video_id = 782",
    "a batch's title": "UPDATE catalog.batch SET title = 'Another batch' WHERE id = 5",
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_s_publish_reads_what_it_touches_and_no_table_from_end_to_end(large: Built, edit: str) -> None:
    with large.publisher() as (publisher, _, connection):
        large.sql("UPDATE catalog.video SET title = title || '.' WHERE id = 700")
        publisher.release()  # what is done once on a connection
        steps = _watched(connection)
        large.sql(EDITS[edit])
        done = publisher.release()
    assert done.uploaded, edit
    assert len({step.statement for step in steps}) > 15, "or nothing was seen"
    found = sorted((step for step in steps if step.rows > MOST_ROWS and not any(
        step.table == table and words in step.statement for table, words in WHOLE)), reverse=True)
    assert not found, "\n".join(f"{step.rows} rows of {step.table} by {step.node}: {step.statement}" for step in found)


class Plans(list[str]):
    """What a connection is told; steps are read from the plans among it."""

    def __init__(self, steps: list[Step]) -> None:
        self._steps = steps

    def append(self, told: str) -> None:
        """A notice."""
        if "plan:" in told:
            plan = json.loads(told[told.index("{") : told.rindex("}") + 1])
            self._steps.extend(_steps(plan["Plan"], " ".join(plan["Query Text"].split())[:600]))


def _watched(connection: Connection) -> list[Step]:
    steps: list[Step] = []
    with connection, connection.cursor() as cursor:
        cursor.execute(WATCH)
    connection.notices = Plans(steps)
    return steps


def _steps(node: dict[str, Any], statement: str) -> Iterator[Step]:
    if "Scan" in node["Node Type"] and ("Relation Name" in node or "Index Name" in node):
        read = node["Actual Rows"] + node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
        yield Step(int(read * node["Actual Loops"]), node["Node Type"], node.get("Relation Name") or node["Index Name"], statement)
    for part in node.get("Plans", ()):
        yield from _steps(part, statement)
