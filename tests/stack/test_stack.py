"""A short form of `make soak`: half a minute of readers, students and editors while worker, API and database go and come back."""
from __future__ import annotations

import random

from tests.conftest import open_folder
from tests.stack.parts import standing
from tests.stack.run import Run

VIDEOS, RATE = 60, 60
SECONDS, PEACE_S = 30.0, 1.0


def test_readers_and_students_notice_no_death_and_lose_nothing() -> None:
    with open_folder("lectern-stack-") as folder, standing(folder, VIDEOS) as stack:
        run = Run(stack, VIDEOS, RATE, random.Random(7))
        run.play(SECONDS, PEACE_S)
        assert run.losses() == []
    assert {"worker killed", "API restarted", "database restarted"} <= run.done.keys()
    assert run.figures.pages > SECONDS * RATE / 2
    assert len(run.known.seen_s) > 5
    assert any(student.places for student in run.students)
