"""Search files of a built site: they name what is shown and nothing else, and an edit makes its own anew and no others."""
from __future__ import annotations

import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.catalog import postings, terms
from builder.pages.search import LIST_PATH
from builder.takedown import take_down
from tests.search.library import decoded
from tests.site import SITE, Built, fill


def _found(site: Built) -> dict[int, set[str]]:
    """The terms that lead to each lecture."""
    found: dict[int, set[str]] = {}
    for path in _listed(site):
        first = terms.unit_of(int(path.split("/")[2]) * terms.SEGMENT, 0)
        for term, written in json.loads(site.text(path)).items():
            for id in decoded(first, written):
                found.setdefault(id, set()).add(term)
    return found


def _listed(site: Built) -> set[str]:
    listed = json.loads(site.text(LIST_PATH))["files"]
    return {f"/search/{segment}/{name}.json" for segment, names in listed.items() for name in names.split()}


def _files(site: Built) -> dict[str, str]:
    return {path: thing.digest for path, thing in site.objects().items() if path.startswith("/search/") and thing.status == 200}


def test_a_lecture_is_found_by_title_instructor_subject_batch_year_language_and_telling_words(site: Built) -> None:
    fill(site)
    site.sql("""UPDATE catalog.video SET title = 'Schrödinger''s naïve C++', language = 'de', description = 'About the metaclasses'
        WHERE id = 2""")
    site.build()
    wanted = {"schrodingers", "naive", "cplusplus", "teacher", "subject", "@subject", "batch", "~2020", "~de", "metaclasses"}
    assert wanted <= _found(site)[2]
    assert not {"the", "about"} & _found(site)[2]
    assert _listed(site) == set(_files(site)) - {LIST_PATH, "/search/"}


def test_a_file_says_of_each_term_where_it_stands_whatever_sign_says_it(site: Built) -> None:
    fill(site)
    site.sql("UPDATE catalog.subject SET title = 'Quokka'")
    site.sql("UPDATE catalog.batch SET title = 'Quokka'")
    site.sql("UPDATE catalog.video SET description = 'Quokka' WHERE id = 2")
    site.build()
    ((written,),) = site.sql("SELECT postings FROM live.search_term WHERE term = 'quokka'")
    assert "\\" in written, "JSON quotes it"
    assert decoded(terms.unit_of(2, terms.file_of("quokka")), json.loads(site.text("/search/0/qu.json"))["quokka"])[2] == (
        terms.SUBJECT | terms.BATCH | terms.TEXT)


@given(st.text())
def test_no_term_has_a_sign_that_json_quotes(text: str) -> None:
    for term in terms.split(text):
        assert json.dumps(term, ensure_ascii=False) == f'"{term}"'


@pytest.mark.parametrize("edit", ["status = 'withdrawn'", "status = 'draft'", "status = 'scheduled', publish_at = '2999-01-01'"])
def test_no_search_file_names_what_is_shown_no_more(site: Built, edit: str) -> None:
    fill(site)
    site.sql("UPDATE catalog.video SET title = 'Quokka' WHERE id = 2")
    site.build()
    assert "quokka" in _found(site)[2]
    site.sql(f"UPDATE catalog.video SET {edit} WHERE id = 2")
    site.build()
    assert set(_found(site)) == {1, 3}
    assert "/search/0/qu.json" not in _listed(site)
    assert site.objects()["/search/0/qu.json"].status == 410
    assert all(f"/data/video/{id}.json" in site.objects() for id in _found(site))


def test_what_never_was_published_is_in_no_search_file(site: Built) -> None:
    fill(site)
    site.sql("UPDATE catalog.video SET status = 'draft' WHERE id = 1")
    site.sql("UPDATE catalog.video SET status = 'scheduled', publish_at = now() + interval '1 day' WHERE id = 3")
    site.build()
    assert set(_found(site)) == {2}


def test_a_takedown_leaves_no_search_file_that_names_it_and_no_kept_one(site: Built) -> None:
    fill(site)
    site.sql("UPDATE catalog.video SET title = 'Quokka' WHERE id = 2")
    site.build()
    site.sql("UPDATE catalog.video SET duration_s = 5 WHERE id = 1")
    site.build()
    with site.publisher() as (publisher, store, connection):
        take_down(site.dsn, connection, publisher, store, (), SITE.base_url, "video", 2)
    assert set(_found(site)) == {1, 3}
    assert site.sql("SELECT path FROM live.retained WHERE path LIKE '/search/%%'") == []


def test_an_edit_of_a_title_makes_the_files_of_its_own_words_anew_and_at_most_forty(site: Built) -> None:
    fill(site, videos=30)
    site.build()
    before = _files(site)
    site.sql("UPDATE catalog.video SET title = 'Lecture on quokkas' WHERE id = 7")
    site.build()
    after = _files(site)
    changed = {path for path in {*before, *after} if before.get(path) != after.get(path)}
    assert changed == {"/search/0/7.json", "/search/0/qu.json", LIST_PATH}
    words = " ".join(f"{first}{second}word" for first in "abcdefghij" for second in "bcdfgklm")
    site.sql("UPDATE catalog.video SET title = %s WHERE id = 8", words)
    site.build()
    assert len({path for path, digest in _files(site).items() if after.get(path) != digest}) <= 40


def test_a_renamed_instructor_is_found_under_the_new_name_alone(site: Built) -> None:
    fill(site)
    site.build()
    site.sql("UPDATE catalog.instructor SET name = 'Grace Hopper' WHERE id = 1")
    site.build()
    assert set(_found(site)) == {1, 2, 3}
    assert all({"grace", "hopper"} <= found and "teacher" not in found for found in _found(site).values())


def test_terms_that_were_spoilt_are_mended_by_a_full_build(site: Built) -> None:
    fill(site)
    site.build()
    before = _files(site)
    site.sql("TRUNCATE live.search_video, live.search_term")
    site.build(full=True)
    assert _files(site) == before


def test_what_a_file_is_put_together_of_stands_together_in_its_table(site: Built) -> None:
    fill(site, videos=30)
    site.build()
    units = [unit for (unit,) in site.sql("SELECT unit FROM live.search_term ORDER BY ctid")]
    assert units == sorted(units)


def test_a_segment_of_ids_has_files_of_its_own(site: Built) -> None:
    fill(site)
    site.sql(f"""INSERT INTO catalog.video (id, slug, title, status, batch_id)
        VALUES ({5 * terms.SEGMENT + 3}, 'far', 'Lecture far off', 'published', 1)""")
    site.build()
    assert "/search/5/le.json" in _listed(site)
    assert 5 * terms.SEGMENT + 3 in _found(site)
    assert set(_found(site)) == {1, 2, 3, 5 * terms.SEGMENT + 3}


def test_ids_of_another_system_are_found_too(site: Built) -> None:
    fill(site)
    site.sql("INSERT INTO catalog.video (id, slug, title, status, batch_id) VALUES (9000000000000, 'far', 'Far', 'published', 1)")
    site.build()
    assert "far" in _found(site)[9000000000000]


def test_postings_are_read_as_they_were_written() -> None:
    unit = terms.unit_of(2 * terms.SEGMENT, terms.file_of("python"))
    found = {2 * terms.SEGMENT: 31, 2 * terms.SEGMENT + 1: 0, 2 * terms.SEGMENT + 40: 5, 3 * terms.SEGMENT - 1: 16}
    assert decoded(unit, postings.encoded(unit, found)) == found


@pytest.mark.parametrize("apart", [1, 2, 3, 30, 300])
def test_a_change_of_some_lectures_leaves_the_rest_of_a_long_list_as_it_was(apart: int) -> None:
    unit = terms.unit_of(0, terms.file_of("python"))
    for seed in range(60):
        chance = Random(seed)
        had = {id: chance.randrange(32) for id in chance.sample(range(4_000), 4_000 // apart)}
        now = {chance.choice((*had, chance.randrange(4_100))): chance.choice((-1, chance.randrange(32))) for _ in range(seed % 30)}
        wanted = {id: where for id, where in (had | now).items() if where >= 0}
        assert postings.spliced(unit, postings.encoded(unit, had), now) == postings.encoded(unit, wanted)


_FOUND = st.dictionaries(st.integers(0, 90), st.integers(0, 31), max_size=40)


@given(_FOUND, st.dictionaries(st.integers(0, 90), st.integers(-1, 31), max_size=12), st.sampled_from([0, 2]))
def test_a_change_of_some_lectures_makes_what_writing_all_anew_makes(had: dict[int, int], now: dict[int, int], segment: int) -> None:
    first = segment * terms.SEGMENT
    unit = terms.unit_of(first, terms.file_of("python"))
    had, now = ({first + id * id: where for id, where in some.items()} for some in (had, now))
    wanted = {id: where for id, where in (had | now).items() if where >= 0}
    assert postings.spliced(unit, postings.encoded(unit, had), now) == postings.encoded(unit, wanted)
