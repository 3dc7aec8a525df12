"""Catalog files over the desk: a dry run with its diff, the import, which is kept as edits, the export."""
from __future__ import annotations

from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg2

from builder.catalog.importers.export import run_export
from builder.catalog.importers.refused import write_refused
from builder.catalog.importers.report import Report
from builder.catalog.importers.run import run_import
from builder.desk.differences import Difference, differences, keep, last_change
from builder.desk.means import Answer, Means, Question, UnanswerableError
from builder.render import digest_of
from edge.store.port import Object, Put
from edge.tiers import cache_control

PROBLEMS_SHOWN = 500
THINGS_SHOWN = 200
VALUE_LETTERS = 2_000
EXPORT_BYTES = 512 * 1024 * 1024  # what one object of every store holds, and one answer in memory


def check(means: Means, question: Question) -> Answer:
    """The importer's own dry run: ``{"videos": {outcome: n}, "others": {…}, "problems": […], "problems_in_all", "things": [{"kind", "id",
    "title", "what", "fields": [{"field", "before", "after"}]}], "refused": address of the refused rows as a file, or None}``."""
    return _imported(means, question, check=True)


def imported(means: Means, question: Question) -> Answer:
    """The same, done: the good rows are in, the refused ones in a file to be mended and sent again. Each thing that changed is an edit
    of who asked: ``edits`` of them, and ``change``, by which their release is found, or None."""
    return _imported(means, question, check=False)


def export(means: Means, question: Question) -> Answer:
    """``{"videos": n, "file": address, "bytes"}``: the whole catalog in Lectern's own format."""
    name = f"catalog.{question.asked['format']}"
    with TemporaryDirectory() as folder, closing(psycopg2.connect(means.dsn, connect_timeout=10)) as connection:
        path = Path(folder, name)
        videos = run_export(connection, path)
        if (size := path.stat().st_size) > EXPORT_BYTES:
            raise UnanswerableError(f"The catalog is {size:,} bytes as a file, too much for the desk: use `python build.py export`.")
        return {"videos": videos, "file": _kept(means, question, name, path.read_bytes()), "bytes": size}


def _imported(means: Means, question: Question, *, check: bool) -> Answer:
    if question.file is None:
        raise UnanswerableError("The file is no longer there: upload it again.")
    things: list[dict[str, Any]] = []
    kept: Answer = {}
    with TemporaryDirectory() as folder, closing(psycopg2.connect(means.dsn, connect_timeout=10)) as connection, \
            closing(psycopg2.connect(means.dsn, connect_timeout=10)) as committed:
        path = Path(folder, question.asked["name"])
        path.write_bytes(question.file)
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lectern.actor', %s, false)", (f"editor:{question.asked_by}",))

        def look(_: Report) -> None:
            change = last_change(connection)
            edits = 0
            for found in differences(connection, committed):
                things.extend(_shown(one) for one in found[:THINGS_SHOWN - len(things)])
                if not check:
                    keep(connection, found, question, change)
                    edits += len(found)
                elif len(things) == THINGS_SHOWN:
                    break
            if not check:
                kept.update(edits=edits, change=change)

        report = run_import(connection, path, check=check, before_end=look)
        refused = None
        if not report.ok:
            out = Path(folder, f"refused{path.suffix}")
            with out.open("w", encoding="utf-8", newline="") as file:
                written = write_refused(path, report, file)
            refused = _kept(means, question, out.name, out.read_bytes()) if written else None
    return {**_told(report), "things": things, "refused": refused, **kept}


def _told(report: Report) -> Answer:
    told = report.as_json()
    return {"videos": told["videos"], "others": dict(report.others), "problems": told["problems"][:PROBLEMS_SHOWN],
            "problems_in_all": len(told["problems"])}


def _shown(one: Difference) -> dict[str, Any]:
    return {"kind": one.kind, "id": None if one.is_new else one.id, "title": one.title, "what": "added" if one.is_new else "changed",
            "fields": [{"field": name, "before": _short(one.before.get(name)), "after": _short(value)}
                       for name, value in one.after.items()]}


def _short(value: Any) -> Any:
    return f"{value[:VALUE_LETTERS]}…" if isinstance(value, str) and len(value) > VALUE_LETTERS else value


def _kept(means: Means, question: Question, name: str, body: bytes) -> str:
    """The address of a file beside the question's other objects."""
    kind = "text/csv; charset=utf-8" if name.endswith(".csv") else "application/x-ndjson"
    control = cache_control("never", "100k")
    key = f"preview/{question.token}/{name}"
    means.store.put([Put(Object(key, body, kind, control, "", digest_of(body, kind, control, "", 200, ""), 0, False))])
    return f"/{key}"
