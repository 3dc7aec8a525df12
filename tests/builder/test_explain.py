"""What an edit would do before it is released, and why a page is as it is after."""
from __future__ import annotations

import json
import threading
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from click.testing import CliRunner, Result

from build import main
from builder.explain import diff as differences
from builder.explain import rehearsal
from builder.explain.impact import Impact, impact, seconds_for
from builder.explain.key import NoKeyError, of_things
from builder.explain.why import UnknownPathError, Why, why
from edge.cdn.port import Abilities
from edge.store.sqlite import SQLiteStore
from tests.builder.purging import Recorder
from tests.site import SITE, Built, fill


def _diff(site: Built, key: str = "", **more: int) -> differences.Differences:
    with closing(_store(site)) as store:
        return differences.diff(site.dsn, store, SITE, "100k", of_things([key], whole=True) if key else None, **more)


def _store(site: Built) -> SQLiteStore:
    return SQLiteStore(site._file)


def _what(found: differences.Differences) -> dict[str, str]:
    return {page.path: page.what for page in found.pages}


def _why(site: Built, url: str) -> Why:
    with closing(_store(site)) as store:
        return why(site.dsn, store, url)


def _impact(site: Built, *keys: str, cdns: tuple[Recorder, ...] = ()) -> Impact:
    return impact(site.dsn, SITE, cdns, of_things(keys))


def test_a_diff_says_what_the_next_release_does_and_does_none_of_it(site: Built) -> None:
    fill(site, videos=12)
    site.build()
    before = site.digests()
    site.sql("UPDATE catalog.video SET title = 'Eaten' WHERE id = 3")
    site.sql("UPDATE catalog.video SET slug = 'moved-on' WHERE id = 4")
    site.sql("UPDATE catalog.video SET status = 'withdrawn' WHERE id = 5")
    site.sql("INSERT INTO catalog.video (id, slug, title, status, batch_id) VALUES (50, 'newcomer', 'Newcomer', 'published', 1)")
    waiting = site.sql("SELECT id, release FROM catalog.change ORDER BY id")
    numbers = site.sql("SELECT last_value FROM live.write_number")
    listed = site.sql("SELECT * FROM live.list_number ORDER BY 1, 2")
    found = _diff(site, pages=1000)
    what = _what(found)
    assert what["/videos/lecture-3/"] == "changed"
    assert what["/videos/lecture-4/"] == "moved"
    assert what["/videos/moved-on/"] == "new"
    assert what["/videos/lecture-5/"] == "gone"
    assert what["/videos/newcomer/"] == "new"
    assert site.digests() == before
    assert site.sql("SELECT id, release FROM catalog.change ORDER BY id") == waiting
    assert site.sql("SELECT last_value FROM live.write_number") == numbers
    assert site.sql("SELECT * FROM live.list_number ORDER BY 1, 2") == listed
    assert site.sql("SELECT * FROM live.tombstone") == []
    site.build()
    after = site.digests()
    assert set(what) == {path for path in after if after[path] != before.get(path)}
    assert _diff(site).pages == []


def test_a_diff_shows_the_lines_that_change_and_not_the_whole_page_as_one(site: Built) -> None:
    fill(site)
    site.build()
    site.sql("UPDATE catalog.video SET title = 'Another name' WHERE id = 2")
    (page,) = [page for page in _diff(site).pages if page.path == "/videos/lecture-2/"]
    lines = page.diff.splitlines()
    assert lines[:2] == ["--- live/videos/lecture-2/", "+++ next/videos/lecture-2/"]
    assert any(line.startswith("+") and "Another name" in line for line in lines)
    assert any(line.startswith("-") and "Lecture 2" in line for line in lines)
    assert max(map(len, lines)) < 600
    assert len(lines) < 60


def test_a_diff_tells_tags_and_lifetimes_that_change_while_the_text_stays(site: Built) -> None:
    fill(site)
    site.build()
    with closing(_store(site)) as store:
        found = differences.diff(site.dsn, store, SITE, "1m", None, pages=1000)
    assert {page.what for page in found.pages} == {"headers"}
    assert any("+Cache-Control: " in page.diff for page in found.pages)


def test_a_long_diff_is_cut_and_says_how_much_more_there_is(site: Built) -> None:
    fill(site, videos=20)
    site.build()
    site.sql("UPDATE catalog.video SET title = title || ' again'")
    found = _diff(site, pages=3, lines=5)
    assert len(found.pages) == 3
    assert sum(found.more.values()) > 20
    assert "more lines" in found.pages[0].diff
    assert len(found.pages[0].diff.splitlines()) == 6


def test_before_the_first_build_a_diff_shows_everything_as_new(site: Built) -> None:
    fill(site)
    found = _diff(site, pages=1000)
    assert set(_what(found).values()) == {"new"}
    assert site.sql("SELECT count(*) FROM live.list_number") == [(0,)]
    site.build()
    assert set(site.digests()) == set(_what(found))


def test_a_diff_of_a_key_looks_only_where_it_reaches(site: Built) -> None:
    fill(site, videos=12)
    site.build()
    site.sql("UPDATE catalog.video SET title = 'Eaten' WHERE id = 3")
    site.sql("INSERT INTO catalog.subject (id, slug, title) VALUES (2, 'apart', 'Apart')")
    site.sql("INSERT INTO catalog.video_subject VALUES (1, 2)")
    assert "/subjects/apart/" in _what(_diff(site))
    of_three = _what(_diff(site, "video:3"))
    assert of_three["/videos/lecture-3/"] == "changed"
    assert "/subjects/apart/" not in of_three
    assert "/videos/lecture-1/" not in _what(_diff(site, "video:12"))


def test_a_diff_whose_page_cannot_be_rendered_says_so(site: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(site)
    site.build()
    site.sql("UPDATE catalog.video SET title = 'Eaten' WHERE id = 3")
    from builder import render

    whole = render.Renderer.text

    def broken(self: object, page: object) -> str:
        if page.path == "/videos/lecture-3/":  # type: ignore[attr-defined]
            raise ValueError("a template's fault")
        return whole(self, page)  # type: ignore[arg-type]

    monkeypatch.setattr(render.Renderer, "text", broken)
    found = _diff(site)
    assert [failure.path for failure in found.set_aside] == ["/videos/lecture-3/"]
    assert "/videos/lecture-3/" not in _what(found)


def test_a_diff_gives_way_to_a_builder_that_waits_for_it(site: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(site, videos=6)
    site.build()
    site.sql("INSERT INTO catalog.video (id, slug, title, status, batch_id) VALUES (50, 'newcomer', 'Newcomer', 'published', 1)")
    waited: list[threading.Thread] = []
    look = rehearsal.give_way

    def meanwhile(connection: object) -> None:
        if not waited:
            builder = threading.Thread(target=site.build)
            waited.append(builder)
            builder.start()
            with closing(psycopg2.connect(site.dsn)) as other, other.cursor() as cursor:
                other.autocommit = True
                while True:
                    cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND cardinality(pg_blocking_pids(pid)) > 0")
                    if cursor.fetchone() != (0,):
                        break
                    assert builder.is_alive(), "the builder had nothing to wait for"
        look(connection)  # type: ignore[arg-type]

    monkeypatch.setattr(rehearsal, "give_way", meanwhile)
    found = _diff(site)
    waited[0].join(timeout=60)
    assert "/videos/newcomer/" in site.objects()
    assert set(_what(found)) <= {"/videos/newcomer/", *site.objects()}


def test_an_impact_counts_by_kind_what_the_edit_then_renders(site: Built) -> None:
    fill(site, videos=120)
    site.build()
    found = _impact(site, "video:7")
    assert found.pages["video"] > 1
    assert found.objects == sum(found.pages.values())
    assert 0 < found.seconds < 5
    site.sql("UPDATE catalog.video SET title = 'Eaten' WHERE id = 7")
    before = {path for path in site.objects() if path.startswith("/search/")}
    rendered = site.build().rendered
    # Which words come and which go, and so which search files, is known only with the edit.
    assert rendered <= found.objects + len(before.symmetric_difference(p for p in site.objects() if p.startswith("/search/"))) + 3
    assert _impact(site, "course:1").objects > 100
    assert _impact(site, "site").objects == sum(n for kind, n in site.build().pages.items() if kind not in ("asset", "redirect", "gone"))
    assert _impact(site, "video:999") == Impact({}, 0, {}, 0.0)


def test_an_impact_prices_its_purges_at_each_cdn(site: Built) -> None:
    fill(site, videos=30)
    site.build()
    free = Recorder("varnish")
    dear = Recorder("cloudfront", can=Abilities(tags_a_request=1000, urls_a_request=1000, budget_names=1000, usd_a_name=0.005))
    found = _impact(site, "video:7", cdns=(free, dear))
    assert found.purges["varnish"].usd == 0
    names, usd = found.purges["cloudfront"]
    assert usd == pytest.approx(names * 0.005)
    assert names == 2 * found.objects
    assert free.requests == dear.requests == []
    assert _impact(site, "site", cdns=(dear,)).purges["cloudfront"].names == 2


def test_seconds_are_what_releases_took_and_a_guess_where_none_was_made() -> None:
    assert seconds_for([(16_000, 4.0), (12, 0.043), (9, 0.052), (3, 0.05)], 100) == pytest.approx(0.075, abs=0.005)
    assert seconds_for([], 2_000) == pytest.approx(1.05)
    assert seconds_for([(600, 0.001)], 10) > 0


def test_what_a_release_took_includes_its_rendering(site: Built) -> None:
    fill(site, videos=60)
    seconds = site.build().seconds
    ((took_s,),) = site.sql("SELECT extract(epoch FROM live_at - started_at)::float8 FROM live.release")
    assert took_s > seconds["render"] > 0


@pytest.mark.parametrize("instructors", [3, 40])
def test_a_kind_whose_query_finds_nothing_is_held_back_and_a_diff_says_so(
        site: Built, monkeypatch: pytest.MonkeyPatch, instructors: int) -> None:
    fill(site, videos=4)
    site.sql("INSERT INTO catalog.instructor (id, slug, name) SELECT n, 'teacher-' || n, 'Teacher ' || n FROM generate_series(2, %s) n",
             instructors)
    site.sql("INSERT INTO catalog.video_instructor (video_id, instructor_id) SELECT 1, n FROM generate_series(2, %s) n", instructors)
    site.build()
    before = site.digests()
    monkeypatch.setattr("builder.catalog.reads.Catalog.instructors", lambda self, ids: [])
    found = _diff(site, "site", pages=1000)
    assert len([path for path in found.held_back if path.startswith("/instructors/")]) == instructors
    assert "gone" not in _what(found).values()
    assert len(site.build(full=True).held_back) == len(found.held_back)
    assert {path: status for path, status in before.items() if path not in site.digests()} == {}
    assert site.objects()["/instructors/teacher/"].status == 200


def test_a_key_is_a_thing_or_one_facet_of_it() -> None:
    assert {key & 255 for key in of_things(["video:7"])} == {9, 10}
    assert of_things(["video:7/card"]) == {7 << 8 | 10}
    assert len(of_things(["batch:7"], whole=True)) == 5
    assert of_things(["site"]) == {0}
    for wrong in ("video", "video:x", "film:7", "site:1", "video:7/nothing", ""):
        with pytest.raises(NoKeyError):
            of_things([wrong])


def test_why_names_the_edit_that_a_page_was_written_for(site: Built) -> None:
    fill(site)
    site.build()
    with closing(psycopg2.connect(site.dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SET LOCAL lectern.actor = 'ada'")
        cursor.execute("UPDATE catalog.video SET title = 'Eaten' WHERE id = 2")
    site.sql("UPDATE catalog.subject SET title = 'Other' WHERE id = 1")
    release = site.build().release
    found = _why(site, "/videos/lecture-2/")
    assert (found.kind, found.release) == ("video", release)
    assert "video:2" in found.keys
    assert not [key for key in found.keys if key.startswith("fact:")]
    assert ("video:2", "ada") in [(change.key, change.actor) for change in found.changes]
    assert found.headers["Status"] == "200"
    assert found.headers["ETag"].endswith(f".{release}")
    other = _why(site, "/videos/lecture-1/")
    assert {change.key for change in other.changes} >= {"subject:1/card"}, "a subject's name is on its videos' pages"


def test_why_names_the_edit_by_which_something_left_a_page(site: Built) -> None:
    fill(site, videos=6)
    site.build()
    site.sql("DELETE FROM catalog.video_subject WHERE video_id = 4")
    site.build()
    found = _why(site, "/subjects/subject/")
    assert "video:4/card" not in found.keys
    assert found.changes


def test_a_page_of_the_first_build_has_no_edit_to_name(site: Built) -> None:
    fill(site)
    site.sql("DELETE FROM catalog.change")
    site.build()
    assert _why(site, "/videos/lecture-2/").changes == []


@pytest.mark.parametrize("url", [
    "https://lectures.example/videos/na%C3%AFve-%D9%85/", "/videos/naïve-م/", "videos/naïve-م", "/videos/nai\u0308ve-م/",
    "/videos/na%c3%afve-%d9%85/index.html", "http://elsewhere.example:8080/videos/naïve-م/?utm=1#top", "/videos/NAÏVE-م/",
])
def test_an_address_is_known_however_it_is_spelt(site: Built, url: str) -> None:
    fill(site)
    site.sql("UPDATE catalog.video SET slug = 'naïve-م' WHERE id = 1")
    site.build()
    assert _why(site, url).path == "/videos/na%C3%AFve-%D9%85/"


def test_an_unknown_address_is_answered_with_the_nearest(site: Built) -> None:
    fill(site, videos=12)
    site.build()
    for url in ("/videos/lectre-7/", "/video/lecture-7/", "/videos/lecture-77/"):
        with pytest.raises(UnknownPathError, match="/videos/lecture-7/") as unknown:
            _why(site, url)
        assert unknown.value.exit_code == 2


def _run(site: Built, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    monkeypatch.setenv("DATABASE_URL", site.dsn)
    monkeypatch.setenv("LECTERN_STORE", f"sqlite://{Path(site._file).resolve()}")
    monkeypatch.setenv("LECTERN_BASE_URL", SITE.base_url)
    return CliRunner().invoke(main, arguments)


def test_the_commands_answer_people_and_programs(site: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(site)
    site.build()
    site.sql("UPDATE catalog.video SET title = E'Eaten' WHERE id = 2")
    shown = _run(site, monkeypatch, "diff")
    assert shown.exit_code == 0
    assert "changed: /videos/lecture-2/ (video)" in shown.stdout
    pages = json.loads(_run(site, monkeypatch, "diff", "video:2", "--json").stdout)["pages"]
    assert set(pages[0]) == {"path", "kind", "what", "diff"}
    reach = json.loads(_run(site, monkeypatch, "impact", "video:2", "--json").stdout)
    assert set(reach) == {"pages", "objects", "purges", "seconds"}
    site.build()
    told = json.loads(_run(site, monkeypatch, "why", "/videos/lecture-2/", "--json").stdout)
    assert set(told) == {"path", "kind", "keys", "release", "changes", "headers"}
    assert set(told["changes"][0]) == {"at", "key", "actor"}
    assert "Nothing would change" in _run(site, monkeypatch, "diff").stdout
    for arguments in (("why", "/nowhere/"), ("impact", "film:1"), ("diff", "film:1")):
        assert _run(site, monkeypatch, *arguments).exit_code == 2
