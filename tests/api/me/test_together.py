"""Many at once: one student's writes on two instances, and the database as the API's own role sees it."""
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.api.conftest import Make
from tests.api.students import Student, fill, sql

NOW_MS = 1_700_000_000_000


def test_writes_at_once_all_hold_and_each_has_a_revision_of_its_own(ada: Student, editor: Student) -> None:
    """Beacons that name the same videos in other orders, bookmarks, an editor's hand and reads, on two instances."""
    def beacon(n: int) -> int:
        videos = [{"video": 1 + (n + k) % 6, "position_s": n, "at_ms": NOW_MS + n} for k in range(6)]
        return int(ada.write("POST", "/progress", {"videos": videos}, on=n % 2)["revision"])

    def bookmark(n: int) -> int:
        return int(ada.write("PUT", f"/bookmarks/{n}", on=n % 2)["revision"])

    def enrol(n: int) -> None:
        editor.write("POST", f"/api/v1/batches/{n}/students", {"emails": [editor.email, ada.email]}, on=n % 2)

    def read(n: int) -> None:
        assert ada.says("/overlay?videos=1,2,3,4,5,6", on=n % 2)["account"] == ada.id

    with ThreadPoolExecutor(8) as threads:
        written = [*(threads.submit(beacon, n) for n in range(16)), *(threads.submit(bookmark, n) for n in range(1, 7))]
        others = [*(threads.submit(enrol, n) for n in (1, 2)), *(threads.submit(read, n) for n in range(16))]
        revisions = [one.result() for one in written]
        for other in others:
            other.result()
    assert len(set(revisions)) == 22
    for on in (0, 1):
        answer = ada.says("/overlay?videos=1,2,3,4,5,6", on=on)
        assert answer["revision"] == 1 + 22 + 2
        assert [place["position_s"] for place in answer["progress"]] == [15] * 6
        assert (answer["bookmarks"], answer["enrolled"]) == ([1, 2, 3, 4, 5, 6], [1, 2])


def test_the_apis_own_role_has_the_rights_that_all_this_needs(make: Make, dsn: str) -> None:
    """Named after the database that the others of a test run are copied from."""
    fill(dsn)
    sql(dsn, "INSERT INTO catalog.source (video_id, position, kind, url) VALUES (1, 1, 'file', 'https://x.example/1.mp4')")
    student = Student(dsn, make(DATABASE_URL=f"{dsn}&options=-c%20role%3Dmigrated_api"), role="editor")
    student.write("POST", "/progress", {"videos": [{"video": 1, "position_s": 5, "at_ms": NOW_MS}]})
    student.write("PUT", "/bookmarks/1")
    student.write("POST", "/notes", {"video": 1, "at_s": 1, "body": "x"}, status=201)
    student.write("PUT", "/enrolments/1")
    student.write("PUT", "/preferences", {"theme": "dark"})
    student.write("POST", "/api/v1/batches/2/students", {"emails": [student.email]})
    assert student.says("/overlay?batch=1")["batch"]["started"] == 1
    for path in ("/continue", "/history", "/bookmarks", "/enrolments", "/preferences", "/notes?video=1", "/api/v1/playback/1"):
        assert student.says(path)["account"] == student.id


@pytest.mark.parametrize("path", ["/overlay?videos=1", "/history", "/preferences"])
def test_an_account_that_is_deleted_meanwhile_is_answered_with_nothing(path: str, ada: Student, monkeypatch: pytest.MonkeyPatch) -> None:
    from api.pool import Pool

    read = Pool.read

    def gone(self: Pool, statement: str, values: Any = None, *, reads: bool = False, **more: bool) -> list[tuple[object, ...]]:
        rows = read(self, statement, values, reads=reads, **more)
        sql(ada.dsn, "DELETE FROM student.account WHERE id = %s", ada.id)
        return rows

    monkeypatch.setattr(Pool, "read", gone)
    answer = ada.get(path)
    assert answer.status_code in (200, 401)
    assert (answer.json or {}).get("places", []) == []
    monkeypatch.undo()
    assert ada.get(path).status_code == 401
