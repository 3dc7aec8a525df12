"""The API behind a real PgBouncer in transaction mode that has one connection for all."""
from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from flask import Flask

from api import pool
from api.app import create_app
from api.settings import read_api_settings
from builder.embedded import Server
from edge.store import open_store
from tests.api.poolers import KINDS, pgbouncer
from tests.api.students import Student, fill

STUDENTS = 8
TURNS = 5


@pytest.fixture(params=KINDS)
def app(request: pytest.FixtureRequest, dsn: str, server: Server, tmp_path: Path) -> Iterator[Flask]:
    """Straight, and through a PgBouncer."""
    fill(dsn)
    with ExitStack() as stack:
        through = dsn if request.param == "direct" else stack.enter_context(pgbouncer(dsn, server))
        settings = read_api_settings({"LECTERN_DATA": str(tmp_path), "DATABASE_URL": through})
        app: Flask = create_app(settings, stack.enter_context(closing(open_store(settings.shared.store))))
        yield app
        app.extensions[pool.EXTENSION].close()


def test_many_students_at_once_each_see_their_own(app: Flask, dsn: str) -> None:
    def story(number: int) -> list[float]:
        student = Student(dsn, app)
        seen = []
        for turn in range(TURNS):
            place = float(number * 100 + turn)
            student.write("POST", "/progress", {"videos": [{"video": 1, "position_s": place, "at_ms": 1_700_000_000_000 + turn}]})
            (found,) = student.says("/overlay?videos=1,3")["progress"]
            seen.append(found["position_s"])
        return seen

    with ThreadPoolExecutor(STUDENTS) as threads:
        told = list(threads.map(story, range(STUDENTS)))
    assert told == [[float(number * 100 + turn) for turn in range(TURNS)] for number in range(STUDENTS)]
    figures = app.extensions[pool.EXTENSION].figures
    assert (figures.in_use, figures.errors, figures.refused) == (0, 0, 0)
