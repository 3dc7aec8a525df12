"""Export: the whole catalog in Lectern's own format, which imports again without a change."""
from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from builder.catalog.importers.record import KINDS
from edge.errors import ExportError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_TOGETHER = 500
# Purpose: every row of a kind as its line says it, by id; what it names, it names by slug.
_ROWS = {
    "course": "SELECT id, slug, title, description, description_markup, version FROM catalog.course",
    "subject": "SELECT id, slug, title, version FROM catalog.subject",
    "instructor": "SELECT id, slug, name, version FROM catalog.instructor",
    "batch": """SELECT b.id, b.slug, b.title, c.slug AS course, b.description, b.description_markup, b.url, b.starts_on, b.ends_on,
        b.gated, b.version FROM catalog.batch b JOIN catalog.course c ON c.id = b.course_id""",
    "video": """SELECT v.id, v.slug, v.title, b.slug AS batch, v.description, v.description_markup, v.language, v.duration_s,
        v.recorded_on, v.status, v.publish_at, v.words_at, v.position, v.licence, v.picture_url, v.version,
        ARRAY(SELECT s.slug::text FROM catalog.video_subject x JOIN catalog.subject s ON s.id = x.subject_id
            WHERE x.video_id = v.id ORDER BY s.id) AS subjects,
        ARRAY(SELECT i.slug::text FROM catalog.video_instructor x JOIN catalog.instructor i ON i.id = x.instructor_id
            WHERE x.video_id = v.id ORDER BY x.position, i.id) AS instructors,
        (SELECT coalesce(jsonb_agg(jsonb_build_array(kind, url, start_s) ORDER BY position), '[]')
            FROM catalog.source WHERE video_id = v.id) AS sources,
        (SELECT coalesce(jsonb_agg(jsonb_build_array(label, url) ORDER BY position), '[]')
            FROM catalog.resource WHERE video_id = v.id) AS resources,
        ARRAY(SELECT path FROM catalog.alias WHERE video_id = v.id ORDER BY path COLLATE "C") AS aliases,
        (SELECT coalesce(jsonb_agg(jsonb_build_array(language, kind, body) ORDER BY language COLLATE "C", kind COLLATE "C"), '[]')
            FROM catalog.caption WHERE video_id = v.id) AS captions
        FROM catalog.video v JOIN catalog.batch b ON b.id = v.batch_id""",
}


def run_export(connection: Connection, path: Path) -> int:
    """Write the catalog, as one moment of it, to the file *path*; returns the number of videos.

    The file is whole or not there. Raises ExportError where it cannot be written.
    """
    written = 0
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("w", encoding="utf-8") as file, connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute("SET LOCAL timezone = 'UTC'")
            for kind in KINDS:
                for line in _rows(connection, kind):
                    file.write(json.dumps({"kind": kind, **line}, ensure_ascii=False, separators=(",", ":")) + "\n")
                    written += kind == "video"
            file.flush()
            os.fsync(file.fileno())
        connection.rollback()
        beside.replace(path)
    except OSError as error:
        raise ExportError(f"{path} cannot be written: {error.strerror}. Name a file in a folder that you may write to.") from error
    finally:
        beside.unlink(missing_ok=True)
    return written


def _rows(connection: Connection, kind: str) -> Any:
    with connection.cursor(f"export_{kind}") as cursor:
        cursor.itersize = _TOGETHER
        cursor.execute(f"SELECT to_jsonb(r) FROM ({_ROWS[kind]} ORDER BY 1) r")
        for (row,) in cursor:
            yield row
