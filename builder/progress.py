"""How far a long run is, told to whoever watches."""
from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    def __call__(self, stage: str, done: int, total: int) -> None:
        """*done* of *total* are through *stage*; a total of 0 is not known. Cheap enough to call a thousand times."""


def silent(stage: str, done: int, total: int) -> None:
    """A Progress that shows nothing."""


@contextmanager
def bar() -> Iterator[Progress]:
    """A bar a stage on stderr where that is a terminal; silence elsewhere."""
    if not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console  # imported late: a tenth of a second that a program never needs
    from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=None)
            bars.update(tasks[stage], completed=done, total=total or None)

        yield show
