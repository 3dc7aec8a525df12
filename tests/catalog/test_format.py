"""Lectern's own format: five spellings of one table, torn rows, endless lines, formulas, and refused rows that come back."""
from __future__ import annotations

import csv
import io
import json
import tracemalloc
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.catalog.importers import run_export, write_refused
from builder.catalog.importers.cells import cell_of, value_of
from builder.catalog.importers.judge import checks, schema
from builder.catalog.importers.lectern import Unusable
from builder.catalog.importers.lines import LINE_BYTES, guarded, unguarded
from builder.catalog.importers.report import Report
from tests.catalog.talks import bring, rows
from tests.site import Built

HEAD = ["kind", "title", "batch", "instructors", "duration_s", "status", "description"]
TALKS = [
    ["video", "Café “Zürich” – one", "PyCon 2019", "Ada Lovelace; Grace Hopper", "1800", "published", "First, with a comma; and more"],
    ["video", "Two", "PyCon 2019", "", "", "published", 'Says "hello"\nand goes on'],
    ["video", "Three", "PyCon 2020", "Ada Lovelace", "2223.0", "draft", ""],
]


def _table(rows: list[list[str]], delimiter: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue()


def _videos(site: Built) -> list[tuple[Any, ...]]:
    return site.sql("""SELECT v.title, b.title, c.title, v.duration_s, v.status, v.description, v.slug,
        ARRAY(SELECT i.name::text FROM catalog.video_instructor x JOIN catalog.instructor i ON i.id = x.instructor_id
              WHERE x.video_id = v.id ORDER BY x.position)
        FROM catalog.video v JOIN catalog.batch b ON b.id = v.batch_id JOIN catalog.course c ON c.id = b.course_id ORDER BY v.id""")


@pytest.mark.parametrize(("delimiter", "codec"), [
    (",", "utf-8"), (",", "utf-8-sig"), (";", "utf-8-sig"), ("\t", "utf-16"), (";", "cp1252"),
])
def test_a_spreadsheets_five_spellings_are_the_same_rows(site: Built, tmp_path: Path, delimiter: str, codec: str) -> None:
    file = tmp_path / "talks.csv"
    file.write_bytes(_table([HEAD, *TALKS], delimiter).encode(codec))
    report = bring(site, file)
    assert report.counts["added"] == 3, report.problems
    assert _videos(site) == [
        ("Café “Zürich” – one", "PyCon 2019", "PyCon", 1800, "published", "First, with a comma; and more", "café-zürich-one",
         ["Ada Lovelace", "Grace Hopper"]),
        ("Two", "PyCon 2019", "PyCon", None, "published", 'Says "hello"\nand goes on', "two", []),
        ("Three", "PyCon 2020", "PyCon", 2223, "draft", "", "three", ["Ada Lovelace"]),
    ]
    assert any("Windows-1252" in problem.why for problem in report.problems) == (codec == "cp1252")
    before = rows(site)
    assert bring(site, file).counts["unchanged"] == 3
    assert rows(site) == before


def test_bytes_that_nothing_can_read_refuse_the_file_and_name_the_line(site: Built, tmp_path: Path) -> None:
    file = tmp_path / "talks.csv"
    file.write_bytes(_table([HEAD, *TALKS]).replace("Three", "Thr\x81ee").encode("latin-1", "replace"))
    with pytest.raises(Unusable, match=r"line 5 can be read neither as UTF-8 nor as Windows-1252"):
        bring(site, file)
    assert _videos(site) == []


@pytest.mark.parametrize("header", ["", "1,2,3\n", "title,title,batch\n"])
def test_a_header_that_is_none_refuses_the_file(site: Built, tmp_path: Path, header: str) -> None:
    file = tmp_path / "talks.csv"
    file.write_text(header + "a,b,c\n")
    with pytest.raises(Unusable):
        bring(site, file)


def test_an_unclosed_quote_costs_its_own_row(site: Built, tmp_path: Path) -> None:
    talks = [["video", f"Talk {n}", "B 2020", "", "", "published", f"About {n}"] for n in range(400)]
    lines = _table([HEAD, *talks]).splitlines()
    lines[100] = 'video,"Talk 99,B 2020,,,published,About 99'
    lines[200] = 'video,Talk 199,B 2020,,,published,"About'
    lines[300] = "video,Talk 299,B 2020"
    file = tmp_path / "talks.csv"
    file.write_text("\n".join(lines) + "\n")
    report = bring(site, file)
    assert [(p.line, p.field) for p in report.problems if p.done == "refused"] == [(101, ""), (201, ""), (301, "")]
    assert (report.counts["added"], report.counts["refused"]) == (397, 3)


def test_five_inches_are_no_quotation(site: Built, tmp_path: Path) -> None:
    file = tmp_path / "talks.csv"
    file.write_text('title,batch,status\n5" disks,B 2020,draft\nOthers,B 2020,draft\n')
    assert bring(site, file).counts["added"] == 2
    assert [row[0] for row in _videos(site)] == ['5" disks', "Others"]


def test_a_long_description_is_fine_and_an_endless_row_is_refused_in_bounded_memory(site: Built, tmp_path: Path) -> None:
    file = tmp_path / "talks.csv"
    with file.open("w") as out:
        out.write('title,batch,description\nLong,B 2020,"' + "word " * 40_000 + '"\nEndless,B 2020,"')
        for _ in range(4 * LINE_BYTES >> 20):
            out.write("x" * (1 << 20))
        out.write("\nAfter,B 2020,here\n")
    tracemalloc.start()
    report = bring(site, file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [p.line for p in report.problems if p.done == "refused"] == [3]
    assert [row[0] for row in _videos(site)] == ["Long", "After"]
    assert peak < 8 * LINE_BYTES


def test_three_bad_of_five_hundred_come_back_as_a_file_to_mend(site: Built, tmp_path: Path) -> None:
    head = ["title", "batch", "duration_s", "status"]
    table = [head, *([f"T {n}", "B 2020", "60", "published"] for n in range(500))]
    table[51][0], table[251][2], table[451][3] = "", "long", "live"
    file, back = tmp_path / "talks.csv", tmp_path / "back.csv"
    file.write_text(_table(table))
    report = bring(site, file)
    assert (report.counts["added"], report.counts["refused"]) == (497, 3)
    assert [(p.line, p.field) for p in report.problems if p.done == "refused"] == [(52, "title"), (252, "duration_s"), (452, "status")]
    assert _back(file, report, back) == 3
    mended = list(csv.DictReader(back.read_text("utf-8-sig").splitlines()))
    assert all(row["why"] for row in mended)
    mended[0]["title"] = "T 50"
    back.write_text(_table([head, *([row["title"], row["batch"], "60", "published"] for row in mended)]))
    assert bring(site, back).counts["added"] == 3
    before = rows(site)
    assert bring(site, file).counts["unchanged"] == 497
    assert rows(site) == before


def test_refused_lines_come_back_as_lines(site: Built, tmp_path: Path) -> None:
    file, back = tmp_path / "talks.jsonl", tmp_path / "back.jsonl"
    file.write_text('{"title": "Good", "batch": "B 2020"}\n{"title": "Bad", "batch": "B 2020", "gated": true}\n{"title": \n')
    report = bring(site, file)
    assert report.counts["refused"] == 2
    assert _back(file, report, back) == 2
    first, second = back.read_text().splitlines()
    assert json.loads(first)["why"] == "gated: a video has no such field: a batch has it"
    assert second == '{"title":'
    back.write_text(json.dumps({key: value for key, value in json.loads(first).items() if key != "gated"}))
    assert bring(site, back).counts["added"] == 1


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_any_text_is_itself_after_a_formula_guard(cell: str) -> None:
    assert unguarded(guarded(cell)) == cell


@pytest.mark.parametrize("cell", ["=1+1", "+49 30", "-getrieben", "@handle", "\t=1", "\r=1", "|calc", "＝1", "'=1", "''-x"])
def test_a_spreadsheet_finds_no_formula(cell: str) -> None:
    assert guarded(cell)[0] == "'"


@pytest.mark.parametrize("cell", ["'quoted'", "plain", "", "1-2", "'n sync"])
def test_what_is_no_formula_is_written_as_it_is(cell: str) -> None:
    assert guarded(cell) == unguarded(cell) == cell


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)))
def test_any_list_of_names_is_itself_after_a_cell(names: list[str]) -> None:
    assert value_of("subjects", cell_of("subjects", names)) == {"subjects": names}


HOSTILE = ["-getrieben", "=cmd|' /C calc'!A0", "'-x", "@handle", "a;b", '"quoted, twice""', "[1]", " spaces ",
           "line\nbreak\r\nand\rmore", "\ufeffmark", "tab\tbed", "\x01\x1f\x85", "&amp; <b>", "…",
           "00074", "TRUE", "1e5", "हिन्दी में", "مرحبا",
           "👩‍👩‍👧"]


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_an_export_comes_back_to_this_and_to_an_empty_catalog(site: Built, tmp_path: Path, ending: str) -> None:
    for n, words in enumerate(HOSTILE, 1):
        line = "".join(c for c in words if c >= " " and not "\x7f" <= c <= "\x9f")
        course = {"kind": "course", "title": f"{line} {n}", "description": words, "description_markup": "plain"}
        (tmp_path / f"{n}.jsonl").write_text("\n".join(json.dumps(record) for record in (
            course, {"kind": "instructor", "name": f"{line}{n}"},
            {"kind": "batch", "title": f"{line} batch {n}", "course": course["title"]},
            {"title": line or "x", "batch": f"{line} batch {n}", "instructors": [f"{line}{n}"], "subjects": [f"s{n}", "common"],
             "description": words, "description_markup": "plain", "licence": line, "status": "published",
             "sources": [f"https://youtu.be/abcdefghi{n:02}?t=90", ["link", f"https://youtu.be/abcdefghi{n:02}", 0]],
             "resources": [[line or "x", "https://example.org/a;b,c"]], "aliases": [f"/video/{n}/a,b"],
             "captions": [["en", "captions", f"WEBVTT\n\n{words}"]]})))
        report = bring(site, tmp_path / f"{n}.jsonl")
        assert report.counts["added"] == 1, report.problems
    site.sql("UPDATE catalog.video SET slug = slug || '-new' WHERE id = 3")
    before, file = _said(site), tmp_path / f"catalog.{ending}"
    held = rows(site)
    with closing(psycopg2.connect(site.dsn)) as connection:
        assert run_export(connection, file) == len(HOSTILE)
    report = bring(site, file)
    assert (report.counts["unchanged"], report.problems) == (len(HOSTILE), [])
    assert rows(site) == held
    site.sql("TRUNCATE catalog.course, catalog.subject, catalog.instructor, catalog.import_record, catalog.old_slug CASCADE")
    assert bring(site, file).counts["added"] == len(HOSTILE)
    assert _said(site) == before
    again = tmp_path / f"again.{ending}"
    with closing(psycopg2.connect(site.dsn)) as connection:
        run_export(connection, again)
    assert again.read_bytes() == file.read_bytes()


def _said(site: Built) -> list[Any]:
    tables = ("course", "batch", "subject", "instructor", "video", "video_subject", "alias", "old_slug")
    hung = {"source": "kind, url, start_s", "resource": "label, url", "caption": "language, kind, body"}
    return [site.sql(f"SELECT to_jsonb(t) FROM catalog.{table} t ORDER BY to_jsonb(t)::text COLLATE \"C\"") for table in tables] + [
        site.sql(f"SELECT video_id, {columns} FROM catalog.{table} ORDER BY video_id, 2, 3, 4"[: None if table != "resource" else -3])
        for table, columns in hung.items()]


def test_what_was_edited_since_an_export_is_not_undone_by_it(site: Built, tmp_path: Path) -> None:
    first, file = tmp_path / "first.jsonl", tmp_path / "catalog.jsonl"
    first.write_text('{"title": "One", "batch": "B 2020", "slug": "one"}\n{"title": "Two", "batch": "B 2020", "slug": "two"}\n')
    bring(site, first)
    with closing(psycopg2.connect(site.dsn)) as connection:
        run_export(connection, file)
    site.sql("DELETE FROM catalog.import_record")
    site.sql("UPDATE catalog.video SET title = 'One by hand' WHERE slug = 'one'")
    file.write_text(file.read_text().replace('"Two"', '"Two in the file"'))
    report = bring(site, file)
    assert site.sql("SELECT title FROM catalog.video ORDER BY id") == [("One by hand",), ("Two in the file",)]
    assert [(p.field, p.value) for p in report.problems if p.done == "kept"] == [("title", "One")]


def test_another_databases_ids_overwrite_nothing(site: Built, tmp_path: Path) -> None:
    file = tmp_path / "theirs.jsonl"
    bring(site, _lines(tmp_path / "ours.jsonl", {"title": "Ours", "batch": "B 2020"}))
    _lines(file, {"title": "Theirs", "batch": "C 2021", "id": 1, "slug": "theirs", "version": 1})
    assert bring(site, file).counts["added"] == 1
    assert {title for (title,) in site.sql("SELECT title FROM catalog.video")} == {"Ours", "Theirs"}


def test_fields_that_are_left_out_are_left_alone_and_null_empties(site: Built, tmp_path: Path) -> None:
    bring(site, _lines(tmp_path / "a.jsonl", {"title": "One", "batch": "B 2020", "slug": "one", "language": "en", "duration_s": 60}))
    bring(site, _lines(tmp_path / "a.jsonl", {"title": "One", "batch": "B 2020", "slug": "one", "duration_s": None}))
    assert site.sql("SELECT language, duration_s FROM catalog.video") == [("en", None)]


def test_a_zero_character_or_half_a_pair_is_taken_out_and_said(site: Built, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"title": "a\\u0000b\\ud800", "batch": "B 2020", "description": "x\\u0000y"}\n')
    report = bring(site, file)
    assert site.sql("SELECT title, description FROM catalog.video") == [("ab", "xy")]
    assert {p.field for p in report.problems if p.done == "mended"} == {"title", "description", "batch"}


def test_every_exported_record_fits_the_schema_and_the_schema_is_one(site: Built, tmp_path: Path) -> None:
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(schema())
    bring(site, _lines(
        tmp_path / "a.jsonl", {"title": "One", "batch": "B 2020", "sources": ["https://x.example/a.mp4"], "subjects": ["s"]}))
    file = tmp_path / "out.jsonl"
    with closing(psycopg2.connect(site.dsn)) as connection:
        run_export(connection, file)
    whole = Draft202012Validator(schema())
    for record in map(json.loads, file.read_text().splitlines()):
        whole.validate(record)
        assert checks(record["kind"]).is_valid(record)


def _back(file: Path, report: Report, out: Path) -> int:
    with out.open("w", encoding="utf-8", newline="") as opened:
        return write_refused(file, report, opened)


def _lines(file: Path, *records: dict[str, Any]) -> Path:
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    return file
