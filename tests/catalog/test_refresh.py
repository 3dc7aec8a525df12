"""Refresh, as the catalog's rows show it: what it fills, what it leaves, and when a video counts as gone."""
from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from builder.catalog.refresh import rows
from builder.catalog.refresh.rows import behind
from tests.builder.test_rights import as_member
from tests.catalog.refreshing import FILM, ask, file_site, youtube_site
from tests.catalog.stand_ins import KEY, Providers, Said, as_json, videos_list, youtube_error, youtube_item
from tests.site import Built, fill


def test_lengths_come_from_the_provider_where_the_editor_has_none(site: Built, talkers: Providers) -> None:
    youtube_site(site, talkers)
    site.sql("UPDATE catalog.video SET duration_s = 77 WHERE id = 2")
    report = ask(site, talkers)
    assert (report.asked, report.changed, report.failed) == (3, 2, 0)
    assert site.sql("SELECT duration_s FROM catalog.video ORDER BY id") == [(3660,), (77,), (10860,)]
    assert site.sql("SELECT title FROM catalog.video WHERE id = 1") == [("Lecture 1",)]


def test_a_second_run_writes_nothing(site: Built, talkers: Providers) -> None:
    youtube_site(site, talkers)
    ask(site, talkers)
    before = site.sql("SELECT id, version, xmin::text FROM catalog.video ORDER BY id")
    report = ask(site, talkers)
    assert (report.asked, report.changed) == (3, 0)
    assert site.sql("SELECT id, version, xmin::text FROM catalog.video ORDER BY id") == before


def test_a_length_that_an_editor_wrote_over_stays_the_editors(site: Built, talkers: Providers) -> None:
    youtube_site(site, talkers, videos=2)
    ask(site, talkers)
    site.sql("UPDATE catalog.video SET duration_s = 5 WHERE id = 1")
    for id in talkers.youtube:
        talkers.youtube[id] = youtube_item(id, duration="PT50M")
    assert ask(site, talkers).changed == 1
    assert site.sql("SELECT duration_s FROM catalog.video ORDER BY id") == [(5,), (3000,)]


def test_a_dead_file_is_gone_after_three_clear_answers_and_back_after_one(site: Built, talkers: Providers) -> None:
    path = file_site(site, talkers)
    assert ask(site, talkers).dead == []
    talkers.at[path] = Said(404)
    for run in (1, 2):
        report = ask(site, talkers)
        assert (report.asked, report.changed, report.dead) == (1, 0, []), run
    report = ask(site, talkers)
    assert (report.changed, len(report.dead), report.failed) == (1, 1, 0)
    assert "film.mp4" in report.dead[0].where
    version = site.sql("SELECT version FROM catalog.video")
    assert ask(site, talkers).changed == 0
    assert site.sql("SELECT version FROM catalog.video") == version
    talkers.at[path] = Said(200, b"x", FILM)
    report = ask(site, talkers)
    assert (report.changed, report.dead) == (1, [])
    assert site.sql("SELECT unavailable_since FROM catalog.video") == [(None,)]


@pytest.mark.parametrize("said", [
    youtube_error(403, "quotaExceeded", "The request cannot be completed because you have exceeded your quota."),
    youtube_error(400, "keyInvalid", "Bad Request"), Said(429, b"", {"Retry-After": "0"}), Said(500), Said(503),
    Said(200, b""), Said(200, b"{}"), Said(200, b"<html>"), videos_list([]), videos_list([], total=3),
    videos_list([youtube_item("00000000001")], total=3), as_json(200, {"kind": "youtube#videoListResponse", "items": None}),
], ids=["quota", "key", "429", "500", "503", "nothing", "empty", "page", "no-items", "no-items-of-3", "half", "null"])
def test_what_is_no_clear_answer_changes_no_row_and_is_told(site: Built, talkers: Providers, said: Said) -> None:
    youtube_site(site, talkers)
    ask(site, talkers)
    before = site.sql("SELECT id, xmin::text FROM catalog.video ORDER BY id")
    talkers.youtube_says = lambda ids: said
    talkers.youtube.clear()
    for _ in range(4):
        report = ask(site, talkers)
        assert report.changed == 0
        site.sql("UPDATE live.refresh_host SET until = now()")
        site.sql("UPDATE live.refresh_source SET next_at = now()")
        assert report.failed >= 1
        assert KEY not in str(report.as_json())
    assert site.sql("SELECT id, xmin::text FROM catalog.video ORDER BY id") == before


def test_a_host_that_is_down_counts_once_a_run_however_many_requests_are_under_way(site: Built, talkers: Providers) -> None:
    youtube_site(site, talkers, videos=200)
    both = threading.Barrier(2, timeout=30)

    def says(ids: list[str]) -> Said:
        both.wait()
        return youtube_error(403, "quotaExceeded", "exceeded")

    talkers.youtube_says = says
    report = ask(site, talkers)
    assert (report.failed, len(report.problems), len(talkers.asked)) == (1, 1, 2)
    assert site.sql("SELECT failures FROM live.refresh_host") == [(1,)]


def test_an_answer_that_lacks_all_counts_once_another_knows_the_witness(site: Built, talkers: Providers) -> None:
    youtube_site(site, talkers, videos=1)
    talkers.youtube.clear()
    for _ in range(3):
        report = ask(site, talkers)
    assert len(report.dead) == 1
    assert site.sql("SELECT unavailable_since IS NOT NULL FROM catalog.video") == [(True,)]


def test_a_host_that_fails_is_left_alone_for_longer_each_time(site: Built, talkers: Providers) -> None:
    path = file_site(site, talkers)
    talkers.at[path] = Said(503)
    assert ask(site, talkers).failed == 1
    assert ask(site, talkers).failed == 1, "the next run tries again"
    talkers.forget()
    report = ask(site, talkers)
    assert (report.asked, report.failed, report.behind) == (0, 0, 1)
    assert talkers.paths() == []
    talkers.at[path] = Said(200, b"x", FILM)
    site.sql("UPDATE live.refresh_host SET until = now()")
    report = ask(site, talkers)
    assert (report.asked, report.failed, report.behind) == (1, 0, 0)
    assert site.sql("SELECT count(*) FROM live.refresh_host") == [(0,)]


def test_one_dead_source_of_two_leaves_the_video_alone(site: Built, talkers: Providers) -> None:
    file_site(site, talkers)
    site.sql("INSERT INTO catalog.source (video_id, position, kind, url) VALUES (1, 1, 'file', %s)", f"{talkers.base}/other.mp4")
    for _ in range(4):
        report = ask(site, talkers)
    assert report.dead == []
    del talkers.at["/film.mp4"]
    for _ in range(3):
        report = ask(site, talkers)
    assert len(report.dead) == 1


def test_a_dead_video_whose_source_the_editor_replaces_is_gone_no_longer(site: Built, talkers: Providers) -> None:
    path = file_site(site, talkers)
    talkers.at[path] = Said(410)
    for _ in range(3):
        ask(site, talkers)
    talkers.at["/new.mp4"] = Said(200, b"x", FILM)
    site.sql("UPDATE catalog.source SET url = %s", f"{talkers.base}/new.mp4")
    report = ask(site, talkers)
    assert (report.dead, site.sql("SELECT unavailable_since FROM catalog.video")) == ([], [(None,)])
    assert site.sql("SELECT count(*) FROM live.refresh_source") == [(1,)], "the old address is forgotten"


def test_a_failure_between_two_not_founds_neither_counts_nor_begins_anew(site: Built, talkers: Providers) -> None:
    path = file_site(site, talkers)
    for said, dead in ((Said(404), 0), (Said(404), 0), (Said(403), 0), (Said(404), 1)):
        talkers.at[path] = said
        assert len(ask(site, talkers).dead) == dead


def test_a_recording_that_several_lectures_share_tells_no_length(site: Built, talkers: Providers) -> None:
    youtube_site(site, talkers)
    site.sql("UPDATE catalog.source SET url = 'https://www.youtube.com/watch?v=00000000001', start_s = video_id WHERE video_id < 3")
    site.sql("UPDATE catalog.source SET start_s = 90 WHERE video_id = 3")
    report = ask(site, talkers)
    assert (report.asked, report.changed) == (3, 0)
    assert site.sql("SELECT count(duration_s) FROM catalog.video") == [(0,)]
    assert len(talkers.asked) == 1


def test_withdrawn_videos_are_not_asked_about(site: Built, talkers: Providers) -> None:
    youtube_site(site, talkers)
    site.sql("UPDATE catalog.video SET status = 'withdrawn' WHERE id > 1")
    report = ask(site, talkers)
    assert (report.asked, report.behind) == (1, 0)


def test_the_longest_unseen_come_first_as_far_as_the_quota_goes(site: Built, talkers: Providers) -> None:
    youtube_site(site, talkers, videos=120)
    report = ask(site, talkers, youtube_quota=1)
    assert (report.asked, report.behind) == (50, 70)
    assert ask(site, talkers, youtube_quota=1).asked == 0, "the day's quota is spent"
    assert ask(site, talkers, youtube_quota=2).behind == 20
    assert ask(site, talkers, youtube_quota=3).behind == 0
    assert site.sql("SELECT used FROM live.refresh_quota") == [(3,)]
    assert [len(request.query["id"].split(",")) for request in talkers.asked] == [50, 50, 20]


def test_the_quota_is_spread_over_the_hours_that_the_day_has_left(site: Built) -> None:
    with closing(psycopg2.connect(site.dsn)) as connection:
        hours = 24 - site.sql("SELECT extract(hour FROM now() AT TIME ZONE 'America/Los_Angeles')::int")[0][0]
        share = rows.share_of_quota(connection, 10_000)
    assert share * hours >= 10_000 > (share - 1) * hours


def test_what_did_not_change_is_asked_for_under_a_condition_and_costs_one_unit(site: Built, talkers: Providers) -> None:
    youtube_site(site, talkers, videos=60)
    ask(site, talkers)
    first = [request.query["id"] for request in talkers.asked]
    talkers.forget()
    report = ask(site, talkers)
    assert (report.asked, report.changed, report.behind) == (60, 0, 0)
    assert sorted(request.query["id"] for request in talkers.asked) == sorted(first)
    assert all("if-none-match" in request.headers for request in talkers.asked)
    assert site.sql("SELECT used FROM live.refresh_quota") == [(4,)]


def test_a_second_refresh_at_the_same_time_does_nothing_and_says_so(site: Built, talkers: Providers) -> None:
    youtube_site(site, talkers)
    with closing(psycopg2.connect(site.dsn)) as connection, rows.only_one(connection) as first:
        assert first
        report = ask(site, talkers)
    assert (report.overlaps, report.asked, report.failed, report.behind) == (True, 0, 0, 3)
    assert talkers.paths() == []
    assert ask(site, talkers).asked == 3


def test_a_row_that_an_editor_holds_is_left_for_the_next_run(site: Built, talkers: Providers) -> None:
    youtube_site(site, talkers)
    with closing(psycopg2.connect(site.dsn)) as editor, editor.cursor() as cursor:
        cursor.execute("UPDATE catalog.video SET title = 'Being written' WHERE id = 1")
        assert ask(site, talkers).changed == 2
        editor.commit()
    assert ask(site, talkers).changed == 1
    assert site.sql("SELECT title, duration_s FROM catalog.video WHERE id = 1") == [("Being written", 3660)]


def test_missed_hours_cost_one_catch_up(site: Built, talkers: Providers) -> None:
    youtube_site(site, talkers)
    ask(site, talkers)
    site.sql("UPDATE live.refresh_source SET asked_at = asked_at - interval '9 days'")
    with closing(psycopg2.connect(site.dsn)) as connection:
        assert behind(connection) == 3
        assert behind(connection, hours=24 * 10) == 0
    talkers.forget()
    assert ask(site, talkers).behind == 0
    assert len(talkers.asked) == 1


def test_no_time_means_nothing_asked_and_all_behind(site: Built, talkers: Providers) -> None:
    youtube_site(site, talkers)
    report = ask(site, talkers, budget_s=0)
    assert (report.asked, report.failed, report.behind) == (0, 0, 3)


def test_rows_of_what_is_no_more_are_forgotten(site: Built, talkers: Providers) -> None:
    youtube_site(site, talkers)
    ask(site, talkers)
    site.sql("DELETE FROM catalog.video WHERE id = 1")
    ask(site, talkers)
    assert site.sql("SELECT (SELECT count(*) FROM live.refresh_source), (SELECT count(*) FROM live.refresh_video)") == [(2, 2)]


def test_an_address_in_a_private_network_is_told_and_not_asked(site: Built, talkers: Providers) -> None:
    fill(site, videos=1)
    site.sql("UPDATE catalog.source SET kind = 'file', url = %s", f"http://localhost:{talkers.port}/film.mp4")
    report = ask(site, talkers)
    assert (report.failed, talkers.paths()) == (1, [])
    assert "private network" in report.problems[0].why


def test_it_needs_no_more_rights_than_the_builder_s(site: Built, talkers: Providers, tmp_path: Path) -> None:
    youtube_site(site, talkers)
    report = ask(Built(as_member(site.dsn, "builder"), tmp_path), talkers)
    assert (report.changed, report.failed) == (3, 0)
