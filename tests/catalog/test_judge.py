"""What an import says of a mistake: all of a record's, each with what to write, in the order of the file."""
from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from builder.catalog.importers import languages
from builder.catalog.importers.judge import faults, fields
from builder.catalog.importers.record import KINDS
from tests.catalog.talks import bring
from tests.site import Built

TALK = {"title": "T", "batch": "B 2020"}


def _refused(site: Built, file: Path, *records: dict[str, Any] | str) -> list[tuple[int | None, str, str]]:
    file.write_text("".join((record if isinstance(record, str) else json.dumps(record)) + "\n" for record in records))
    report = bring(site, file)
    return [(problem.line, problem.field, problem.why) for problem in report.in_order() if problem.done == "refused"]


@pytest.mark.parametrize(("field", "value", "said"), [
    ("recorded_on", "03.02.2026", "write a day as 2026-02-03"),
    ("recorded_on", "2026-02-30", "there is no such day: write a day as 2026-02-03"),
    ("recorded_on", "2026-2-3", "write a day as 2026-02-03"), ("publish_at", "2026-02-03T10:00", "2026-09-01T09:00:00+02:00"),
    ("publish_at", "2026-02-31T10:00:00Z", "there is no such moment"), ("words_at", "2026-02-03T25:00:00Z", "2026-09-01T09:00:00+02:00"),
    ("duration_s", 0, "more than 0"), ("duration_s", "60", "a number is due"), ("position", 1.5, "a whole number is due"),
    ("position", 1 << 40, "at most 2147483647"), ("id", 0, "at least 1"), ("status", "live", "one of draft, scheduled"),
    ("slug", "a b", "write letters, digits and hyphens"), ("slug", "x" * 200, "over 180 letters"), ("licence", 7, "text is due"),
    ("sources", [["tube", "https://x.example/", 0]], "each is an address, or"), ("sources", "https://x.example/", "a list is due"),
    ("resources", [["https://x.example/"]], "each is an address, or"), ("captions", [["en", "subtitles", "x"]], "each is ["),
    ("captions", [["xx", "captions", "x"]], "'xx': no language is called so"), ("old_slugs", ["a", "a"], "one value stands in it twice"),
    ("language", "english", "write a code such as en, hi or pt-BR"), ("language", "xx", "no language is called so"),
    ("subjects", ["a", ""], "it is empty"), ("tags", ["a"], "did you mean subjects?"), ("titel", "x", "did you mean title?"),
    ("Duration", 60, "did you mean duration_s?"), ("speakers", [], "did you mean instructors?"), ("zzz", 1, "rename or delete it"),
])
def test_each_mistake_is_said_by_its_field_and_with_what_to_write(
    site: Built, tmp_path: Path, field: str, value: object, said: str
) -> None:
    ((line, at, why),) = _refused(site, tmp_path / "a.jsonl", TALK | {field: value})
    assert (line, at) == (1, field)
    assert said in why
    assert not re.search(r"[\^$]|\\d|\[0-9\]", why)


def test_all_mistakes_of_a_record_are_said_and_it_counts_once(site: Built, tmp_path: Path) -> None:
    wrong = {"title": "T", "recorded_on": "1.2.26", "language": "xx", "colour": "red", "status": "live"}
    found = _refused(site, tmp_path / "a.jsonl", wrong)
    assert [field for _, field, _ in found] == ["batch", "colour", "language", "recorded_on", "status"]
    file = tmp_path / "a.csv"
    file.write_text("title,batch,language,duration_s,colour\nT,B 2020,xx,long,red\nU,B 2020,,,\n")
    report = bring(site, file)
    assert sorted(p.field for p in report.problems if p.done == "refused") == ["colour", "duration_s", "language"]
    assert (report.counts["refused"], report.counts["added"]) == (1, 1)


def test_an_unknown_field_is_refused_in_both_spellings_alike(site: Built, tmp_path: Path) -> None:
    lines = _refused(site, tmp_path / "a.jsonl", TALK | {"licens": "x"})
    table = tmp_path / "a.csv"
    table.write_text("title,batch,Licens\nT,B 2020,x\n")
    said = [(problem.field, problem.why) for problem in bring(site, table).problems if problem.done == "refused"]
    assert said == [(field, why) for _, field, why in lines] == [("licens", "a video has no such field: did you mean licence?")]


def test_a_cell_under_no_name_is_not_lost_in_silence(site: Built, tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    table.write_text("title,batch,\nT,B 2020,x\nU,B 2020,\n")
    report = bring(site, table)
    assert [(p.line, p.value) for p in report.problems if p.done == "refused"] == [(2, "x")]
    assert report.counts["added"] == 1


def test_a_refused_record_is_not_also_said_to_be_mended(site: Built, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(json.dumps(TALK | {"duration_s": 2_000_000, "status": "live"}))
    assert {problem.done for problem in bring(site, file).problems} == {"refused"}


def test_a_line_that_cannot_be_read_names_its_line_once(site: Built, tmp_path: Path) -> None:
    ((line, _, why),) = _refused(site, tmp_path / "a.jsonl", '{"title": ')
    assert (line, why) == (1, "no JSON: Expecting value at letter 10")


def test_problems_stand_in_the_order_of_the_file(site: Built, tmp_path: Path) -> None:
    found = _refused(site, tmp_path / "a.jsonl", *({"title": f"T {n}"} for n in range(1, 13)))
    assert [line for line, _, _ in found] == list(range(1, 13))


def test_a_kind_that_is_none_is_said_with_the_nearest(site: Built, tmp_path: Path) -> None:
    assert "did you mean instructor?" in _refused(site, tmp_path / "a.jsonl", {"kind": "Instructors", "name": "A"})[0][2]


def test_no_likeness_misleads() -> None:
    for kind in KINDS:
        for name in fields(kind):
            assert not [fault for fault in faults(kind, {name: None}) if "no such field" in fault.why]


@pytest.mark.parametrize(("code", "tag"), [
    ("en", "en"), ("eng", "en"), ("HI", "hi"), ("pt_BR", "pt-BR"), ("zh-Hant", "zh-Hant"), ("gsw", "gsw"), ("yue", "yue"), ("tlh", "tlh"),
    ("qaa", "qaa"), ("xx", None), ("zzz", None), ("und", None), ("english", None), ("e", None), ("", None), ("en us", None),
])
def test_only_codes_of_languages_are_languages(code: str, tag: str | None) -> None:
    assert languages.tag(code) == tag


def test_a_record_that_is_ahead_of_a_row_is_taken_and_one_that_it_left_behind_is_not(site: Built, tmp_path: Path) -> None:
    bring(site, _file(tmp_path / "ours.jsonl", {"title": "Old", "batch": "B 2020", "slug": "one"}, {**TALK, "slug": "two"}))
    site.sql("DELETE FROM catalog.import_record")
    site.sql("UPDATE catalog.video SET title = 'Edited here' WHERE slug = 'two'")
    report = bring(site, _file(
        tmp_path / "theirs.jsonl", {"title": "New", "batch": "B 2020", "slug": "one", "version": 7}, TALK | {"slug": "two", "version": 1}))
    assert site.sql("SELECT title FROM catalog.video ORDER BY id") == [("New",), ("Edited here",)]
    assert [(p.line, p.field) for p in report.problems if p.done == "kept"] == [(2, "title")]


def _file(file: Path, *records: dict[str, Any]) -> Path:
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    return file
