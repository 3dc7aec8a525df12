"""What must always be true, whoever writes the row."""
from __future__ import annotations

import random
import re
import unicodedata
from contextlib import closing

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

# What a walk over all code points found hard: ornaments that count as numbers, selectors that count as marks.
_ODD_SIGNS = "a-\u0301\u2776\u24eb\ufe0f\ufe00\U000e0100\u0130\u1e9e\u03a3\u200d\u200c\u3007\u2160क\u094d+#&"
ODD = st.lists(st.sampled_from(_ODD_SIGNS)).map("".join)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(max_size=120) | ODD, min_size=1, max_size=20))
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


@pytest.mark.parametrize("table", ["course", "batch", "subject", "instructor", "video"])
def test_a_version_rises_with_each_change_and_not_with_the_same_values(site: Built, table: str) -> None:
    fill(site, videos=1)
    name = "name" if table == "instructor" else "title"
    site.sql(f"UPDATE catalog.{table} SET {name} = {name}, slug = slug")
    assert site.sql(f"SELECT version FROM catalog.{table}") == [(1,)]
    site.sql(f"UPDATE catalog.{table} SET {name} = 'Other', version = 1")  # a client cannot hold it down
    assert site.sql(f"SELECT version FROM catalog.{table}") == [(2,)]


def test_a_description_s_change_raises_the_version_and_its_hash(site: Built) -> None:
    fill(site, videos=1)
    site.sql("UPDATE catalog.video SET description = 'Other words'")
    assert site.sql("SELECT version, text_hash = catalog.text_hash('markdown', 'Other words') FROM catalog.video") == [(2, True)]


def test_words_are_dated_when_they_change_and_only_then(site: Built) -> None:
    fill(site, videos=1)
    site.sql("UPDATE catalog.video SET title = title, description = description, duration_s = 5, slug = 'other'")
    assert site.sql("SELECT words_at FROM catalog.video") == [(None,)]
    site.sql("UPDATE catalog.video SET title = 'Other'")
    assert site.sql("SELECT words_at BETWEEN now() - interval '1 minute' AND clock_timestamp() FROM catalog.video") == [(True,)]


LINES = ("", "  ", "a\x07b", "a\nb", "a\u202eb", "a\u2028b", "a\ufffeb", "a\u0085b", "x" * 2001)


@pytest.mark.parametrize("line", LINES)
def test_the_database_refuses_a_title_that_would_break_a_page(site: Built, line: str) -> None:
    fill(site, videos=1)
    for statement in ("UPDATE catalog.video SET title = %s", "UPDATE catalog.instructor SET name = %s",
                      "INSERT INTO catalog.resource (video_id, position, label, url) VALUES (1, 9, %s, 'https://x.example/')"):
        with pytest.raises(psycopg2.errors.CheckViolation):
            site.sql(statement, line)


WRONG = (
    "UPDATE catalog.video SET duration_s = 0", "UPDATE catalog.video SET duration_s = 86401",
    "UPDATE catalog.video SET status = 'scheduled', publish_at = NULL", "UPDATE catalog.video SET status = 'live'",
    "UPDATE catalog.video SET language = 'English'", "UPDATE catalog.video SET picture_url = 'javascript:alert(1)'",
    "UPDATE catalog.video SET picture_url = U&'https://x.example/\\FFFE'", "UPDATE catalog.video SET licence = E'a\\x0bb'",
    "UPDATE catalog.source SET url = 'https://x.example/<script>'", "UPDATE catalog.source SET kind = 'tape'",
    "UPDATE catalog.batch SET starts_on = '2020-01-02', ends_on = '2020-01-01'",
    "INSERT INTO catalog.alias (path, video_id) VALUES ('/a\\b', 1)", "INSERT INTO catalog.alias (path, video_id) VALUES ('/a/../b', 1)",
    "INSERT INTO catalog.alias (path, video_id) VALUES ('/a?b', 1)", "INSERT INTO catalog.alias (path, video_id) VALUES ('a', 1)",
)


@pytest.mark.parametrize("statement", WRONG)
def test_the_database_refuses_what_must_never_be(site: Built, statement: str) -> None:
    fill(site, videos=1)
    with pytest.raises(psycopg2.errors.CheckViolation):
        site.sql(statement)


def test_two_things_of_a_kind_never_share_a_slug(site: Built) -> None:
    fill(site, videos=2)
    for statement in ("UPDATE catalog.video SET slug = 'lecture-1' WHERE id = 2",
                      "INSERT INTO catalog.subject (slug, title) VALUES ('subject', 'Another')"):
        with pytest.raises(psycopg2.errors.UniqueViolation):
            site.sql(statement)


def test_a_slug_is_never_in_use_and_old_at_once(site: Built) -> None:
    fill(site, videos=3)
    walk = random.Random(7)
    for _ in range(60):
        id, slug = walk.randint(1, 3), f"s-{walk.randint(1, 5)}"
        if site.sql("SELECT 1 FROM catalog.video WHERE slug = %s", slug):
            continue
        site.sql("UPDATE catalog.video SET slug = %s WHERE id = %s", slug, id)
        assert site.sql("SELECT slug FROM catalog.old_slug JOIN catalog.video USING (slug)") == []
    assert len(site.sql("SELECT slug FROM catalog.old_slug WHERE kind = 'video'")) >= 3


def test_a_batch_holds_a_thousand_videos_and_no_more(site: Built) -> None:
    fill(site, videos=1000)
    site.sql("INSERT INTO catalog.batch (id, course_id, slug, title) VALUES (2, 1, 'second', 'Second')")
    with pytest.raises(psycopg2.errors.CheckViolation) as full:
        site.sql("INSERT INTO catalog.video (id, slug, title, batch_id) VALUES (1001, 'more', 'More', 1)")
    assert "1,000" in str(full.value)
    site.sql("INSERT INTO catalog.video (id, slug, title, batch_id) VALUES (1001, 'more', 'More', 2)")
    with pytest.raises(psycopg2.errors.CheckViolation):
        site.sql("UPDATE catalog.video SET batch_id = 1 WHERE id = 1001")


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


SALTED: dict[str, object] = {"salt": SALT}
LISTS = [keys.VIDEOS, keys.subject(1), keys.instructor(1), keys.course(1)]
HOT: dict[str, dict[str, object]] = {
    "videos": SALTED, "clips": SALTED | {"limit": 8192}, "entry_texts": SALTED, "cards": {}, "video_instructors": {},
    "video_subjects": {}, "video_sources": {}, "video_resources": {}, "video_captions": {}, "neighbours": {},
    "list_spans": {"lists": LISTS, "lows": [1] * 4, "highs": [60] * 4}, "list_ends": {"lists": LISTS},
    "known": {"paths": ["/videos/lecture-1/"], "units": [5 << 8 | 1]}, "videos_between": {"low": 1, "high": 20},
    "newest_videos": {"limit": 30}, "newest_batches": {"limit": 12},
}
# Few rows in any catalog, or all of them asked for.
SMALL = ("on course", "on batch", "on subject", "on instructor", "on release", "on site", "on list_end")


def test_no_hot_query_reads_a_table_from_end_to_end(site: Built) -> None:
    _many(site)
    scans = {}
    with closing(psycopg2.connect(site.dsn)) as connection, connection.cursor() as cursor:
        for name, more in HOT.items():
            cursor.execute("EXPLAIN " + queries("reads")[name], {"ids": [5, 6], **more})
            plan = [row[0] for row in cursor]
            found = [line for line in plan if "Seq Scan" in line and not any(table in line for table in SMALL)]
            if found:
                scans[name] = plan
    assert scans == {}


def _many(site: Built) -> None:
    """Three full batches, whose pages and list places are written by hand: a build would take its seconds."""
    fill(site, videos=1000)
    for batch in (2, 3):
        site.sql("INSERT INTO catalog.batch (id, course_id, slug, title) VALUES (%s, 1, 'batch-' || %s, 'Batch')", batch, batch)
        site.sql("""INSERT INTO catalog.video (id, slug, title, status, batch_id, description)
            SELECT n, 'v-' || n, 'Lecture', 'published', %s, 'About ' || n FROM generate_series(%s, %s) n""",
                 batch, batch * 1000, batch * 1000 + 999)
    site.sql("INSERT INTO catalog.video_subject SELECT id, 1 FROM catalog.video WHERE batch_id > 1")
    site.sql("INSERT INTO catalog.video_instructor (video_id, instructor_id) SELECT id, 1 FROM catalog.video WHERE batch_id > 1")
    site.sql("INSERT INTO catalog.source (video_id, position, kind, url) SELECT id, 1, 'link', 'https://x.example/' FROM catalog.video")
    site.sql("""INSERT INTO catalog.resource (video_id, position, label, url)
        SELECT id, 1, 'Slides', 'https://x.example/' FROM catalog.video""")
    site.sql("INSERT INTO catalog.caption (video_id, language, body) SELECT id, 'en', 'WEBVTT' FROM catalog.video")
    for list in LISTS[:-1]:
        site.sql("INSERT INTO live.list_number SELECT %s, row_number() OVER (ORDER BY id), id FROM catalog.video", list)
    site.sql("INSERT INTO live.list_number SELECT 12, id, id FROM catalog.batch")
    site.sql("INSERT INTO live.list_number SELECT %s, id, id FROM catalog.batch", keys.course(1))
    site.sql("INSERT INTO live.clean_text SELECT sha256(%s::bytea || text_hash), description, description, '' FROM catalog.video", SALT)
    site.sql("INSERT INTO live.release (number, state, store) VALUES (1, 'live', 'here')")
    site.sql("""INSERT INTO live.object SELECT '/videos/' || slug || '/', 'video', '', '', '', ARRAY[id << 8 | 9], 1, 1, id << 8 | 1
        FROM catalog.video""")
    site.sql("""INSERT INTO live.retained (path, replaced_by, kept_as, kind, digest, tags, keys, size_bytes, release, etag, unit)
        SELECT path, 1, '', kind, '', '', keys, 1, 1, '', unit FROM live.object""")
    site.sql("ANALYZE")


ORDER = re.compile(r"ORDER BY (.*?)(?= LIMIT|\)|\n\n|$)", re.DOTALL)
# What is unique by itself, or with what stands before it in the same clause.
UNIQUE = re.compile(r"(\bid|_id|\bnumber( DESC)?|\bposition|\bpath|\bslug|\bkind|^1|, 1|\blist|_range|\breplaced_by DESC)$")


def test_every_order_ends_in_what_is_unique() -> None:
    orders = [(f"{name}.{query}", order) for name in ("reads", "numbers", "reach") for query, text in queries(name).items()
              for order in ORDER.findall(text.strip() + "\n\n")]
    assert len(orders) > 30
    assert [(query, order) for query, order in orders if not UNIQUE.search(order.strip().replace(' COLLATE "C"', ""))] == []


def test_keys_are_read_as_they_are_written() -> None:
    for text in ("site", "videos", "video:831", "video:831/card", "course:1", "instructor:7/card"):
        assert keys.show(keys.parse(text)) == text
    for wrong in ("video", "video:", "video:x", "site:1", "planet:1", "video:1/page"):
        with pytest.raises(ValueError, match="is not a key"):
            keys.parse(wrong)
