"""What a student keeps: bookmarks, notes, preferences."""
from __future__ import annotations

import pytest

from api.me import bookmarks, notes
from tests.api.students import Student, sql


def test_bookmarks_are_kept_once_and_the_last_comes_first(ada: Student) -> None:
    for video in (1, 5, 3, 1):
        ada.write("PUT", f"/bookmarks/{video}")
    assert [kept["id"] for kept in ada.says("/bookmarks")["bookmarks"]] == [3, 5, 1]
    ada.write("DELETE", "/bookmarks/5")
    ada.write("DELETE", "/bookmarks/5")
    first = ada.says("/bookmarks?limit=1")
    assert [kept["id"] for kept in first["bookmarks"]] == [3]
    assert [kept["id"] for kept in ada.says(f"/bookmarks?after={first['next']}")["bookmarks"]] == [1]


def test_what_is_not_published_can_be_neither_kept_nor_noted(ada: Student, dsn: str) -> None:
    sql(dsn, "UPDATE catalog.video SET status = 'draft' WHERE id = 3")
    for video in (3, 99):
        ada.write("PUT", f"/bookmarks/{video}", status=404)
        ada.write("POST", "/notes", {"video": video, "at_s": 1, "body": "x"}, status=404)
    assert sql(dsn, "SELECT revision FROM student.account WHERE id = %s", ada.id) == [(1,)]  # nothing was written


def test_a_full_shelf_takes_nothing_new_and_knows_what_it_has(ada: Student, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bookmarks, "MOST_BOOKMARKS", 1)
    ada.write("PUT", "/bookmarks/1")
    ada.write("PUT", "/bookmarks/1")
    ada.write("PUT", "/bookmarks/3", status=409)


def test_notes_stand_in_the_videos_order_and_can_be_read_in_pages(ada: Student) -> None:
    for at_s, body in ((30.25, "c"), (0, "a"), (30.25, "d"), (12.3456, "b")):
        ada.write("POST", "/notes", {"video": 1, "at_s": at_s, "body": body}, status=201)
    ada.write("POST", "/notes", {"video": 3, "at_s": 1, "body": "elsewhere"}, status=201)
    seen, after = [], ""
    while after is not None:
        page = ada.says(f"/notes?video=1&limit=1&after={after}")
        seen += [(note["at_s"], note["body"]) for note in page["notes"]]
        after = page["next"]
    assert seen == [(0, "a"), (12.346, "b"), (30.25, "c"), (30.25, "d")]


def test_a_note_is_made_read_rewritten_and_taken_away(ada: Student) -> None:
    answer = ada.ask("POST", "/notes", json={"video": 1, "at_s": 5, "body": "first \U0001f600"}, headers={"X-CSRF-Token": _token(ada)})
    assert answer.status_code == 201
    path = answer.headers["Location"].removeprefix("/api/v1/me")
    note = ada.says(path)["note"]
    assert (note["video"], note["at_s"], note["body"]) == (1, 5, "first \U0001f600")
    again = ada.write("PUT", path, {"at_s": 6, "body": "second"})["note"]
    assert (again["at_s"], again["body"], again["made_at_ms"]) == (6, "second", note["made_at_ms"])
    assert ada.says(path)["note"] == again
    ada.write("DELETE", path)
    assert ada.get(path).status_code == 404
    ada.write("PUT", path, {"at_s": 6, "body": "third"}, status=404)


def test_a_video_has_so_many_notes_and_no_more(ada: Student, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "MOST_NOTES_A_VIDEO", 1)
    note = {"video": 1, "at_s": 5, "body": "x"}
    ada.write("POST", "/notes", note, status=201)
    ada.write("POST", "/notes", note, status=409)
    ada.write("POST", "/notes", {**note, "video": 3}, status=201)


def test_a_note_that_cannot_be_kept_is_refused_and_the_field_is_named(ada: Student) -> None:
    made = ada.write("POST", "/notes", {"video": 1, "at_s": 5, "body": "\u0915" * 2730}, status=201)["note"]  # 8,190 bytes
    for body in ("", "x" * 4001, "\U0001f600" * 2049, "a\0b", "\ud800", 5, None):
        answer = ada.write("POST", "/notes", {"video": 1, "at_s": 5, "body": body}, status=422)
        assert answer["errors"][0]["field"] == "body"
        ada.write("PUT", f"/notes/{made['id']}", {"at_s": 5, "body": body}, status=422)


def test_what_can_be_no_id_is_no_address_by_any_method(ada: Student) -> None:
    for id_ in ("0", "-1", "01", "1" + "0" * 18, "9" * 5000, "1.0", "%D9%A3"):
        for method, path in (("GET", "notes"), ("PUT", "notes"), ("DELETE", "notes"), ("PUT", "bookmarks"), ("DELETE", "progress")):
            ada.write(method, f"/{path}/{id_}", status=404)


def test_preferences_are_set_whole_and_nothing_else_with_them(ada: Student) -> None:
    plain = ada.says("/preferences")["preferences"]
    assert plain == {"playback_rate": 1.0, "captions": False, "captions_language": "", "autoplay": False, "theme": "auto"}
    ada.write("PUT", "/preferences", {"playback_rate": 1.5, "captions_language": "hi-Latn"})
    assert ada.says("/preferences")["preferences"] == {**plain, "playback_rate": 1.5, "captions_language": "hi-Latn"}
    for wrong in ({"role": "admin"}, {"playback_rate": 17}, {"theme": "pink"}, {"captions_language": "x y"}, {"captions_language": "en\n"}):
        ada.write("PUT", "/preferences", wrong, status=422)
    assert sql(ada.dsn, "SELECT role FROM student.account WHERE id = %s", ada.id) == [("student",)]


def test_preferences_of_another_version_are_as_they_come(ada: Student) -> None:
    sql(ada.dsn, """UPDATE student.account SET preferences = '{"font": "serif"}' WHERE id = %s""", ada.id)
    assert ada.says("/preferences")["preferences"]["theme"] == "auto"


def _token(student: Student) -> str:
    from api.auth.csrf import token_of

    return token_of(student.cookies["session"])
