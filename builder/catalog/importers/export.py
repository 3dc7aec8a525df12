"""The catalog into files of Lectern's own format. What it writes imports again without a change."""
from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from builder.catalog import sources
from builder.catalog.importers.cells import cell_of
from builder.catalog.importers.judge import schema
from builder.catalog.importers.lectern import Lines
from builder.catalog.importers.lines import guarded
from builder.catalog.importers.record import Kind
from builder.catalog.importers.rows import in_utc
from builder.catalog.importers.whole import WholeFile
from edge.errors import ExportError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_ORDER: tuple[Kind, ...] = ("course", "batch", "subject", "instructor", "video")
_AT_ONCE = 500
# Purpose: every row of a kind, names of other rows as slugs. Read in order of id, through a server-side cursor.
_ROWS = {
    "course": "SELECT to_jsonb(t) FROM catalog.course t ORDER BY id",
    "batch": """SELECT to_jsonb(t) || jsonb_build_object('course', c.slug)
        FROM catalog.batch t JOIN catalog.course c ON c.id = t.course_id ORDER BY t.id""",
    "subject": "SELECT to_jsonb(t) FROM catalog.subject t ORDER BY id",
    "instructor": "SELECT to_jsonb(t) FROM catalog.instructor t ORDER BY id",
    "video": """SELECT to_jsonb(t) || jsonb_build_object('batch', b.slug,
        'subjects', (SELECT coalesce(jsonb_agg(s.slug ORDER BY s.id), '[]')
                     FROM catalog.video_subject x JOIN catalog.subject s ON s.id = x.subject_id WHERE x.video_id = t.id),
        'instructors', (SELECT coalesce(jsonb_agg(i.slug ORDER BY x.position, i.id), '[]')
                        FROM catalog.video_instructor x JOIN catalog.instructor i ON i.id = x.instructor_id WHERE x.video_id = t.id),
        'sources', (SELECT coalesce(jsonb_agg(jsonb_build_array(kind, url, start_s) ORDER BY position), '[]')
                    FROM catalog.source WHERE video_id = t.id),
        'resources', (SELECT coalesce(jsonb_agg(jsonb_build_array(label, url) ORDER BY position), '[]')
                      FROM catalog.resource WHERE video_id = t.id),
        'aliases', (SELECT coalesce(jsonb_agg(path ORDER BY path COLLATE "C"), '[]') FROM catalog.alias WHERE video_id = t.id),
        'captions', (SELECT coalesce(jsonb_agg(jsonb_build_array(language, kind, body)
                                               ORDER BY language COLLATE "C", kind COLLATE "C"), '[]')
                     FROM catalog.caption WHERE video_id = t.id))
        FROM catalog.video t JOIN catalog.batch b ON b.id = t.batch_id ORDER BY t.id""",
}
_OLD_SLUGS = "SELECT owner_id, slug FROM catalog.old_slug WHERE kind = %s ORDER BY owner_id, slug COLLATE \"C\""


def run_export(connection: Connection, path: Path) -> int:
    """Write the whole catalog, as of one moment, to *path*: CSV where it ends in .csv, else JSON Lines.

    The file appears whole or not at all. Returns the number of videos. Raises ExportError where it cannot be written,
    or an import would not read a file called so.
    """
    check_name(path)
    try:
        with WholeFile(path) as whole:
            videos = 0
            write = _csv(whole.file) if path.suffix.lower() == ".csv" else _jsonl(whole.file)
            next(write)
            for kind, record in _records(connection):
                write.send(record)
                videos += kind == "video"
            write.close()
            whole.appear()
    finally:
        connection.rollback()
    return videos


def check_name(path: Path) -> None:
    """Raises ExportError where an import would not read a file called so."""
    if not Lines.reads(path):
        raise ExportError(f"An import would not read a file called {path}: give it the ending .jsonl or .csv.")


def _records(connection: Connection) -> Iterator[tuple[Kind, dict[str, Any]]]:
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SET LOCAL timezone = 'UTC'")
    for kind in _ORDER:
        with connection.cursor() as cursor:
            cursor.execute(_OLD_SLUGS, (kind,))
            old: dict[int, list[str]] = {}
            for owner, slug in cursor.fetchall():
                old.setdefault(owner, []).append(slug)
        with connection.cursor(f"export_{kind}") as rows:
            rows.itersize = _AT_ONCE
            rows.execute(_ROWS[kind])
            for (row,) in rows:
                yield kind, _record(kind, row, old.get(row["id"], []))


def _record(kind: Kind, row: dict[str, Any], old: list[str]) -> dict[str, Any]:
    row = {"kind": kind} | row | {"old_slugs": old}
    for field in ("publish_at", "words_at"):
        if row.get(field):
            row[field] = in_utc(row[field])
    if kind == "video":
        row["sources"] = [_source(*source) for source in row["sources"]]
    fields = schema()["$defs"][kind]["properties"]
    return {field: row[field] for field in fields if field in row and (field == "position" or row[field] not in (None, "", []))}


def _source(kind: str, url: str, start_s: int) -> str | list[Any]:
    """The address alone where it tells the row, else all of the row."""
    watched = sources.watch_url(kind, url, start_s)
    if sources.parse(watched) == (kind, url, start_s):
        return watched
    return [kind, url, start_s]


def _jsonl(file: TextIO) -> Any:
    while True:
        record = yield
        file.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")


def _csv(file: TextIO) -> Any:
    names = list(dict.fromkeys(name for kind in reversed(_ORDER) for name in schema()["$defs"][kind]["properties"] if name != "why"))
    file.write("\ufeff")  # without it spreadsheets take UTF-8 for something else
    out = csv.writer(file, lineterminator="\r\n")
    out.writerow(names)
    while True:
        record = yield
        out.writerow([guarded(cell_of(name, record[name])) if name in record else "" for name in names])
