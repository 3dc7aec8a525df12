"""The command `user add`: an operator makes an account, or appoints the one that is there."""
from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from flask import Flask

from tests.api.auth.accounts import add, rows_of
from tests.api.auth.browser import PASSWORD, Browser

TOP = Path(__file__).parents[3]
ADA = "ada@school.example"


def test_an_operator_prints_a_link_by_which_an_editor_sets_a_password_once(app: Flask, dsn: str, tmp_path: Path) -> None:
    done = run(dsn, tmp_path, "add", "Ada@School.example", "--role", "editor")
    assert done.returncode == 0
    assert done.stderr == ""
    link = done.stdout.split()[-1]
    assert link.startswith("http://127.0.0.1:8000/account/password/#")
    browser = Browser(app)
    token = link.partition("#")[2]
    assert browser.log_in(password=PASSWORD).status_code == 401
    assert browser.post("/reset/confirm", {"token": token, "password": PASSWORD}).status_code == 204
    assert browser.post("/reset/confirm", {"token": token, "password": PASSWORD}).status_code == 410
    assert browser.log_in().get_json()["account"]["role"] == "editor"


def test_a_password_can_come_from_stdin_and_is_never_shown(app: Flask, dsn: str, tmp_path: Path) -> None:
    done = run(dsn, tmp_path, "add", ADA, "--role", "admin", "--password-stdin", "--json", stdin=PASSWORD + "\r\nmore")
    assert json.loads(done.stdout) == {"email": ADA, "role": "admin", "added": True, "link": None}
    assert PASSWORD not in done.stdout + done.stderr
    assert Browser(app).log_in().get_json()["account"]["role"] == "admin"


def test_an_account_that_is_there_gets_the_role_and_keeps_its_password(app: Flask, dsn: str, tmp_path: Path) -> None:
    add(dsn)
    done = run(dsn, tmp_path, "add", ADA, "--role", "editor", "--json")
    assert json.loads(done.stdout) == {"email": ADA, "role": "editor", "added": False, "link": None}
    assert Browser(app).log_in().get_json()["account"]["role"] == "editor"


def test_what_cannot_be_is_one_sentence_and_exit_code_2(dsn: str, empty_dsn: str, tmp_path: Path) -> None:
    for args, where, stdin in ((["add", "nobody"], dsn, ""), (["add", ADA, "--password-stdin"], dsn, "password\n"),
                               (["add", ADA], empty_dsn, ""), (["add", ADA], "postgresql://127.0.0.1:1/x", ""), (["add", ADA], "", ""),
                               (["add", ADA, "--role", "root"], dsn, "")):
        done = run(where, tmp_path, *args, stdin=stdin)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.splitlines()[-1].startswith("Error: ")
        assert "Traceback" not in done.stderr
    assert rows_of(dsn, "SELECT count(*) FROM student.account") == [(0,)]


def test_the_embedded_database_that_runs_in_the_data_folder_serves(dsn: str, tmp_path: Path) -> None:
    from urllib.parse import parse_qs, urlsplit

    folder = parse_qs(urlsplit(dsn).query)["host"][0]
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "postmaster.pid").write_text(f"1\nx\nx\n5432\n{folder}\n")
    done = run("", tmp_path, "add", ADA)
    assert done.returncode in (0, 2)  # that server's own database may have no tables yet
    assert "Traceback" not in done.stderr
    assert "make demo" not in done.stderr


def run(dsn: str, data: Path, *args: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("LECTERN_", "DATABASE_"))}
    environ |= {"LECTERN_DATA": str(data), "DATABASE_URL": dsn}
    return subprocess.run([sys.executable, "build.py", "user", *args], cwd=TOP, env=environ, input=stdin, text=True, capture_output=True)
