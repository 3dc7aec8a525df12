"""What to render: for a full build, all units of all parts, in pieces for one task each."""
from __future__ import annotations

from collections.abc import Iterator

from builder.catalog.reads import Catalog
from builder.pages import PARTS
from builder.task import Task


def everything(catalog: Catalog) -> Iterator[Task]:
    """The tasks of a full build, the largest parts first."""
    yield Task("assets", [])
    for part in PARTS.values():
        for units in part.chunks(catalog):
            yield Task(part.name, units)
