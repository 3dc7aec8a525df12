"""A short form of `make soak`: two minutes of readers, students and editors while worker, API and database go and come back."""
from __future__ import annotations

import random

from tests.conftest import open_folder
from tests.stack.parts import standing
from tests.stack.run import MISHAPS, OF_THE_DATABASE, Run

VIDEOS, RATE = 60, 60
SECONDS, PEACE_S = 120.0, 1.0


def test_readers_and_students_notice_no_death_and_lose_nothing() -> None:
    with open_folder("lectern-stack-") as folder, standing(folder, VIDEOS) as stack:
        run = Run(stack, VIDEOS, RATE, random.Random(7))
        run.play(SECONDS, PEACE_S)
        losses = run.losses()
        assert losses == [], stack.last_words()
    assert run.done.keys() == {*MISHAPS, *OF_THE_DATABASE}, "each kind of mishap happened"
    assert run.figures.pages > SECONDS * RATE / 2
    assert len(run.known.seen_s) > 5
    assert any(student.places for student in run.students)
