"""What must always be true, whoever writes the row."""
from __future__ import annotations

import unicodedata

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builder.catalog import keys
from builder.catalog.queries import queries
from builder.catalog.text import SALT
from edge.address import SLUG_BYTES, key_of, numbered, path_of, segment, slugify
from edge.address import Path as SitePath
from tests.site import Built, fill


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(max_size=120), min_size=1, max_size=20))
def test_every_slug_that_we_make_is_one_that_the_database_takes(site: Built, texts: list[str]) -> None:
    slugs = [slugify(text.replace("\0", ""), "fallback") for text in texts]
    slugs += [numbered(slug, 17) for slug in slugs]
    refused = site.sql("SELECT s FROM unnest(%s::text[]) s WHERE NOT catalog.is_slug(s)", [s for s in slugs if _utf8(s)])
    assert refused == []
    for slug in slugs:
        assert len(slug.encode("utf-8", "replace")) <= SLUG_BYTES
        assert unicodedata.normalize("NFC", slug) == slug
        if _utf8(slug):
            path = SitePath(f"/videos/{segment(slug)}/")
            assert path_of(key_of(path)) == path
            assert path.isascii()


def _utf8(text: str) -> bool:
    return not any(0xD800 <= ord(c) <= 0xDFFF for c in text)


NO_SLUGS = ("Upper", "a b", "a--b", "-a", "a-", "a/b", "a.b", "", "a?b", "cafe\u0301", "x" * 181, "a\u2028b", "é" * 91)


@pytest.mark.parametrize("slug", NO_SLUGS)
def test_the_database_refuses_a_slug_that_is_none(site: Built, slug: str) -> None:
    with pytest.raises(psycopg2.errors.CheckViolation):
        site.sql("INSERT INTO catalog.subject (slug, title) VALUES (%s, 'x')", slug)


def test_one_word_in_two_unicode_forms_or_cases_is_one_slug() -> None:
    assert slugify("Café", "x") == slugify("Cafe\u0301", "x") == slugify("CAFÉ", "x")
    assert len({slugify(name, "x") for name in ("C", "C++", "C#")}) == 3


def test_a_version_rises_with_each_change_and_not_with_the_same_values(site: Built) -> None:
    fill(site)
    site.sql("UPDATE catalog.video SET title = title")
    assert site.sql("SELECT version FROM catalog.video WHERE id = 1") == [(1,)]
    site.sql("UPDATE catalog.video SET title = 'Other' WHERE id = 1")
    assert site.sql("SELECT version FROM catalog.video WHERE id = 1") == [(2,)]


def test_a_batch_holds_a_thousand_videos_and_no_more(site: Built) -> None:
    fill(site, videos=1000)
    with pytest.raises(psycopg2.errors.CheckViolation) as full:
        site.sql("INSERT INTO catalog.video (slug, title, status, batch_id) VALUES ('more', 'More', 'draft', 1)")
    assert "1,000" in str(full.value)


def test_the_shortest_legal_insert_of_a_video(site: Built) -> None:
    fill(site, videos=0)
    site.sql("INSERT INTO catalog.video (slug, title, status, batch_id) VALUES ('short', 'Short', 'published', 1)")
    site.build()
    assert "<h1" in site.text("/videos/short/")


def test_a_deleted_thing_s_old_slugs_go_with_it(site: Built) -> None:
    fill(site)
    site.sql("UPDATE catalog.video SET slug = 'new' WHERE id = 1")
    assert site.sql("SELECT kind, slug, owner_id FROM catalog.old_slug") == [("video", "lecture-1", 1)]
    site.sql("DELETE FROM catalog.video WHERE id = 1")
    assert site.sql("SELECT * FROM catalog.old_slug") == []


HOT = {
    "videos": {"salt": SALT}, "clips": {"salt": SALT, "limit": 8192}, "entry_texts": {"salt": SALT}, "cards": {}, "batches": {},
    "video_instructors": {}, "video_subjects": {}, "video_sources": {}, "video_resources": {}, "neighbours": {},
}


@pytest.mark.parametrize("name", HOT)
def test_a_hot_query_reads_no_table_from_end_to_end(site: Built, name: str) -> None:
    fill(site, videos=1000)
    for batch in range(2, 8):
        site.sql("INSERT INTO catalog.batch (id, course_id, slug, title) VALUES (%s, 1, 'batch-' || %s, 'Batch')", batch, batch)
        site.sql("""INSERT INTO catalog.video (id, slug, title, status, batch_id, description)
            SELECT n, 'v-' || n, 'Lecture', 'published', %s, 'About ' || n FROM generate_series(%s, %s) n""",
                 batch, batch * 1000, batch * 1000 + 900)
    for table, columns in (("video_subject", "(video_id, subject_id)"), ("video_instructor", "(video_id, instructor_id)")):
        site.sql(f"INSERT INTO catalog.{table} {columns} SELECT id, 1 FROM catalog.video ON CONFLICT DO NOTHING")
    site.sql("INSERT INTO catalog.source (video_id, position, kind, url) SELECT id, 1, 'link', 'https://x.example/' FROM catalog.video")
    site.sql("""INSERT INTO catalog.resource (video_id, position, label, url)
        SELECT id, 1, 'Slides', 'https://x.example/' FROM catalog.video""")
    site.build()
    site.sql("ANALYZE")
    with psycopg2.connect(site.dsn) as connection, connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + queries("reads")[name], {"ids": [5, 6], **HOT[name]})
        plan = "\n".join(row[0] for row in cursor)
    connection.close()
    small = ("on course", "on batch b", "on subject", "on instructor", "on batch o")
    scans = [line for line in plan.split("\n") if "Seq Scan" in line and not any(table in line for table in small)]
    assert scans == [], plan


def test_keys_are_read_as_they_are_written() -> None:
    for text in ("site", "videos", "video:831", "video:831/card", "course:1", "instructor:7/card"):
        assert keys.show(keys.parse(text)) == text
    for wrong in ("video", "video:", "video:x", "site:1", "planet:1", "video:1/page"):
        with pytest.raises(ValueError, match="is not a key"):
            keys.parse(wrong)
