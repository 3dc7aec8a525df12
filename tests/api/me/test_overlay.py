"""The overlay: one query for all that a page needs, kept as long as nothing changes, and no longer."""
from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg2
import pytest
from flask import Flask

from edge.tiers import PROFILES
from tests.api.conftest import Make
from tests.api.students import Student, counted, fill, sql

NOW_MS = 1_700_000_000_000


def said(video: int, position_s: float, at_ms: int = NOW_MS, **more: object) -> dict[str, object]:
    return {"video": video, "position_s": position_s, "at_ms": at_ms, **more}


def test_an_overlay_of_named_videos_says_all_that_is_known_of_them(ada: Student) -> None:
    ada.write("POST", "/progress", {"videos": [said(1, 12.5), said(3, 60, completed=True), said(5, 1)]})
    ada.write("PUT", "/bookmarks/3")
    for at_s in (1, 2):
        ada.write("POST", "/notes", {"video": 1, "at_s": at_s, "body": "here"}, status=201)
    ada.write("PUT", "/enrolments/1")
    answer = ada.get("/overlay?videos=3,1,1,2")
    assert answer.json == {
        "account": ada.id, "revision": 6, "enrolled": [1], "bookmarks": [3], "batch": None, "notes": [{"video": 1, "count": 2}],
        "progress": [{"video": 1, "position_s": 12.5, "completed": False}, {"video": 3, "position_s": 60, "completed": True}]}


def test_an_overlay_of_a_batch_counts_its_published_videos_alone(ada: Student, dsn: str) -> None:
    sql(dsn, "UPDATE catalog.video SET batch_id = 1")
    ada.write("POST", "/progress", {"videos": [said(1, 5, NOW_MS, completed=True), said(2, 5, NOW_MS + 2), said(3, 5, NOW_MS + 1)]})
    sql(dsn, "UPDATE catalog.video SET status = 'withdrawn' WHERE id = 3")
    answer = ada.says("/overlay?batch=1")
    assert answer["batch"] == {"batch": 1, "started": 2, "completed": 1, "last_video": 2}
    assert [place["video"] for place in answer["progress"]] == [1, 2]
    assert ada.says("/overlay?batch=99")["batch"] == {"batch": 99, "started": 0, "completed": 0, "last_video": None}


def test_no_word_of_the_catalog_is_in_an_answer(ada: Student) -> None:
    ada.write("POST", "/progress", {"videos": [said(n, 5) for n in range(1, 7)]})
    for path in ("/overlay?batch=1", "/overlay?videos=1,2", "/continue", "/history"):
        assert "title" not in ada.get(path).text.lower()
        assert "lecture" not in ada.get(path).text


def test_an_overlay_is_one_read_and_one_query_and_from_the_cache_the_read_alone(
        ada: Student, monkeypatch: pytest.MonkeyPatch) -> None:
    with counted(monkeypatch) as sent:
        assert ada.get("/overlay?videos=1,2,3").status_code == 200
    assert [("student.session" in s, "student.overlay" in s) for s in sent] == [(True, False), (False, True)]
    with counted(monkeypatch) as sent:
        assert ada.get("/overlay?videos=1,2,3").status_code == 200
    assert len(sent) == 1


@pytest.mark.parametrize("coding", ["identity", "gzip", "br", "zstd"])
def test_a_304_is_answered_before_the_big_query_in_every_coding(
        coding: str, ada: Student, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sql(dsn, "INSERT INTO student.progress SELECT %s, n, n, now() FROM generate_series(1, 50) n", ada.id)
    path = f"/overlay?videos={','.join(map(str, range(1, 51)))}"
    whole = ada.get(path, Accept_Encoding=coding)
    assert whole.headers.get("Content-Encoding", "identity") == coding
    etag = whole.headers["ETag"]
    assert re.fullmatch(r'"[!-~]+"', etag)
    with counted(monkeypatch) as sent:
        again = ada.get(path, on=1, Accept_Encoding=coding, If_None_Match=f'"other", {etag}')
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", etag)
    assert len(sent) == 1
    assert "student.session" in sent[0]
    for name in ("Cache-Control", "Vary"):
        assert again.headers[name] == whole.headers[name]
    ada.write("PUT", "/bookmarks/1")
    assert ada.get(path, Accept_Encoding=coding, If_None_Match=etag).status_code == 200


@pytest.mark.parametrize("profile", list(PROFILES))
def test_who_may_keep_an_answer_and_how_long_is_the_profiles(profile: str, make: Make, dsn: str) -> None:
    fill(dsn)
    student = Student(dsn, make(LECTERN_PROFILE=profile))
    answer = student.get("/overlay?videos=1")
    assert answer.headers["Cache-Control"] == f"private, max-age={PROFILES[profile].user_s}, must-revalidate"
    assert "Cookie" in answer.headers["Vary"]


def test_a_state_that_is_not_the_present_one_is_answered_with_the_present_one_and_kept_by_nobody(ada: Student, bob: Student) -> None:
    ada.get("/overlay?videos=1")
    old = ada.state
    assert "max-age" in ada.get(f"/overlay?videos=1&v={old}").headers["Cache-Control"]
    ada.write("PUT", "/bookmarks/1")
    assert ada.state != old
    for wrong in (old, "nonsense", bob.get("/overlay?videos=1") and bob.state):
        answer: Any = ada.get(f"/overlay?videos=1&v={wrong}")
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.json["bookmarks"] == [1]
    assert "max-age" in ada.get(f"/overlay?videos=1&v={ada.state}").headers["Cache-Control"]


def test_each_answer_tells_the_browser_the_state_once(ada: Student) -> None:
    first = ada.get("/overlay?videos=1")
    tag, revision = ada.state.split(".")
    assert (len(tag), revision) == (16, "1")
    line, = first.headers.getlist("Set-Cookie")
    assert {"Path=/", "SameSite=Lax"} <= set(line.split("; "))
    assert "HttpOnly" not in line
    assert not ada.get("/overlay?videos=1").headers.getlist("Set-Cookie")
    written = ada.write("PUT", "/bookmarks/1")
    assert (written["v"], written["revision"]) == (ada.state, 2)


def test_over_tls_the_state_goes_over_tls_alone(make: Make, dsn: str) -> None:
    app = make(LECTERN_BASE_URL="https://lectures.example")
    student = Student(dsn, app)
    student.cookies["__Host-session"] = student.cookies["session"]
    line, = student.get("/overlay?videos=1").headers.getlist("Set-Cookie")
    assert "Secure" in line


def test_a_write_is_seen_by_the_next_read_on_any_instance(ada: Student) -> None:
    for round_ in range(1, 5):
        for on in (0, 1):
            ada.get("/overlay?videos=1", on=on)
            ada.write("POST", "/progress", {"videos": [said(1, round_ + on / 2, NOW_MS + 2 * round_ + on)]}, on=1 - on)
            for reader in (0, 1):
                assert ada.says("/overlay?videos=1", on=reader)["progress"][0]["position_s"] == round_ + on / 2


def test_what_commits_late_and_what_is_deleted_is_not_hidden_by_a_304(ada: Student, dsn: str) -> None:
    """The first transaction begins before the second and commits after it; the second alone is seen in between."""
    ada.write("PUT", "/bookmarks/1")
    with closing(psycopg2.connect(dsn)) as slow, slow.cursor() as cursor:
        cursor.execute("INSERT INTO student.bookmark VALUES (%s, 5, '2020-01-01')", (ada.id,))
        ada.write("PUT", "/bookmarks/3")
        between: Any = ada.get("/overlay?videos=1,3,5")
        assert between.json["bookmarks"] == [1, 3]
        cursor.execute("UPDATE student.account SET revision = revision + 1 WHERE id = %s", (ada.id,))
        slow.commit()
    after: Any = ada.get("/overlay?videos=1,3,5", If_None_Match=between.headers["ETag"])
    assert (after.status_code, after.json["bookmarks"]) == (200, [1, 3, 5])
    ada.write("DELETE", "/bookmarks/3")
    gone: Any = ada.get("/overlay?videos=1,3,5", If_None_Match=after.headers["ETag"])
    assert (gone.status_code, gone.json["bookmarks"]) == (200, [1, 5])


def test_a_load_that_was_overtaken_by_a_write_puts_nothing_old_back(
        ada: Student, apps: tuple[Flask, Flask], monkeypatch: pytest.MonkeyPatch) -> None:
    from api.me import progress

    overlay = progress.overlay

    def overtaken(*args: object) -> bytes:
        body = overlay(*args)  # type: ignore[arg-type]
        monkeypatch.setattr(progress, "overlay", overlay)
        ada.write("PUT", "/bookmarks/1", on=1)
        return body

    monkeypatch.setattr(progress, "overlay", overtaken)
    assert ada.says("/overlay?videos=1")["bookmarks"] == []
    assert ada.says("/overlay?videos=1")["bookmarks"] == [1]


def test_what_follows_the_catalog_is_not_confirmed_beyond_its_time(ada: Student, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ada.write("POST", "/progress", {"videos": [said(1, 5), said(3, 5)]})
    counts: dict[str, Callable[[Any], int]] = {"/overlay?batch=1": lambda a: a["batch"]["started"], "/continue": lambda a: len(a["places"])}
    for path, count in counts.items():
        monkeypatch.setattr("api.me.caching.time.time", lambda: 1000.0)
        sql(dsn, "UPDATE catalog.video SET status = 'published'")
        first = ada.get(path)
        sql(dsn, "UPDATE catalog.video SET status = 'withdrawn' WHERE id = 3")
        monkeypatch.setattr("api.me.caching.time.time", lambda: 1000.0 + PROFILES["100k"].user_s)
        again = ada.get(path, If_None_Match=first.headers["ETag"])
        assert (count(first.json), again.status_code, count(again.json)) == (2, 200, 1)


def test_what_no_page_would_ask_is_refused(ada: Student) -> None:
    for query in ("", "videos=", "batch=1&videos=1", "videos=0", "videos=1,,2", "videos=-1", "videos=x", "videos=\u0663", "videos=1;2",
                  "batch=0", "batch=x", "batch=9223372036854775808", "videos=9223372036854775808", "videos=1&videos=2",
                  "videos=1&more=1", f"videos={','.join(['1'] * 101)}", "videos=1%00", "videos=1,2%0a"):
        answer = ada.get(f"/overlay?{query}")
        assert (answer.status_code, answer.content_type) == (422, "application/problem+json"), query


def test_a_replica_that_lags_is_not_believed(make: Make, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds an older revision than the session's: the primary is asked."""
    from api.pool import Pool

    fill(dsn)
    ada = Student(dsn, make())
    read, asked = Pool.read, []

    def lagging(self: Pool, statement: str, values: Any = None, *, reads: bool = False, **more: bool) -> list[tuple[object, ...]]:
        asked.append(reads)
        rows = read(self, statement, values, reads=reads, **more)
        return [(rows[0][0] - 1, '"old"')] if reads else rows

    monkeypatch.setattr(Pool, "read", lagging)
    assert ada.says("/overlay?videos=1")["account"] == ada.id
    assert asked == [False, True, False]  # the session, the replica, the primary
