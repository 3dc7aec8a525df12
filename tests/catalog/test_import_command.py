"""``import`` and ``export`` from outside: one JSON value, five counts that add up, the exit code that was promised."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from build import main
from builder.catalog.importers.lines import Undecodable, encoding
from tests.catalog.talks import rows, talk, told, write
from tests.site import Built, fill


def _run(site: Built, folder: Path, *arguments: str | Path) -> Result:
    settings = {"DATABASE_URL": site.dsn, "LECTERN_DATA": str(folder / "data")}
    return CliRunner().invoke(main, [str(argument) for argument in arguments], env=settings, catch_exceptions=False)


def _counts(answer: Result) -> dict[str, int]:
    found: dict[str, Any] = json.loads(answer.stdout)
    assert set(found) == {"videos", "problems"}
    assert list(found["videos"]) == ["added", "changed", "unchanged", "refused", "withheld"]
    for problem in found["problems"]:
        assert list(problem) == ["file", "line", "field", "value", "done", "why"]
        assert problem["done"] in ("mended", "kept", "refused", "withheld")
        assert problem["why"]
    counts: dict[str, int] = found["videos"]
    return counts


def test_each_record_counts_in_exactly_one_of_five(site: Built, tmp_path: Path) -> None:
    root = write(tmp_path / "in", {"same": talk("Same"), "other": talk("Other"), "kept": talk("Kept"), "quiet": talk("Quiet", id=9)})
    first = _run(site, tmp_path, "import", root, "--json")
    assert (first.exit_code, _counts(first)) == (0, {"added": 4, "changed": 0, "unchanged": 0, "refused": 0, "withheld": 0})
    site.sql("UPDATE catalog.video SET duration_s = 7 WHERE title = 'Kept'")
    write(root, {"other": talk("Other", duration=60), "kept": talk("Kept", duration=8), "new": talk("New", duration=1_800_000), "bad": "{",
                 "empty": "", "list": "[]", "title": talk(title=7)})
    (root / "NO_PUBLISH.json").write_text("[9]")
    second = _run(site, tmp_path, "import", root, "--json")
    assert (second.exit_code, _counts(second)) == (1, {"added": 1, "changed": 1, "unchanged": 2, "refused": 4, "withheld": 1})
    (root / "pycon-us-2019" / "videos" / "bad.json").unlink()
    for name in ("empty", "list", "title"):
        (root / "pycon-us-2019" / "videos" / f"{name}.json").unlink()
    third = _run(site, tmp_path, "import", root, "--json")
    assert (third.exit_code, _counts(third)) == (0, {"added": 0, "changed": 0, "unchanged": 4, "refused": 0, "withheld": 1})


def test_check_says_what_an_import_will_and_strict_takes_all_or_nothing(site: Built, tmp_path: Path) -> None:
    root = write(tmp_path / "in", {"good": talk("Good", duration=2_000_000), "bad": "{"})
    empty = rows(site)
    checked, strict = (_run(site, tmp_path, "import", root, option, "--json") for option in ("--check", "--strict"))
    assert rows(site) == empty
    imported = _run(site, tmp_path, "import", root, "--json")
    assert checked.exit_code == strict.exit_code == imported.exit_code == 1
    assert json.loads(checked.stdout) == json.loads(strict.stdout) == json.loads(imported.stdout)
    assert site.sql("SELECT title FROM catalog.video") == [("Good",)]


@pytest.mark.parametrize(("name", "content", "said"), [
    ("nothing.json", "{}", "no catalog"), ("table.csv", "a,b\n1,2\n", "no column"), ("NO_PUBLISH.json", "[7", "NO_PUBLISH.json"),
    ("NO_PUBLISH.json", '{"7": true}', "NO_PUBLISH.json"),
])
def test_what_is_no_catalog_is_bad_use_said_in_a_sentence(site: Built, tmp_path: Path, name: str, content: str, said: str) -> None:
    root = write(tmp_path / "in", {"a": talk(id=7)})
    (root / name).write_text(content)
    done = _run(site, tmp_path, "import", root if name == "NO_PUBLISH.json" else root / name)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "did not foresee" not in done.stderr
    assert site.sql("SELECT count(*) FROM catalog.video") == [(0,)]


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_an_export_is_imported_without_a_change(site: Built, tmp_path: Path, ending: str) -> None:
    _run(site, tmp_path, "import", write(tmp_path / "in", {"a": talk("A", alias="video/1/a"), "b": talk("-B @ =1")}))
    before, file = rows(site), tmp_path / f"out.{ending}"
    assert json.loads(_run(site, tmp_path, "export", file, "--json").stdout) == {"videos": 2, "path": str(file)}
    again = _run(site, tmp_path, "import", file, "--json")
    assert (again.exit_code, _counts(again)["unchanged"]) == (0, 2)
    assert rows(site) == before
    assert _run(site, tmp_path, "export", tmp_path / "no" / "such" / "folder.jsonl").exit_code == 2


def test_a_damaged_byte_in_utf_8_is_no_reason_to_read_all_of_it_as_something_else(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes("title,batch\nCafé,B\nThr".encode() + b"\xe9" + b"e,B\n")
    with pytest.raises(Undecodable, match="line 3"):
        encoding(file)
    file.write_bytes(b"title,batch\nCaf\xe9,B\n")
    assert encoding(file) == "cp1252"


def test_the_report_for_people_begins_with_what_was_refused(site: Built, tmp_path: Path) -> None:
    root = write(tmp_path / "in", {"a": talk("A", duration=2_000_000), "z": "{"})
    done = _run(site, tmp_path, "import", root)
    assert done.stderr.startswith("refused: pycon-us-2019/videos/z.json")
    assert done.stdout == "1 added, 0 changed, 0 unchanged, 1 refused, 0 withheld\n"


def test_two_records_of_one_batch_and_title_are_both_in(site: Built, tmp_path: Path) -> None:
    from tests.catalog.talks import bring

    file = tmp_path / "a.jsonl"
    file.write_text('{"title": "Lightning Talks", "batch": "B 2020"}\n' * 2)
    report = bring(site, file)
    assert report.counts["added"] + report.counts["refused"] == 2
    assert not told(report, "refused")
    assert len({slug for (slug,) in site.sql("SELECT slug FROM catalog.video")}) == 2


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_a_video_without_a_place_and_a_title_of_odd_spaces_come_back_to_an_empty_catalog(
    site: Built, tmp_path: Path, ending: str
) -> None:
    fill(site, videos=3)
    site.sql("UPDATE catalog.video SET position = NULL WHERE id = 2")
    site.sql("UPDATE catalog.video SET title = E'\\u3000', position = -5 WHERE id = 3")
    said = site.sql("SELECT id, title, position FROM catalog.video ORDER BY id")
    file = tmp_path / f"out.{ending}"
    _run(site, tmp_path, "export", file)
    site.sql("TRUNCATE catalog.course, catalog.subject, catalog.instructor, catalog.import_record CASCADE")
    assert _counts(_run(site, tmp_path, "import", file, "--json"))["added"] == 3
    assert site.sql("SELECT id, title, position FROM catalog.video ORDER BY id") == said
