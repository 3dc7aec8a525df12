"""The command from outside: one JSON value, one sentence, the exit code that was promised."""
from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from build import main
from builder.migrate import roll_back
from edge.door import INTERNAL_ERROR, Door
from edge.errors import LecternError

TOP = Path(__file__).resolve().parents[1]


def run(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(main, arguments, env=environ, catch_exceptions=False)


@pytest.fixture
def lone(tmp_path: Path, dsn: str) -> dict[str, str]:
    """Settings of a project with a database of its own."""
    return {"LECTERN_DATA": str(tmp_path / "data"), "DATABASE_URL": dsn}


def test_migrate_brings_an_empty_database_up_and_says_what_it_applied(empty_dsn: str) -> None:
    first = run("migrate", "--json", DATABASE_URL=empty_dsn)
    assert first.exit_code == 0
    assert json.loads(first.stdout)["applied"][0] == "0001.catalog"
    assert run("migrate", "--json", DATABASE_URL=empty_dsn).stdout == '{"applied": []}\n'
    assert run("migrate", DATABASE_URL=empty_dsn).stdout == "nothing to apply\n"


def test_a_build_is_one_json_value_and_the_second_one_uploads_nothing(lone: dict[str, str]) -> None:
    first = run("build", "--json", **lone)
    assert first.exit_code == 0
    made = json.loads(first.stdout)
    assert made["release"] > 0
    assert made["uploaded"] > 0
    assert made["pages"]["home"] == 1
    again = json.loads(run("build", "--full", "--json", **lone).stdout)
    assert (again["release"], again["uploaded"]) == (None, 0)
    assert again["pages"] == made["pages"]


def test_a_build_migrates_an_empty_database_by_itself(tmp_path: Path, empty_dsn: str) -> None:
    done = run("build", "--json", LECTERN_DATA=str(tmp_path / "data"), DATABASE_URL=empty_dsn)
    assert done.exit_code == 0


def test_an_import_counts_each_record_once_and_the_second_one_changes_nothing(lone: dict[str, str]) -> None:
    sample = TOP / "builder" / "demo_catalog"
    n = len(list(sample.glob("*/videos/*.json")))
    first = run("import", str(sample), "--json", **lone)
    assert first.exit_code == 0
    assert json.loads(first.stdout) == {
        "videos": {"added": n, "changed": 0, "unchanged": 0, "refused": 0, "withheld": 0}, "problems": []
    }  # fmt: skip
    again = json.loads(run("import", str(sample), "--json", **lone).stdout)
    assert again["videos"] == {"added": 0, "changed": 0, "unchanged": n, "refused": 0, "withheld": 0}


def test_an_import_with_a_refused_record_ends_with_1_and_takes_the_others_unless_strict(
    lone: dict[str, str], tmp_path: Path
) -> None:
    batch = tmp_path / "files" / "talks-2024"
    (batch / "videos").mkdir(parents=True)
    (batch / "category.json").write_text('{"title": "Talks 2024"}')
    (batch / "videos" / "bad.json").write_text('{"title": "Half a re')
    (batch / "videos" / "good.json").write_text('{"title": "A whole one"}')
    for option, added in (("--check", 1), ("--strict", 1), ("--json", 1), ("--json", 0)):
        done = run("import", str(tmp_path / "files"), "--json", option, **lone)
        assert done.exit_code == 1
        report = json.loads(done.stdout)
        assert (report["videos"]["added"], report["videos"]["refused"]) == (added, 1)
        assert [p["file"] for p in report["problems"] if p["done"] == "refused"] == ["talks-2024/videos/bad.json"]
    shown = run("import", str(tmp_path / "files"), **lone)
    assert "1 unchanged, 1 refused" in shown.stdout
    assert "bad.json" in shown.stderr


def test_a_build_on_an_older_database_ends_with_2_and_names_migrate(lone: dict[str, str], dsn: str) -> None:
    roll_back(dsn, 1)
    done = run("build", **lone)
    assert done.exit_code == 2
    assert "build.py migrate" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"LECTERN_PORTT": "8000"}, "LECTERN_PORTT"),
        ({"LECTERN_PORT": "99999"}, "LECTERN_PORT"),
        ({"LECTERN_PROFILE": "2m"}, "LECTERN_PROFILE"),
        ({"LECTERN_STORE": "ftp://x"}, "LECTERN_STORE"),
        ({"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}, "DATABASE_URL"),
    ],
)
def test_a_bad_setting_is_one_sentence_that_names_it_and_exit_code_2(
    environ: dict[str, str], named: str, tmp_path: Path
) -> None:
    done = run("migrate", **{"LECTERN_DATA": str(tmp_path), **environ})
    assert done.exit_code == 2
    assert named in done.stderr
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr


def test_an_option_of_a_command_goes_before_the_environment(lone: dict[str, str]) -> None:
    done = run("build", "--profile", "nonsense", **lone, LECTERN_PROFILE="1m")
    assert done.exit_code == 2
    assert "nonsense" in done.stderr


@pytest.mark.parametrize("arguments", [["nonsense"], ["build", "--nonsense"], ["import", "/nonexistent/file"]])
def test_bad_use_ends_with_2(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_every_error_is_a_sentence_with_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    class Held(LecternError):
        exit_code = 3

    errors = {
        "held": (Held("Another holds it."), 3, "Error: Another holds it.\n"),
        "full": (OSError(28, "No space left on device", "/x"), 2, "Error: No space left on device: /x\n"),
        "fault": (ZeroDivisionError("division by zero"), INTERNAL_ERROR, "ZeroDivisionError"),
    }
    room = click.Group()
    for name, (error, _, _) in errors.items():
        room.command(name)(lambda error=error: (_ for _ in ()).throw(error))
    monkeypatch.setattr("edge.door._cli", lambda name: room)
    door = Door(["room"], "help")
    for name, (_, exit_code, sentence) in errors.items():
        done = CliRunner().invoke(door, [name])
        assert done.exit_code == exit_code
        assert sentence in done.stderr
        assert done.stdout == ""
    shown = CliRunner().invoke(door, ["--traceback", "fault"])
    assert isinstance(shown.exception, ZeroDivisionError)


def test_a_command_imports_nothing_that_only_another_one_needs() -> None:
    watch = (
        "import sys; from click.testing import CliRunner; from build import main;"
        "CliRunner().invoke(main, ['migrate', '--help']); CliRunner().invoke(main, ['build', '--help']);"
        "heavy = {'flask', 'boto3', 'obstore', 'rich', 'psycopg2', 'jinja2', 'yoyo', 'docutils'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", watch], cwd=TOP, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_settings_come_from_a_file_beside_build_py_and_the_environment_wins(tmp_path: Path) -> None:
    copy = tmp_path / "a copy"
    copy.mkdir()
    shutil.copy(TOP / "build.py", copy)
    for room in ("builder", "api", "edge"):
        shutil.copytree(TOP / room, copy / room, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / ".env").write_text("LECTERN_PORT=99999\n")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("DATABASE")}
    environ |= {"LECTERN_DATA": str(tmp_path / "data"), "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}

    def message(**more: str) -> str:
        command = [sys.executable, str(copy / "build.py"), "migrate"]
        env = {**environ, **more}
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        return done.stderr

    assert "LECTERN_PORT" in message()
    assert "DATABASE_URL" in message(LECTERN_PORT="8000")
