"""What one edit costs: at most twice as many pages rendered as have other bytes, whatever the catalog's size."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, nullcontext

import psycopg2
import pytest

from builder import lease, publishing
from tests.builder.test_release import Memory
from tests.site import SITE, Built, Inline

_CATALOG = """
    INSERT INTO catalog.course (id, slug, title) SELECT n, 'course-' || n, 'Course ' || n FROM generate_series(1, 4) n;
    INSERT INTO catalog.batch (id, course_id, slug, title) SELECT n, n % 4 + 1, 'batch-' || n, 'Batch ' || n FROM generate_series(1, 8) n;
    INSERT INTO catalog.subject (id, slug, title) SELECT n, 'subject-' || n, 'Subject ' || n FROM generate_series(1, 9) n;
    INSERT INTO catalog.instructor (id, slug, name) SELECT n, 'teacher-' || n, 'Teacher ' || n FROM generate_series(1, 70) n;
    INSERT INTO catalog.video (id, slug, title, status, batch_id, recorded_on, duration_s, description, position, picture_url)
        SELECT n, 'lecture-' || n, CASE n % 12 WHEN 0 THEN 'Lightning Talks' ELSE 'Lecture ' || n END,
            CASE WHEN n % 50 = 7 THEN 'draft' ELSE 'published' END, (n - 1) / 50 + 1, date '2020-01-01' + n, 600 + n,
            'About number ' || n, n * 10, 'https://pictures.example/' || n || '.jpg' FROM generate_series(1, 400) n;
    INSERT INTO catalog.video_subject SELECT id, id % 9 + 1 FROM catalog.video;
    INSERT INTO catalog.video_subject SELECT id, 1 FROM catalog.video WHERE id % 5 = 1 ON CONFLICT DO NOTHING;
    INSERT INTO catalog.video_instructor (video_id, instructor_id) SELECT id, id % 70 + 1 FROM catalog.video;
    INSERT INTO catalog.source (video_id, position, kind, url)
        SELECT id, 0, 'youtube', 'https://www.youtube.com/watch?v=' || lpad(id::text, 11, '0') FROM catalog.video"""
_EDITS = {
    "retitled": "UPDATE catalog.video SET title = 'Another' WHERE id = 220",
    "retitled as others are": "UPDATE catalog.video SET title = 'Lightning Talks' WHERE id = 221",
    "retitled that others are called like": "UPDATE catalog.video SET title = 'Unlike' WHERE id = 216",
    "described": "UPDATE catalog.video SET description = 'Other words' WHERE id = 220",
    "published": "UPDATE catalog.video SET status = 'published' WHERE id = 207",
    "withdrawn": "UPDATE catalog.video SET status = 'withdrawn' WHERE id = 232",
    "the newest withdrawn": "UPDATE catalog.video SET status = 'withdrawn' WHERE id = 400",
    "moved up": "UPDATE catalog.video SET position = 2155 WHERE id = 220",
    "moved to the front": "UPDATE catalog.video SET position = 1 WHERE id = 240",
    "in another batch": "UPDATE catalog.video SET batch_id = 2 WHERE id = 220",
    "of another length": "UPDATE catalog.video SET duration_s = 77 WHERE id = 220",
    "of another day": "UPDATE catalog.video SET recorded_on = '2019-01-01' WHERE id = 220",
    "in a new address": "UPDATE catalog.video SET slug = 'elsewhere' WHERE id = 220",
    "with a subject more": "INSERT INTO catalog.video_subject VALUES (220, 2)",
    "with a subject less": "DELETE FROM catalog.video_subject WHERE video_id = 220",
    "with an instructor more": "INSERT INTO catalog.video_instructor VALUES (220, 40)",
    "with another source": "UPDATE catalog.source SET url = 'https://www.youtube.com/watch?v=00000000000' WHERE video_id = 220",
    "with captions": "INSERT INTO catalog.caption (video_id, language, body) VALUES (220, 'en', 'WEBVTT')",
    "swapped with the next": """UPDATE catalog.video v SET position = w.position FROM catalog.video w
        WHERE (v.id, w.id) IN ((224, 225), (225, 224))""",
    "with its title as it was": "UPDATE catalog.video SET title = 'Unlike again' WHERE id = 216",
    "a subject renamed": "UPDATE catalog.subject SET title = 'Renamed' WHERE id = 3",
    "an instructor renamed": "UPDATE catalog.instructor SET name = 'Renamed' WHERE id = 3",
    "a batch renamed": "UPDATE catalog.batch SET title = 'Renamed' WHERE id = 3",
    "a batch described": "UPDATE catalog.batch SET description = 'Other words' WHERE id = 3",
    "a batch in another course": "UPDATE catalog.batch SET course_id = 1 WHERE id = 2",
    "a batch gated": "UPDATE catalog.batch SET gated = true WHERE id = 4",
    "a batch dated": "UPDATE catalog.batch SET starts_on = '2020-01-01' WHERE id = 4",
    "a course renamed": "UPDATE catalog.course SET title = 'Renamed' WHERE id = 3",
    "a course in a new address": "UPDATE catalog.course SET slug = 'renamed' WHERE id = 3",
    "deleted": "DELETE FROM catalog.video WHERE id = 220",
}


@pytest.fixture
def publisher(site: Built) -> Iterator[publishing.Publisher]:
    """A builder that has released four hundred lectures."""
    site.sql(_CATALOG)
    with closing(psycopg2.connect(site.dsn)) as connection, lease.held(connection, 0):
        publisher = publishing.Publisher(site.dsn, connection, Memory(), SITE, "100k", lambda: nullcontext(Inline()))
        publisher.release()
        yield publisher


def test_an_edit_renders_at_most_twice_what_it_changes(site: Built, publisher: publishing.Publisher) -> None:
    costs: dict[str, tuple[int, int, float]] = {}
    for name, edit in _EDITS.items():
        site.sql(edit)
        done = publisher.release()
        assert done.changes >= 1, name
        costs[name] = (done.rendered, done.uploaded, round(done.rendered / done.uploaded, 2))
    table = "\n".join(f"{rendered:5} rendered {uploaded:5} uploaded {ratio:5} times: {name}"
                      for name, (rendered, uploaded, ratio) in costs.items())
    print(table)
    assert all(ratio <= 2 for _, _, ratio in costs.values()), f"\n{table}"
