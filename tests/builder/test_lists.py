"""Places in lists never move, so one lecture's arrival or leave reaches one page of a list."""
from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from builder.pages.index import SPLIT_OVER, fold, wanted_splits
from builder.pages.listing import PER_PAGE, Cut
from tests.site import Built, fill


@given(last=st.integers(0, 5000))
def test_every_number_stands_on_exactly_one_page(last: int) -> None:
    cut = Cut(last)
    pages = [cut.bounds(page) for page in range(1, cut.numbered + 1)] + [cut.bounds(0)]
    numbers = [n for low, high in pages for n in range(low, high + 1)]
    assert numbers == list(range(1, last + 1))
    low, high = cut.bounds(0)
    assert last < PER_PAGE or PER_PAGE <= high - low + 1 < 2 * PER_PAGE
    assert all(cut.page_of(n) == page for page in range(cut.numbered + 1) for n in range(cut.bounds(page)[0], cut.bounds(page)[1] + 1))


@given(last=st.integers(1, 5000))
def test_one_more_item_changes_no_numbered_page(last: int) -> None:
    before, after = Cut(last), Cut(last + 1)
    assert [before.bounds(n) for n in range(1, before.numbered + 1)] == [after.bounds(n) for n in range(1, before.numbered + 1)]


def test_the_own_address_shows_the_newest_and_numbered_pages_the_rest(site: Built) -> None:
    fill(site, videos=170)
    site.build()
    assert _shown(site, "/videos/") == list(range(170, 100, -1))
    assert _shown(site, "/videos/page/1/") == list(range(50, 0, -1))
    assert _shown(site, "/subjects/subject/page/2/") == list(range(100, 50, -1))
    assert "/videos/page/3/" not in site.objects()


def test_what_leaves_leaves_a_gap_and_what_comes_is_the_newest(site: Built) -> None:
    fill(site, videos=170)
    site.build()
    before = site.digests()
    site.sql("UPDATE catalog.video SET status = 'withdrawn' WHERE id = 20")
    site.sql("""INSERT INTO catalog.video (id, slug, title, status, batch_id, recorded_on)
        VALUES (500, 'late', 'Late', 'published', 1, '1999-01-01')""")
    site.build()
    assert _shown(site, "/videos/page/1/") == [n for n in range(50, 0, -1) if n != 20]
    assert _shown(site, "/videos/")[0] == 500  # its place was given when it was first shown, whatever its date
    assert site.digests()["/videos/page/2/"] == before["/videos/page/2/"]


def test_undated_lectures_come_first_and_ties_are_cut_by_id(site: Built) -> None:
    fill(site, videos=5)
    site.sql("UPDATE catalog.video SET recorded_on = NULL WHERE id = 4")
    site.sql("UPDATE catalog.video SET recorded_on = '2021-01-01' WHERE id IN (1, 3)")
    site.build()
    assert _shown(site, "/videos/") == [3, 1, 5, 2, 4]


def _shown(site: Built, path: str) -> list[int]:
    return [int(n) for n in re.findall(r'data-video="(\d+)"', site.text(path))]


def test_an_index_is_split_by_letter_once_it_is_long_and_stays_split(site: Built) -> None:
    fill(site)
    site.sql("""INSERT INTO catalog.instructor (id, slug, name)
        SELECT n, 'person-' || n, CASE WHEN n %% 2 = 0 THEN 'Anna ' ELSE 'Émile ' END || n FROM generate_series(100, 100 + %s) n""",
             SPLIT_OVER)
    site.sql("INSERT INTO catalog.video_instructor (video_id, instructor_id) SELECT 1, id FROM catalog.instructor WHERE id >= 100")
    site.build()
    assert 'href="/instructors/letter/a/"' in site.text("/instructors/")
    assert "/instructors/person-101/" in site.text("/instructors/letter/e/")  # É stands under E
    assert "/instructors/person-101/" not in site.text("/instructors/")
    site.sql("DELETE FROM catalog.instructor WHERE id >= 110")
    site.build()
    assert 'href="/instructors/letter/a/"' in site.text("/instructors/")


def test_names_in_other_scripts_have_a_place() -> None:
    assert fold("Łukasz") == "łukasz"
    assert fold("Çelik") == "celik"
    assert fold("हिन्दी") == "हिन्दी"
    assert fold("李 明") == "李明"
    assert fold("김민수")[0] == fold("강 하늘")[0] == "ㄱ"
    assert fold("강 하늘") < fold("김민수") < fold("나은")
    assert fold("!!!") == "_"
    assert fold("İstanbul") == fold("istanbul")  # no loose dot
    assert fold("x\u0302") == "x"
    assert fold("שָׁלוֹם") == "שָׁלוֹם"


@given(st.lists(st.text(min_size=1, max_size=8), max_size=40))
def test_a_short_index_asks_for_no_split(titles: list[str]) -> None:
    assert wanted_splits(sorted((fold(t), t, "slug", n) for n, t in enumerate(titles)), set()) == set()


def test_what_left_a_subject_an_instructor_or_a_course_is_in_its_list_no_more(site: Built) -> None:
    fill(site, videos=120)
    site.sql("INSERT INTO catalog.course (id, slug, title) VALUES (2, 'other', 'Other')")
    site.sql("INSERT INTO catalog.batch (id, course_id, slug, title) VALUES (2, 1, 'second', 'Second')")
    site.sql("UPDATE catalog.video SET batch_id = 2 WHERE id <= 60")
    site.build()
    before = site.digests()
    site.sql("DELETE FROM catalog.video_subject WHERE video_id = 20")
    site.sql("DELETE FROM catalog.video_instructor WHERE video_id = 20")
    site.sql("UPDATE catalog.batch SET course_id = 2 WHERE id = 2")
    site.build()
    left = [n for n in range(50, 0, -1) if n != 20]
    assert _shown(site, "/subjects/subject/page/1/") == left
    assert _shown(site, "/instructors/teacher/page/1/") == left
    assert "/batches/second/" not in site.text("/courses/course/")
    assert "/batches/second/" in site.text("/courses/other/")
    assert "/videos/lecture-20/" not in site.text("/subjects/subject/feed.xml")
    assert site.digests()["/subjects/subject/"] == before["/subjects/subject/"]
    site.sql("INSERT INTO catalog.video_subject VALUES (20, 1)")
    site.build()
    assert _shown(site, "/subjects/subject/page/1/") == list(range(50, 0, -1))  # its place was kept


def test_what_left_a_subject_is_related_to_none_of_it(site: Built) -> None:
    fill(site, videos=20)
    site.sql("DELETE FROM catalog.video_instructor")
    for batch in range(2, 22):
        site.sql("INSERT INTO catalog.batch (id, course_id, slug, title) VALUES (%s, 1, 'batch-' || %s, 'Batch')", batch, batch)
        site.sql("UPDATE catalog.video SET batch_id = %s WHERE id = %s", batch, batch - 1)
    site.build()
    assert 10 in _related(site, 9)
    site.sql("DELETE FROM catalog.video_subject WHERE video_id = 10")
    site.build()
    assert _related(site, 9)
    assert 10 not in _related(site, 9)
    assert _related(site, 10) == []


def _related(site: Built, id: int) -> list[int]:
    related = site.text(f"/videos/lecture-{id}/").partition("Related lectures")[2]
    return [int(n) for n in re.findall(r'data-video="(\d+)"', related)]


def test_a_newest_one_that_leaves_moves_no_page_border(site: Built) -> None:
    fill(site, videos=100)
    site.build()
    assert _shown(site, "/subjects/subject/") == list(range(100, 50, -1))
    site.sql("DELETE FROM catalog.video_subject WHERE video_id = 100")
    site.sql("UPDATE catalog.video SET status = 'withdrawn' WHERE id = 99")
    site.build()
    assert _shown(site, "/subjects/subject/") == list(range(98, 50, -1))
    assert _shown(site, "/subjects/subject/page/1/") == list(range(50, 0, -1))


def test_a_letter_that_is_long_is_split_by_its_second_one(site: Built) -> None:
    fill(site)
    site.sql("""INSERT INTO catalog.subject (id, slug, title)
        SELECT n, 'topic-' || n, CASE WHEN n %% 2 = 0 THEN 'Anagram ' ELSE 'Äther ' END || n FROM generate_series(100, 101 + %s) n""",
             SPLIT_OVER)
    site.sql("INSERT INTO catalog.subject (id, slug, title) VALUES (50, 'one-letter', 'A'), (51, 'latin-i', 'ice'), (52, 'dotless', 'ıce')")
    site.sql("INSERT INTO catalog.video_subject SELECT 1, id FROM catalog.subject WHERE id >= 50")
    site.build()
    assert '"/subjects/letter/a/"' in site.text("/subjects/")
    letter = site.text("/subjects/letter/a/")
    assert '"/subjects/letter/an/"' in letter
    assert '"/subjects/letter/at/"' in letter
    assert "/subjects/one-letter/" in letter
    assert "/subjects/topic-100/" in site.text("/subjects/letter/an/")
    names = [path for path in site.objects() if path.startswith("/subjects/letter/")]
    titles = [site.text(path).partition("<title>")[2].partition("</title>")[0] for path in names]
    assert len(set(titles)) == len(titles) >= 6


def test_an_id_of_another_system_makes_no_more_sitemaps_than_there_are_things(site: Built) -> None:
    fill(site)
    site.sql("INSERT INTO catalog.video (id, slug, title, status, batch_id) VALUES (9000000000000, 'far', 'Far', 'published', 1)")
    site.build()
    maps = {path for path in site.objects() if path.startswith("/sitemaps/")}
    assert len(maps) == 10
    assert "/videos/far/" in site.text("/sitemaps/videos-90000000000.xml")
    assert {path for path in maps if f"https://lectures.example{path}<" not in site.text("/sitemap.xml")} == set()
