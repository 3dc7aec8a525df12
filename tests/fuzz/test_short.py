"""A short form of ``make fuzz``: a few requests of every kind, the same in each run."""
from __future__ import annotations

from pathlib import Path

from tests.fuzz.play import application, play


def test_no_request_fails_inside_and_each_answer_is_as_the_description_says(dsn: str, tmp_path: Path) -> None:
    with application(dsn, tmp_path) as app:
        found = play(app, dsn, examples=400, number=1)
    assert found.total() > 300
    assert {200, 202, 204, 400, 401, 403, 404, 422, 428} <= found.keys()  # right ones came through, wrong ones were refused; the desk too
