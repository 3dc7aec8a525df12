"""Which row a record is about: the one that it made before, or the one that it names by id or slug."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from builder.catalog.importers.names import Names
from builder.catalog.importers.record import Kind, Record
from builder.catalog.importers.survey import named

# Purpose: what records became when they were last imported, and whether those rows still stand.
_BASES = """
    SELECT r.ref, r.row_id, r.wrote, t.id IS NOT NULL
    FROM catalog.import_record r LEFT JOIN catalog.{kind} t ON t.id = r.row_id
    WHERE r.origin = %s AND r.kind = '{kind}' AND r.ref = ANY(%s)"""
# Purpose: rows that records may mean by id or by slug, present or former.
_ROWS = """
    SELECT id, slug, {name}, slug FROM catalog.{kind} WHERE id = ANY(%(ids)s) OR slug = ANY(%(slugs)s)
    UNION ALL
    SELECT t.id, t.slug, t.{name}, o.slug FROM catalog.old_slug o JOIN catalog.{kind} t ON t.id = o.owner_id
    WHERE o.kind = '{kind}' AND o.slug = ANY(%(slugs)s)"""


@dataclass(frozen=True, slots=True)
class Base:
    """What an import last wrote for a record, and whether the row is still there."""

    row_id: int
    wrote: dict[str, Any]
    stands: bool


def bases(cursor: Any, origin: str, kind: Kind, chunk: Sequence[Record]) -> dict[str, Base]:
    """By ref, for the records that an earlier import of the same files wrote."""
    cursor.execute(_BASES.format(kind=kind), (origin, [record.ref for record in chunk]))
    return {ref: Base(row_id, wrote, stands) for ref, row_id, wrote, stands in cursor.fetchall()}


def matches(cursor: Any, kind: Kind, chunk: Sequence[Record], known: dict[str, Base], names: Names) -> dict[str, int]:
    """The row of each record that has one, by ref.

    An id alone proves little, for another database numbers other things so: it counts where the row has the
    record's slug or title too. Otherwise the slug counts; and for what others name, the name.
    """
    found = {ref: base.row_id for ref, base in known.items() if base.stands}
    asked = [record for record in chunk if record.ref not in known and (record.id is not None or record.slug is not None)]
    if asked:
        cursor.execute(_ROWS.format(kind=kind, name="name" if kind == "instructor" else "title"), {
            "ids": [record.id for record in asked if record.id is not None],
            "slugs": [record.slug for record in asked if record.slug is not None],
        })
        by_id: dict[int, tuple[str, str]] = {}
        by_slug: dict[str, int] = {}
        for id, slug, name, asked_slug in cursor.fetchall():
            by_id[id] = (slug, name)
            by_slug[asked_slug] = id
        for record in asked:
            row = by_id.get(record.id) if record.id is not None else None
            if row is not None and (record.slug in (None, row[0]) or named(record) == row[1]):
                found[record.ref] = record.id  # type: ignore[assignment]
            elif record.slug is not None and record.slug in by_slug:
                found[record.ref] = by_slug[record.slug]
            elif row is not None:
                record.id = None  # another thing's here: this one gets a number of its own
    for record in chunk:
        if record.by_name and record.ref not in known and (same := names.find(kind, named(record))) is not None:
            found[record.ref] = same
    return found
