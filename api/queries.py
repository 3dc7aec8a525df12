"""Named SQL: a file of queries, each with a line of purpose, read whole by a DBA and by name here."""
from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def queries(folder: Path, name: str) -> dict[str, str]:
    """The queries of *folder*``/sql/NAME.sql``: a ``-- name: x`` line starts each.

    A module asks for those beside it: ``SQL = queries(Path(__file__).parent, "sessions")``.
    """
    text = (folder / "sql" / f"{name}.sql").read_text("utf-8")
    parts = text.split("-- name: ")[1:]
    return {head.strip(): body for head, _, body in (part.partition("\n") for part in parts)}
