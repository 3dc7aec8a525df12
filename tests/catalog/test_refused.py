"""``import --refused``: what was refused comes back to be mended, and what was given is never touched."""
from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from build import main
from tests.catalog.talks import rows, talk, write
from tests.site import Built

GOOD, BAD = {"title": "Good", "batch": "B 2020"}, {"title": "हिन्दी", "batch": "B 2020", "duration_s": "long", "language": "xx"}


def _run(site: Built, folder: Path, *arguments: str | Path) -> Result:
    settings = {"DATABASE_URL": site.dsn, "LECTERN_DATA": str(folder / "data")}
    return CliRunner().invoke(main, ["import", *map(str, arguments)], env=settings, catch_exceptions=False)


def _jsonl(file: Path) -> Path:
    file.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in (GOOD, BAD)))
    return file


@pytest.mark.parametrize("option", ["", "--check"])
@pytest.mark.parametrize("way", ["same", "hard link", "link"])
def test_a_file_is_never_written_over_by_what_was_refused_of_it(site: Built, tmp_path: Path, way: str, option: str) -> None:
    file = _jsonl(tmp_path / "talks.jsonl")
    out = tmp_path / "other.jsonl"
    if way == "same":
        out = file
    elif way == "link":
        out.symlink_to(file)
    else:
        os.link(file, out)
    before = file.read_bytes()
    done = _run(site, tmp_path, file, "--refused", out, *([option] if option else []))
    assert (done.exit_code, "is being imported itself" in done.stderr) == (2, True)
    assert file.read_bytes() == before
    assert site.sql("SELECT count(*) FROM catalog.video") == [(0,)]


def test_a_file_in_the_imported_folder_is_never_written_over(site: Built, tmp_path: Path) -> None:
    root = write(tmp_path / "in", {"a": talk()})
    (file,) = root.glob("*/videos/*.json")
    before = file.read_bytes()
    assert _run(site, tmp_path, root, "--refused", file).exit_code == 2
    assert file.read_bytes() == before
    assert _run(site, tmp_path, root, "--refused", tmp_path / "new.jsonl").exit_code == 2
    assert site.sql("SELECT count(*) FROM catalog.video") == [(0,)]


def test_where_the_file_cannot_be_written_nothing_comes_in(site: Built, tmp_path: Path) -> None:
    file, out = _jsonl(tmp_path / "talks.jsonl"), tmp_path / "no" / "such" / "folder.jsonl"
    done = _run(site, tmp_path, file, "--refused", out)
    assert (done.exit_code, str(out) in done.stderr) == (2, True)
    assert site.sql("SELECT count(*) FROM catalog.video") == [(0,)]


def test_a_check_writes_the_file_and_nothing_else(site: Built, tmp_path: Path) -> None:
    file, out = _jsonl(tmp_path / "talks.jsonl"), tmp_path / "back.jsonl"
    before = rows(site)
    done = _run(site, tmp_path, file, "--check", "--refused", out)
    assert done.stdout == ("Nothing was written to the catalog, for --check only judges: 1 would be added, 0 would be changed, "
                           "0 unchanged, 1 refused, 0 withheld\n")
    assert rows(site) == before
    assert "हिन्दी" in out.read_text()
    why = json.loads(out.read_text())["why"]
    assert why == "duration_s: a number is due; language: no language is called so: write a code such as en, hi or pt-BR"


def test_strict_says_that_it_wrote_nothing(site: Built, tmp_path: Path) -> None:
    done = _run(site, tmp_path, _jsonl(tmp_path / "talks.jsonl"), "--strict")
    assert (done.exit_code, done.stdout[:19]) == (1, "Nothing was written")
    assert _run(site, tmp_path, _jsonl(tmp_path / "talks.jsonl")).stdout.startswith("1 added, ")


def test_where_nothing_was_refused_no_file_is_made_or_emptied(site: Built, tmp_path: Path) -> None:
    file, out = tmp_path / "talks.jsonl", tmp_path / "back.jsonl"
    file.write_text(json.dumps(GOOD))
    done = _run(site, tmp_path, file, "--refused", out)
    assert (done.exit_code, out.exists()) == (0, False)
    assert "was not written" in done.stderr
    out.write_text("mine")
    _run(site, tmp_path, file, "--refused", out)
    assert out.read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} <= {"talks.jsonl", "back.jsonl", "data"}


@pytest.mark.parametrize(("name", "out"), [("a.csv", "b.jsonl"), ("a.jsonl", "b.csv"), ("a.jsonl", "b.txt")])
def test_the_file_bears_an_ending_that_an_import_reads(site: Built, tmp_path: Path, name: str, out: str) -> None:
    (tmp_path / name).write_text("title,batch\nA,B\n")
    done = _run(site, tmp_path, tmp_path / name, "--refused", tmp_path / out)
    assert (done.exit_code, "the ending" in done.stderr) == (2, True)


def test_refused_rows_come_back_under_their_own_header_and_stay_the_same_round_after_round(site: Built, tmp_path: Path) -> None:
    file = tmp_path / "talks.csv"
    file.write_text("title;batch;duration_s;status;Room\n"
                    "'=1;B 2020;;published;\n"
                    "Two;B 2020;long;live;\n"
                    "Three;B 2020;60;published;H 1\n"
                    "Short;B 2020\n"
                    'Torn;"B 2020;60;published;\n'
                    "Long;B 2020;60;published;;;more\n")
    outs = [tmp_path / f"back{n}.csv" for n in range(3)]
    done = _run(site, tmp_path, file, "--refused", outs[0])
    assert done.stdout.startswith("1 added, 0 changed, 0 unchanged, 5 refused")
    head, *back = csv.reader(outs[0].read_text("utf-8-sig").splitlines(), delimiter=";")
    assert head == ["title", "batch", "duration_s", "status", "Room", "why"]
    assert [row[:-1] for row in back] == [
        ["Two", "B 2020", "long", "live", ""], ["Three", "B 2020", "60", "published", "H 1"], ["Short", "B 2020", "", "", ""],
        ['Torn;"B 2020;60;published;', "", "", "", ""], ["Long;B 2020;60;published;;;more", "", "", "", ""]]
    assert back[0][-1] == "duration_s: a number is due; status: one of draft, scheduled, published, withdrawn"
    again = _run(site, tmp_path, outs[0], "--refused", outs[1])
    assert again.stdout.startswith("1 added, 0 changed, 0 unchanged, 4 refused")  # the short row was whole as it came back
    _run(site, tmp_path, outs[1], "--refused", outs[2])
    assert outs[2].read_bytes() == outs[1].read_bytes()
    assert [line for line in outs[0].read_text().splitlines() if not line.startswith("Short")] == outs[1].read_text().splitlines()
