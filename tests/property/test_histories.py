"""A site that grew by a long row of small builds is the site that one build makes of the same rows."""
from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.site import Built, fill

WORDS = ("Algebra", "Lightning Talks", "Привет", "कक्षा", "<b>Bold</b>", "Ω & Co")


def _edits(walk: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    """One of each edit that a desk can make, on things picked at random."""
    video, other, word = walk.randint(1, 70), walk.randint(1, 70), walk.choice(WORDS)
    status = walk.choice(("published", "published", "withdrawn", "draft"))
    return [
        ("UPDATE catalog.video SET title = %s WHERE id = %s", (word, video)),
        ("UPDATE catalog.video SET description = %s WHERE id = %s", (word * walk.randint(1, 900), video)),
        ("UPDATE catalog.video SET slug = 's-' || %s WHERE id = %s", (walk.randint(1, 10**9), video)),
        ("UPDATE catalog.video SET status = %s WHERE id = %s", (status, video)),
        ("UPDATE catalog.video SET batch_id = %s WHERE id = %s", (walk.randint(1, 3), video)),
        ("UPDATE catalog.video SET position = %s, recorded_on = NULL WHERE id = %s", (walk.randint(1, 70), video)),
        ("DELETE FROM catalog.video WHERE id = %s", (video,)),
        ("DELETE FROM catalog.video_subject WHERE video_id BETWEEN %s AND %s", (min(video, other), max(video, other))),
        ("INSERT INTO catalog.video_subject SELECT id, %s FROM catalog.video WHERE id %% 7 = %s ON CONFLICT DO NOTHING",
         (walk.randint(1, 2), walk.randint(0, 6))),
        ("DELETE FROM catalog.video_instructor WHERE video_id = %s", (video,)),
        ("UPDATE catalog.subject SET title = %s WHERE id = %s", (word, walk.randint(1, 2))),
        ("UPDATE catalog.instructor SET name = %s", (word,)),
        ("UPDATE catalog.batch SET title = %s, course_id = %s WHERE id = %s", (word, walk.randint(1, 2), walk.randint(1, 3))),
        ("UPDATE catalog.batch SET gated = NOT gated WHERE id = %s", (walk.randint(1, 3),)),
        ("UPDATE catalog.course SET description = %s, slug = 'c-' || %s WHERE id = 1", (word, walk.randint(1, 10**9))),
        ("DELETE FROM catalog.source WHERE video_id = %s", (video,)),
    ]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_many_small_builds_make_what_one_build_makes(site: Built, tmp_path: Path, seed: int) -> None:
    fill(site, videos=70)
    site.sql("INSERT INTO catalog.course (id, slug, title) VALUES (2, 'course-2', 'Course')")
    site.sql("INSERT INTO catalog.batch (id, course_id, slug, title) VALUES (2, 1, 'b-2', 'Batch'), (3, 2, 'b-3', 'Other')")
    site.sql("INSERT INTO catalog.subject (id, slug, title) VALUES (2, 'subject-2', 'Another')")
    walk = random.Random(seed)
    for _ in range(10):
        for statement, values in walk.sample(_edits(walk), 3):
            site.sql(statement, *values)
        site.build()
    grown = site.digests()
    again = Built(site.dsn, tmp_path / "again")
    (tmp_path / "again").mkdir()
    site.sql("TRUNCATE live.object, live.release, live.clean_text")
    again.build()
    assert again.digests() == grown, f"seed {seed}"
