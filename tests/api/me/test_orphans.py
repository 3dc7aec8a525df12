"""What names a deleted video or batch is swept, and nothing else is."""
from __future__ import annotations

import logging
from contextlib import closing

import psycopg2
import pytest

from api.auth.background import sweep as background_sweep
from api.me.orphans import sweep
from tests.api.students import Student, sql

NOW_MS = 1_700_000_000_000


def _keep(student: Student) -> None:
    student.write("POST", "/progress", {"videos": [{"video": n, "position_s": 5, "at_ms": NOW_MS} for n in (1, 2, 3)]})
    for video in (1, 2):
        student.write("PUT", f"/bookmarks/{video}")
        student.write("POST", "/notes", {"video": video, "at_s": 1, "body": "x"}, status=201)
    student.write("PUT", "/enrolments/1")
    sql(student.dsn, "INSERT INTO student.enrolment VALUES (%s, 2)", student.id)


def _next_day(dsn: str) -> None:
    sql(dsn, "UPDATE student.sweep SET began_at = '-infinity'")


def test_rows_of_deleted_things_go_and_those_of_withdrawn_ones_stay(ada: Student, bob: Student, dsn: str) -> None:
    for student in (ada, bob):
        _keep(student)
    held = ada.get("/overlay?videos=1,2,3,4")
    sql(dsn, "DELETE FROM catalog.batch WHERE id = 2")
    sql(dsn, "UPDATE catalog.video SET status = 'withdrawn' WHERE id = 3")
    with closing(psycopg2.connect(dsn)) as connection:
        assert background_sweep(connection) == 8
    answer = ada.get("/overlay?videos=1,2,3,4", on=1, If_None_Match=held.headers["ETag"])
    assert answer.status_code == 200
    assert answer.json is not None
    assert ([p["video"] for p in answer.json["progress"]], answer.json["bookmarks"], answer.json["enrolled"]) == ([1, 3], [1], [1])
    assert answer.json["notes"] == [{"video": 1, "count": 1}]


def test_a_round_a_day_whoever_asks_and_in_as_many_steps_as_it_takes(ada: Student, bob: Student, dsn: str) -> None:
    for student in (ada, bob):
        _keep(student)
    with closing(psycopg2.connect(dsn)) as connection, closing(psycopg2.connect(dsn)) as other:
        assert sweep(connection) == 0
        sql(dsn, "DELETE FROM catalog.video WHERE id = 2")
        assert sweep(connection) == 0  # this day's round is done
        _next_day(dsn)
        ticks = iter([0.0, 0.0, 9.0, *[9.0] * 9])
        assert sweep(connection, slice_=1, budget_s=5, clock=lambda: next(ticks)) == 3  # time for one account
        assert sweep(other) == 3  # another instance goes on
        assert sweep(other) == 0


def test_two_instances_do_not_sweep_at_once_and_neither_waits(ada: Student, dsn: str) -> None:
    _keep(ada)
    sql(dsn, "DELETE FROM catalog.video WHERE id = 2")
    with closing(psycopg2.connect(dsn)) as first, closing(psycopg2.connect(dsn)) as second, first.cursor() as cursor:
        cursor.execute("SELECT FROM student.sweep FOR UPDATE")
        assert sweep(second) == 0
        first.rollback()
        assert sweep(second) == 3


def test_a_catalog_that_is_missing_takes_no_students_data_with_it(ada: Student, dsn: str, caplog: pytest.LogCaptureFixture) -> None:
    sql(dsn, "INSERT INTO student.progress SELECT %s, n, 1, now() FROM generate_series(1, 6) n", ada.id)
    sql(dsn, "INSERT INTO student.bookmark SELECT %s, n FROM generate_series(1, 6) n", ada.id)
    sql(dsn, "INSERT INTO student.note (account_id, video_id, at_s, body) SELECT %s, 1, n, 'x' FROM generate_series(1, 20) n", ada.id)
    sql(dsn, "TRUNCATE catalog.course CASCADE")
    with closing(psycopg2.connect(dsn)) as connection, caplog.at_level(logging.WARNING):
        assert sweep(connection) == 0
    assert "sweep.held_back" in caplog.text
    assert sql(dsn, "SELECT count(*) FROM student.note") == [(20,)]
