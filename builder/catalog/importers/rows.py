"""The rows behind records: read as they stand, inserted in bulk, updated one by one. The importers' only SQL that writes."""
from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from builder.catalog.importers.record import Kind

COLUMNS: dict[Kind, tuple[str, ...]] = {
    "course": ("title", "description", "description_markup"),
    "batch": ("title", "course", "description", "description_markup", "url", "starts_on", "ends_on", "gated"),
    "subject": ("title",),
    "instructor": ("name",),
    "video": ("title", "description", "description_markup", "language", "duration_s", "recorded_on", "status", "publish_at",
              "batch", "position", "licence", "picture_url", "words_at"),
}
LISTS = ("subjects", "instructors", "sources", "resources", "aliases", "captions")
REQUIRED = {"version": 1, "description": "", "description_markup": "markdown", "gated": False, "status": "draft", "licence": ""}
_STORED = {"course": "course_id", "batch": "batch_id"}

# Purpose: rows of a kind as the merge compares them, with a video's lists. One look-up by primary key each.
_CURRENT = {
    "course": "SELECT id, to_jsonb(t) FROM catalog.course t WHERE id = ANY(%s)",
    "batch": "SELECT id, to_jsonb(t) || jsonb_build_object('course', course_id) FROM catalog.batch t WHERE id = ANY(%s)",
    "subject": "SELECT id, to_jsonb(t) FROM catalog.subject t WHERE id = ANY(%s)",
    "instructor": "SELECT id, to_jsonb(t) FROM catalog.instructor t WHERE id = ANY(%s)",
    "video": """
        SELECT id, to_jsonb(t) || jsonb_build_object(
            'batch', batch_id,
            'subjects', (SELECT coalesce(jsonb_agg(subject_id ORDER BY subject_id), '[]')
                         FROM catalog.video_subject WHERE video_id = t.id),
            'instructors', (SELECT coalesce(jsonb_agg(instructor_id ORDER BY position, instructor_id), '[]')
                            FROM catalog.video_instructor WHERE video_id = t.id),
            'sources', (SELECT coalesce(jsonb_agg(jsonb_build_array(kind, url, start_s) ORDER BY position), '[]')
                        FROM catalog.source WHERE video_id = t.id),
            'resources', (SELECT coalesce(jsonb_agg(jsonb_build_array(label, url) ORDER BY position), '[]')
                          FROM catalog.resource WHERE video_id = t.id),
            'aliases', (SELECT coalesce(jsonb_agg(path ORDER BY path COLLATE "C"), '[]')
                        FROM catalog.alias WHERE video_id = t.id),
            'captions', (SELECT coalesce(jsonb_agg(jsonb_build_array(language, kind, body)
                                                   ORDER BY language COLLATE "C", kind COLLATE "C"), '[]')
                         FROM catalog.caption WHERE video_id = t.id))
        FROM catalog.video t WHERE id = ANY(%s)""",
}
_NEW_IDS = "SELECT nextval(pg_get_serial_sequence('catalog.{kind}', 'id')) FROM generate_series(1, %s)"
# Purpose: the sequence never gives an id that a file brought along.
_RAISE_SEQUENCE = """
    SELECT setval(s, greatest(nextval(s), (SELECT coalesce(max(id), 1) FROM catalog.{kind})))
    FROM pg_get_serial_sequence('catalog.{kind}', 'id') AS s"""
# Purpose: former slugs of new rows, as far as no row has or had them.
_KEEP_OLD_SLUGS = """
    INSERT INTO catalog.old_slug (slug, kind, owner_id)
    SELECT o->>0, o->>1, (o->>2)::bigint FROM jsonb_array_elements(%s::jsonb) AS o
    WHERE NOT EXISTS (SELECT FROM catalog.{kind} WHERE slug = o->>0)
    ON CONFLICT DO NOTHING"""
_REMEMBER = """
    INSERT INTO catalog.import_record (origin, kind, ref, row_id, wrote)
    SELECT %s, %s, r->>0, (r->>1)::bigint, r->2 FROM jsonb_array_elements(%s::jsonb) AS r
    ON CONFLICT (origin, kind, ref) DO UPDATE SET row_id = EXCLUDED.row_id, wrote = EXCLUDED.wrote"""


class Row(NamedTuple):
    """A row to insert: its values by field, names already turned into ids."""

    id: int
    slug: str
    values: dict[str, Any]


def current(cursor: Any, kind: Kind, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The rows with these ids as JSON values by field; moments in UTC."""
    cursor.execute(_CURRENT[kind], (list(ids),))
    rows = dict(cursor.fetchall())
    for row in rows.values():
        for field in ("publish_at", "words_at"):
            if row.get(field):
                row[field] = in_utc(row[field])
    return rows


def moment(text: str) -> str:
    """A moment in the one spelling that values are compared in: ISO 8601, UTC. Raises ValueError without a zone."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone: write 2026-09-01T09:00:00+02:00")
    return at.astimezone(UTC).isoformat()


def in_utc(text: str) -> str:
    """:func:`moment` of what the database gives; its "infinity" stays."""
    try:
        return moment(text)
    except ValueError:
        return text


def new_ids(cursor: Any, kind: Kind, count: int) -> list[int]:
    """Fresh ids, in rising order."""
    cursor.execute(_NEW_IDS.format(kind=kind), (count,))
    return sorted(id for (id,) in cursor.fetchall())


def raise_sequence(cursor: Any, kind: Kind) -> None:
    """After rows with ids of their own: let fresh ids begin above them."""
    cursor.execute(_RAISE_SEQUENCE.format(kind=kind))


def insert(cursor: Any, kind: Kind, rows: Sequence[Row]) -> None:
    """Insert rows of one kind, and for videos all that hangs on them, in one statement a table."""
    fields = [field for field in (*COLUMNS[kind], "version") if any(field in row.values for row in rows)]
    _copy(cursor, kind, ["id", "slug", *(_STORED.get(field, field) for field in fields)], (
        (row.id, row.slug, *(_or_default(field, row.values.get(field)) for field in fields)) for row in rows))
    if kind == "video":
        for field in LISTS:
            _add_list(cursor, field, [(row.id, row.values.get(field) or []) for row in rows])
    if old := [(slug, kind, row.id) for row in rows for slug in row.values.get("old_slugs") or ()]:
        cursor.execute(_KEEP_OLD_SLUGS.format(kind=kind), (json.dumps(old),))


def update(cursor: Any, kind: Kind, id: int, changes: dict[str, Any]) -> None:
    """Set the fields of one row."""
    columns = {_STORED.get(field, field): _or_default(field, value) for field, value in changes.items() if field not in LISTS}
    if columns:
        pairs = ", ".join(f"{column} = %s" for column in columns)
        cursor.execute(f"UPDATE catalog.{kind} SET {pairs} WHERE id = %s", (*columns.values(), id))
    for field in LISTS:
        if field in changes:
            cursor.execute(f"DELETE FROM catalog.{_TABLES[field][0]} WHERE video_id = %s", (id,))
            _add_list(cursor, field, [(id, changes[field] or [])])


def remember(cursor: Any, origin: str, kind: Kind, records: Sequence[tuple[str, int, dict[str, Any]]]) -> None:
    """Keep what was written for each (ref, row's id, values): the base of the next merge."""
    if records:
        cursor.execute(_REMEMBER, (origin, kind, json.dumps(records)))


_TABLES: dict[str, tuple[str, tuple[str, ...]]] = {
    "subjects": ("video_subject", ("video_id", "subject_id")),
    "instructors": ("video_instructor", ("video_id", "position", "instructor_id")),
    "sources": ("source", ("video_id", "position", "kind", "url", "start_s")),
    "resources": ("resource", ("video_id", "position", "label", "url")),
    "aliases": ("alias", ("video_id", "path")),
    "captions": ("caption", ("video_id", "language", "kind", "body")),
}


def _add_list(cursor: Any, field: str, lists: Iterable[tuple[int, list[Any]]]) -> None:
    table, columns = _TABLES[field]
    placed = "position" in columns
    rows = [
        (id, *((place,) if placed else ()), *(item if isinstance(item, list) else (item,)))
        for id, items in lists for place, item in enumerate(items, 1)
    ]
    if rows:
        _copy(cursor, table, columns, rows)


def _copy(cursor: Any, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    text = io.StringIO("".join("\t".join(map(_cell, row)) + "\n" for row in rows))
    cursor.copy_expert(f"COPY catalog.{table} ({', '.join(columns)}) FROM STDIN", text)


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _cell(value: Any) -> str:
    """A value in the text form of COPY."""
    if isinstance(value, str):
        return value.translate(_ESCAPES)
    return "\\N" if value is None else str(value)


def _or_default(field: str, value: Any) -> Any:
    return REQUIRED.get(field) if value is None else value
