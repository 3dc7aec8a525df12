"""Progress: many entries in one write, of which the newest by the client's time stands, whatever order they come in."""
from __future__ import annotations

import json
import time

import pytest

from api.auth.csrf import token_of
from api.bodies import BODY_BYTES
from api.me.shapes import MOST_ENTRIES
from tests.api.students import BASE, ME, Student, sql

NOW_MS = 1_700_000_000_000
FAR_MS = 2_160_000_000_000  # 2038


def said(video: int, position_s: float, at_ms: int = NOW_MS, **more: object) -> dict[str, object]:
    return {"video": video, "position_s": position_s, "at_ms": at_ms, **more}


def place(student: Student, video: int = 1) -> tuple[float, bool]:
    found, = student.says(f"/overlay?videos={video}")["progress"]
    return found["position_s"], found["completed"]


def test_the_newest_by_the_clients_time_stands_whatever_comes_last(ada: Student) -> None:
    for position_s, at_ms in ((10, NOW_MS), (30, NOW_MS + 2), (20, NOW_MS + 1)):
        ada.write("POST", "/progress", {"videos": [said(1, position_s, at_ms)]})
    assert place(ada) == (30, False)


def test_the_same_write_twice_is_one(ada: Student) -> None:
    for _ in range(2):
        ada.write("POST", "/progress", {"videos": [said(1, 10, completed=True)]})
    assert place(ada) == (10, True)
    assert len(ada.says("/history")["places"]) == 1


def test_who_tells_a_place_alone_takes_no_tick_away_and_a_tick_can_be_taken_away(ada: Student) -> None:
    ada.write("POST", "/progress", {"videos": [said(1, 600, NOW_MS, completed=True)]})
    ada.write("POST", "/progress", {"videos": [said(1, 3, NOW_MS + 9)]})
    assert place(ada) == (3, True)
    ada.write("POST", "/progress", {"videos": [said(1, 3, NOW_MS + 8, completed=False)]})
    assert place(ada) == (3, False)
    ada.write("POST", "/progress", {"videos": [said(1, 600, NOW_MS, completed=True)]})  # the first one, sent again
    assert place(ada) == (3, False)


def test_a_clock_that_is_years_ahead_counts_as_now_so_that_the_next_write_wins(ada: Student) -> None:
    ada.write("POST", "/progress", {"videos": [said(1, 99, FAR_MS, completed=True)]})
    (at_ms, tick_ms), = sql(ada.dsn, "SELECT extract(epoch FROM at)::float8 * 1000, extract(epoch FROM completed_at)::float8 * 1000 "
                                     "FROM student.progress WHERE account_id = %s", ada.id)
    assert at_ms == tick_ms <= time.time() * 1000
    ada.write("POST", "/progress", {"videos": [said(1, 5, int(time.time() * 1000) + 1, completed=False)]})
    assert place(ada) == (5, False)


def test_a_video_that_one_beacon_names_twice_is_folded(ada: Student) -> None:
    ada.write("POST", "/progress", {"videos": [
        said(1, 10, NOW_MS + 1), said(3, 1), said(1, 20, NOW_MS + 3), said(1, 5, NOW_MS + 2, completed=True), said(1, 6, NOW_MS)]})
    assert place(ada) == (20, True)
    assert place(ada, 3) == (1, False)


def test_what_is_not_published_is_left_out_and_the_rest_of_the_batch_is_kept(ada: Student, dsn: str) -> None:
    """A draft looks like what does not exist."""
    sql(dsn, "UPDATE catalog.video SET status = 'draft' WHERE id = 3")
    answer = ada.write("POST", "/progress", {"videos": [said(999, 1), said(1, 7), said(3, 7)]})
    assert answer["refused"] == [3, 999]
    assert place(ada) == (7, False)
    assert sql(dsn, "SELECT video_id FROM student.progress") == [(1,)]


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "text/plain;charset=UTF-8"])
def test_a_beacon_comes_in_its_content_types_with_the_token_in_its_body(kind: str, ada: Student) -> None:
    """``navigator.sendBeacon`` sets no header of ours."""
    body = json.dumps({"csrf": token_of(ada.cookies["session"]), "videos": [said(1, 8)]})
    assert ada.ask("POST", "/progress", data=body, content_type=kind).status_code == 200
    assert place(ada) == (8, False)


def test_a_beacon_without_the_token_writes_nothing(ada: Student) -> None:
    for body in ({"videos": [said(1, 8)]}, {"videos": [said(1, 8)], "csrf": "x"}):
        assert ada.ask("POST", "/progress", data=json.dumps(body), content_type="text/plain").status_code == 403
    assert ada.says("/history")["places"] == []


def test_64_kib_are_taken_and_one_byte_more_is_not(ada: Student) -> None:
    body = json.dumps({"csrf": token_of(ada.cookies["session"]), "videos": [said(1, 8)]})
    full = body + " " * (BODY_BYTES - len(body))
    assert len(full) == 65_536
    assert ada.ask("POST", "/progress", data=full, content_type="text/plain").status_code == 200
    assert ada.ask("POST", "/progress", data=full + " ", content_type="text/plain").status_code in (403, 413)
    assert ada.ask("POST", "/progress", data=full + " ", content_type="text/plain",
                   headers={"X-CSRF-Token": token_of(ada.cookies["session"])}).status_code == 413


def test_as_many_entries_as_one_write_may_hold_fit_into_a_beacon(ada: Student) -> None:
    many = [said(10**6 + n, 12_345.5, NOW_MS + n, completed=True) for n in range(MOST_ENTRIES)]
    body = {"csrf": token_of(ada.cookies["session"]), "videos": many}
    assert len(json.dumps(body)) < BODY_BYTES
    assert len(ada.write("POST", "/progress", body)["refused"]) == MOST_ENTRIES
    ada.write("POST", "/progress", {"videos": [*many, said(1, 1)]}, status=422)
    assert ada.write("POST", "/progress", {"videos": []})["refused"] == []


def test_an_entry_that_does_not_fit_is_refused_and_named(ada: Student) -> None:
    for field, wrong in (("video", 0), ("video", "1"), ("video", 2**63), ("position_s", -1), ("position_s", 86_401), ("position_s", None),
                         ("at_ms", -1), ("at_ms", 8_640_000_000_000_001), ("at_ms", 1.5), ("completed", "yes"), ("completed", 1),
                         ("account", 1)):
        answer = ada.write("POST", "/progress", {"videos": [said(3, 1), {**said(1, 1), field: wrong}]}, status=422)
        assert answer["errors"][0]["field"].endswith(field)
    assert ada.says("/history")["places"] == []


def test_a_place_too_small_for_the_database_is_the_beginning(ada: Student) -> None:
    ada.write("POST", "/progress", {"videos": [said(1, 2.225073858507e-311)]})
    assert place(ada) == (0, False)


def test_the_last_moment_that_a_browser_knows_is_only_now(ada: Student) -> None:
    ada.write("POST", "/progress", {"videos": [said(1, 86_400, 8_640_000_000_000_000), said(3, 0, 0)]})
    assert place(ada) == (86_400, False)


def test_a_place_can_be_forgotten_and_all_of_them(ada: Student) -> None:
    ada.write("POST", "/progress", {"videos": [said(1, 5), said(3, 5), said(5, 5)]})
    ada.write("DELETE", "/progress/3")
    assert [p["video"] for p in ada.says("/history")["places"]] == [5, 1]
    ada.write("DELETE", "/progress/3")
    ada.write("DELETE", "/history")
    assert ada.says("/history")["places"] == []


def test_what_to_go_on_with_was_begun_is_not_done_and_can_be_watched(ada: Student, dsn: str) -> None:
    ada.write("POST", "/progress", {"videos": [said(1, 5, NOW_MS + 1), said(2, 5, NOW_MS + 3), said(3, 5, NOW_MS + 2, completed=True),
                                               said(4, 0, NOW_MS + 4), said(5, 5, NOW_MS + 5)]})
    sql(dsn, "UPDATE catalog.video SET status = 'withdrawn' WHERE id = 5")
    answer = ada.says("/continue?limit=2")
    assert answer == {"account": ada.id, "revision": 2, "next": None, "places": [
        {"video": 2, "position_s": 5, "completed": False, "at_ms": NOW_MS + 3},
        {"video": 1, "position_s": 5, "completed": False, "at_ms": NOW_MS + 1}]}


def test_history_is_read_in_pages_which_miss_and_repeat_nothing_while_it_grows(ada: Student, dsn: str) -> None:
    """Half of it has one time, and while a page is read something newer comes."""
    sql(dsn, "INSERT INTO student.progress SELECT %s, n, 1, to_timestamp(1e9 + n / 4) FROM generate_series(10, 19) n", ada.id)
    seen, after = [], ""
    while after is not None:
        page = ada.says(f"/history?limit=3&after={after}")
        seen += [p["video"] for p in page["places"]]
        ada.write("POST", "/progress", {"videos": [said(1, 5, NOW_MS + len(seen))]})
        after = page["next"]
    assert seen == list(range(19, 9, -1))


def test_a_cursor_that_no_page_gave_is_refused(ada: Student) -> None:
    for path in ("/history?", "/bookmarks?", "/notes?video=1&", "/enrolments?"):
        for cursor in ("x", "1", "1~", "~1", "1~1~1", "1~9223372036854775808", "9" * 19 + "~1", "1e9~1", "-~1", "-1~1", "1.5.5~1",
                       "1~1%0a"):
            answer = ada.get(f"{path}after={cursor}")
            assert (answer.status_code, answer.content_type) == (422, "application/problem+json"), cursor
        for cursor in ("9" * 18 + "~1", "0~9223372036854775807", "0.5~0"):
            assert ada.get(f"{path}after={cursor}").status_code == 200


def test_nobody_who_is_not_signed_in_writes(apps: tuple[object, object], ada: Student) -> None:
    answer = ada.apps[0].test_client().post(f"{ME}/progress", base_url=BASE, json={"videos": [said(1, 1)]})
    assert answer.status_code in (401, 403)
    assert sql(ada.dsn, "SELECT count(*) FROM student.progress") == [(0,)]
