"""Values of a record with its names turned into rows' ids: the form in which file, base and row are compared."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from builder.catalog.importers.merge import remembered
from builder.catalog.importers.names import Names
from builder.catalog.importers.record import Kind, Record

PARENTS: dict[str, Kind] = {"batch": "batch", "course": "course"}
_LISTS: dict[str, Kind] = {"subjects": "subject", "instructors": "instructor"}
# Purpose: whose old addresses these are.
_ALIASES = "SELECT path, video_id FROM catalog.alias WHERE path = ANY(%s)"


def resolved(values: dict[str, Any], names: Names) -> dict[str, Any]:
    """A copy of *values* with ids. Raises ValueError where a batch or course is not there."""
    made = dict(values)
    for field, kind in PARENTS.items():
        if field in values:
            found = names.find(kind, values[field])
            if found is None:
                raise ValueError(f"its {field} {values[field]!r} is not in the catalog: it was refused, or deleted here")
            made[field] = found
    for field, kind in _LISTS.items():
        if field in values:
            ids = [found for name in values[field] if (found := names.find(kind, name)) is not None]
            made[field] = sorted(set(ids)) if field == "subjects" else list(dict.fromkeys(ids))
    if "aliases" in values:
        made["aliases"] = sorted(set(values["aliases"]))
    if "captions" in values:
        made["captions"] = sorted(values["captions"])
    return made


def base_form(wrote: dict[str, Any], names: Names) -> dict[str, Any]:
    """What an import wrote, as the merge compares it; what it named and is no more there compares to nothing."""
    made: dict[str, Any] = {}
    for field, value in wrote.items():
        try:
            made[field] = remembered(resolved({field: value}, names)[field])
        except ValueError:
            made[field] = None
    return made


def drop_taken_aliases(cursor: Any, records: Sequence[tuple[Record, dict[str, Any], int | None]]) -> list[tuple[Record, str]]:
    """Take out old addresses that lead to another video already, from *records* of (record, values, row's id).

    The first that had an address keeps it. Returns what was taken out.
    """
    asked = {path for _, values, _ in records for path in values.get("aliases") or ()}
    if not asked:
        return []
    cursor.execute(_ALIASES, (sorted(asked),))
    owners: dict[str, int | str] = dict(cursor.fetchall())
    dropped: list[tuple[Record, str]] = []
    for record, values, row_id in records:
        me: int | str = record.ref if row_id is None else row_id
        for path in list(values.get("aliases") or ()):
            if owners.setdefault(path, me) != me:
                values["aliases"].remove(path)
                dropped.append((record, path))
    return dropped
