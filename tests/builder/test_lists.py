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
    assert fold("!!!") == "_"


@given(st.lists(st.text(min_size=1, max_size=8), max_size=40))
def test_a_short_index_asks_for_no_split(titles: list[str]) -> None:
    assert wanted_splits(sorted((fold(t), t, "slug") for t in titles), set()) == set()
