"""Talks in the pyvideo layout, made by a test in a folder of its own, and what an import of them says."""
from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2

from builder.catalog.importers import run_import
from builder.catalog.importers.report import Report
from tests.site import Built

TABLES = ("course", "batch", "subject", "instructor", "video", "source", "resource", "caption", "video_subject", "video_instructor",
          "alias", "old_slug", "import_record")


def talk(title: Any = "A talk", **fields: Any) -> dict[str, Any]:
    """A clean record, but for what *fields* say."""
    return {
        "title": title, "description": "About it.", "language": "eng", "recorded": "2019-05-04", "speakers": ["Ada Lovelace"],
        "tags": ["python"], "duration": 1800, "thumbnail_url": "https://i.ytimg.com/vi/abcdefghijk/maxresdefault.jpg",
        "videos": [{"type": "youtube", "url": "https://www.youtube.com/watch?v=abcdefghijk"}],
    } | fields


def write(root: Path, talks: dict[str, Any], category: str = "PyCon US 2019", **fields: Any) -> Path:
    """A category folder under *root* with a file for each talk: a dict, or the raw text or bytes of the file."""
    folder = root / category.lower().replace(" ", "-")
    (folder / "videos").mkdir(parents=True, exist_ok=True)
    (folder / "category.json").write_text(json.dumps({"title": category} | fields))
    for name, record in talks.items():
        raw = record if isinstance(record, bytes) else record.encode() if isinstance(record, str) else json.dumps(record).encode()
        (folder / "videos" / f"{name}.json").write_bytes(raw)
    return root


def bring(site: Built, path: Path, **options: Any) -> Report:
    """Import *path*."""
    with closing(psycopg2.connect(site.dsn)) as connection:
        return run_import(connection, path, **options)


def rows(site: Built) -> dict[str, list[Any]]:
    """Every row of the catalog with the transaction that wrote it last."""
    return {table: site.sql(f"SELECT xmin::text, t::text FROM catalog.{table} t ORDER BY 2") for table in TABLES}


def told(report: Report, done: str = "", field: str = "") -> list[tuple[str, str, str]]:
    """(file's name, field, why) of the problems of one kind."""
    return sorted((Path(p.file).stem, p.field, p.why) for p in report.problems if done in ("", p.done) and field in ("", p.field))
