"""Who is in which batch, and who may put them there."""
from __future__ import annotations

import pytest

from api.me import enrolments
from tests.api.students import Student, sql

V1 = "/api/v1"


def test_a_student_joins_an_open_batch_and_leaves_it(ada: Student) -> None:
    ada.write("PUT", "/enrolments/1")
    ada.write("PUT", "/enrolments/1")
    assert [kept["id"] for kept in ada.says("/enrolments")["enrolments"]] == [1]
    ada.write("DELETE", "/enrolments/1")
    ada.write("DELETE", "/enrolments/1")
    assert ada.says("/enrolments")["enrolments"] == []


def test_a_gated_batch_is_joined_through_an_editor_alone(ada: Student, editor: Student) -> None:
    ada.write("PUT", "/enrolments/2", status=403)
    ada.write("PUT", "/enrolments/9", status=404)
    assert sql(ada.dsn, "SELECT count(*) FROM student.enrolment") == [(0,)]
    assert editor.write("POST", f"{V1}/batches/2/students", {"emails": [f"  {ada.email.upper()} ", "nobody@x.example", "no address"]}) == {
        "enrolled": 1, "unknown": ["nobody@x.example", "no address"], "full": []}
    assert ada.says("/overlay?videos=1")["enrolled"] == [2]
    ada.write("PUT", "/enrolments/2")  # is in it already


def test_an_editor_enrols_and_takes_out_by_account_and_sees_who_is_in(ada: Student, bob: Student, editor: Student) -> None:
    for student in (ada, bob):
        editor.write("PUT", f"{V1}/batches/2/students/{student.id}", status=204)
        editor.write("PUT", f"{V1}/batches/2/students/{student.id}", status=204)
    first = editor.says(f"{V1}/batches/2/students?limit=1")
    assert [s["id"] for s in first["students"]] == [ada.id]
    assert [s["id"] for s in editor.says(f"{V1}/batches/2/students?after={first['next']}")["students"]] == [bob.id]
    editor.write("DELETE", f"{V1}/batches/2/students/{ada.id}", status=204)
    assert ada.says("/enrolments")["enrolments"] == []
    assert [kept["id"] for kept in bob.says("/enrolments")["enrolments"]] == [2]
    for method, path in (("PUT", "batches/9/students/1"), ("PUT", "batches/2/students/999"), ("DELETE", "batches/2/students/999")):
        editor.write(method, f"{V1}/{path}", status=404)
    editor.write("POST", f"{V1}/batches/9/students", {"emails": [ada.email]}, status=404)


def test_a_student_is_no_editor(ada: Student, bob: Student) -> None:
    path = f"{V1}/batches/2/students"
    assert ada.get(path).status_code == 403
    ada.write("POST", path, {"emails": [ada.email]}, status=403)
    ada.write("PUT", f"{path}/{ada.id}", status=403)
    ada.write("DELETE", f"{path}/{bob.id}", status=403)
    assert sql(ada.dsn, "SELECT count(*) FROM student.enrolment") == [(0,)]


@pytest.mark.parametrize("by", ["address", "account"])
def test_what_an_editor_writes_is_seen_by_the_students_next_read_and_by_their_own(by: str, ada: Student, editor: Student) -> None:
    held = {student.id: student.get("/overlay?videos=1", on=1) for student in (ada, editor)}
    for student in (ada, editor):
        if by == "address":
            editor.write("POST", f"{V1}/batches/2/students", {"emails": [student.email]})
        else:
            editor.write("PUT", f"{V1}/batches/2/students/{student.id}", status=204)
        state = student.state
        answer = student.get("/overlay?videos=1", on=1, If_None_Match=held[student.id].headers["ETag"])
        assert (answer.status_code, answer.json and answer.json["enrolled"]) == (200, [2])
        assert (state == student.state) == (student is editor)  # whose own write it was had heard of it


def test_a_student_is_in_so_many_batches_and_no_more(ada: Student, bob: Student, editor: Student, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enrolments, "MOST_ENROLMENTS", 1)
    ada.write("PUT", "/enrolments/1")
    sql(ada.dsn, "INSERT INTO catalog.batch (id, course_id, slug, title) VALUES (3, 1, 'third', 'Third')")
    ada.write("PUT", "/enrolments/3", status=409)
    editor.write("PUT", f"{V1}/batches/2/students/{ada.id}", status=409)
    assert editor.write("POST", f"{V1}/batches/2/students", {"emails": [ada.email, bob.email]}) == {
        "enrolled": 1, "unknown": [], "full": [ada.email]}
