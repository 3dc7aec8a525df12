"""A catalog of one's own, by the README's commands alone: ten lectures typed as a table, a theme, an edit, a withdrawal."""
from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from edge.address import Path as SitePath
from edge.address import key_of
from edge.store.sqlite import SQLiteStore
from tests.site import text_of

TOP = Path(__file__).resolve().parents[2]
COLUMNS = ("kind", "title", "batch", "instructors", "subjects", "recorded_on", "sources", "status")
TITLES = ("Limits", "Series", "Continuity", "Derivatives", "Mean values", "Integrals", "Taylor, and why", 'The "epsilon" game',
          "Kurvendiskussion für alle", "सीमा और सातत्य")
LOGO = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle cx="4" cy="4" r="3"/></svg>'


class Project:
    """A folder with an `.env`, and what its commands say."""

    def __init__(self, folder: Path, dsn: str) -> None:
        self.folder = folder
        (folder / "logo.svg").write_text(LOGO)
        self.environ = {
            **os.environ, "DATABASE_URL": dsn, "LECTERN_DATA": str(folder / "data"), "LECTERN_BASE_URL": "https://analysis.example",
            "LECTERN_SITE_NAME": "Analysis at home", "LECTERN_ACCENT_HUE": "140", "LECTERN_LOGO": str(folder / "logo.svg")}

    def run(self, *arguments: str | Path, code: int = 0) -> dict[str, Any]:
        """The JSON of a command that ends with *code*."""
        done = subprocess.run([sys.executable, "build.py", *map(str, arguments), "--json"], cwd=TOP, env=self.environ, capture_output=True,
                              text=True)
        assert done.returncode == code, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def table(self, *records: dict[str, str]) -> Path:
        """`lectures.csv` with these rows."""
        file = self.folder / "lectures.csv"
        with file.open("w", encoding="utf-8", newline="") as opened:
            writer = csv.DictWriter(opened, COLUMNS, restval="")
            writer.writeheader()
            writer.writerows(records)
        return file

    def page(self, path: str) -> tuple[int, str]:
        """Status and text at *path*."""
        with closing(SQLiteStore(self.folder / "data/site.db")) as store:
            found = store.get(key_of(SitePath(path)))
        return (found[0].status, text_of(found[0])) if found else (404, "")


def record(n: int, title: str, **more: str) -> dict[str, str]:
    return {"kind": "video", "title": title, "batch": "Analysis 2026", "instructors": "Ada Lovelace; Emmy Noether", "subjects": "Calculus",
            "recorded_on": f"2026-03-{n:02}", "sources": f"https://youtu.be/{n:011}", "status": "published", **more}


@pytest.fixture
def project(tmp_path: Path, dsn: str) -> Project:
    return Project(tmp_path, dsn)


def test_ten_lectures_typed_as_a_table_become_a_site_in_its_own_colours(project: Project, dsn: str) -> None:
    table = project.table(*(record(n, title) for n, title in enumerate(TITLES, 1)))
    assert project.run("import", table, "--check")["videos"]["added"] == 10
    assert project.run("import", table)["videos"] == {"added": 10, "changed": 0, "unchanged": 0, "refused": 0, "withheld": 0}
    built = project.run("build")
    assert (built["pages"]["video"], built["set_aside"]) == (10, [])

    status, home = project.page("/")
    assert (status, home.count("Analysis at home") > 1) == (200, True)
    assert "<title>Analysis at home</title>" in home
    status, batch = project.page("/batches/analysis-2026/")
    assert status == 200
    assert all(title.replace('"', "&#34;") in batch for title in TITLES)
    assert "Emmy Noether" in project.page("/videos/limits/")[1]
    assert project.page("/subjects/calculus/")[0] == project.page("/instructors/ada-lovelace/")[0] == 200
    with closing(SQLiteStore(project.folder / "data/site.db")) as store:
        assets = {head.key: store.get(head.key) for head in store.list("assets/")}
    texts = {key: text_of(found[0]) for key, found in assets.items() if found and found[0].gzipped}
    assert any("140" in text for key, text in texts.items() if key.endswith(".css"))
    assert any('<circle cx="4"' in text for key, text in texts.items() if key.endswith(".svg"))

    # An edit by any client of SQL, and a second import of the same table, which leaves that edit alone.
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("UPDATE catalog.video SET title = 'Limits, and what they are for' WHERE slug = 'limits'")
    assert project.run("import", table)["videos"]["unchanged"] == 10
    assert 0 < project.run("build")["uploaded"] < 40
    assert "Limits, and what they are for" in project.page("/videos/limits/")[1]

    # Withdrawn by the table, and at once by the command.
    project.table(*(record(n, title, status="withdrawn" if n == 2 else "published") for n, title in enumerate(TITLES, 1)))
    assert project.run("import", table)["videos"]["changed"] == 1
    assert project.run("build")["retired"] > 0
    assert project.page("/videos/series/")[0] == 410
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SELECT id FROM catalog.video WHERE slug = 'integrals'")
        ((id,),) = cursor.fetchall()
    taken = project.run("withdraw", f"video:{id}", "--now")
    assert "/videos/integrals/" in taken["paths"]
    assert project.page("/videos/integrals/")[0] == 410
    assert "Integrals" not in project.page("/batches/analysis-2026/")[1]


def test_a_row_with_a_mistake_is_named_by_line_and_column_and_the_others_come_in(project: Project) -> None:
    table = project.table(record(1, "Limits"), record(2, "Series", status="publish"), record(3, "Continuity", recorded_on="5 March"))
    found = project.run("import", table, code=1)
    assert (found["videos"]["added"], found["videos"]["refused"]) == (1, 2)
    assert {(problem["line"], problem["field"]) for problem in found["problems"] if problem["done"] == "refused"} == {
        (3, "status"), (4, "recorded_on")}
