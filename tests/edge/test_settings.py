"""Settings come from the environment and a .env file, and say what is wrong with them."""
from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest

from edge.errors import SettingsError
from edge.settings import NAMES, read_settings


def test_nothing_set_gives_a_site_on_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    settings = read_settings({})
    assert settings.data == tmp_path / ".lectern"
    assert settings.store == f"sqlite:///{tmp_path}/.lectern/site.db"
    assert settings.base_url == "http://127.0.0.1:8000"
    assert (settings.profile, settings.port, settings.database_url) == ("100k", 8000, None)
    assert (settings.site_name, settings.accent_hue, settings.frame_hosts) == ("Lectern", 255, ())
    assert not settings.https


def test_the_base_url_follows_the_port() -> None:
    assert read_settings({"LECTERN_PORT": "8123"}).base_url == "http://127.0.0.1:8123"


def test_the_environment_wins_over_the_file_and_an_empty_value_is_none(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("LECTERN_PORT=8001\nLECTERN_SITE_NAME='From the file'\nDATABASE_URL=postgresql://u:p$x@h/d\n")
    settings = read_settings({"LECTERN_PORT": "8002", "LECTERN_SITE_NAME": ""}, file)
    assert (settings.port, settings.site_name) == (8002, "From the file")
    assert settings.database_url == "postgresql://u:p$x@h/d"


def test_a_relative_data_folder_lies_beside_the_file_and_else_in_the_working_folder(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    file = tmp_path / ".env"
    assert read_settings({}, file).data == tmp_path / ".lectern"
    assert read_settings({}, file).store == f"sqlite:///{tmp_path}/.lectern/site.db"
    assert read_settings({"LECTERN_DATA": "../x"}, file).data == tmp_path.parent / "x"
    assert read_settings({"LECTERN_DATA": "/srv/x"}, file).data == Path("/srv/x")
    assert read_settings({"LECTERN_DATA": "~/x"}, file).data == Path.home() / "x"
    assert read_settings({"LECTERN_DATA": "x"}).data == elsewhere / "x"


@pytest.mark.parametrize(("broken", "line"), [
    ("LECTERN_PORT 8000", 1), ("# ours\n\nLECTERN_PORT=8000\n\nexport DATABASE_URL\n", 5), ("DATABASE_URL: postgresql://u:secret@h/d\n", 1),
    ("LECTERN_PORT=8000\nLECTERN_SITE_NAME=\"secret\n", 2), ("LECTERN_SITE_NAME='secret\nLECTERN_PORT=8000\n", 1),
    ('LECTERN_SITE_NAME="My" secret', 1), ("LECTERN_PORT=8000\n\n\n  =secret\n", 4),
])
def test_a_broken_line_of_the_file_is_named_and_what_stands_in_it_is_not(broken: str, line: int, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(broken)
    with pytest.raises(SettingsError, match=f"Line {line} of {re.escape(str(file))} ") as caught:
        read_settings({}, file)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("text", [
    "", "\n\n", "# LECTERN_PORT 8000\n", "LECTERN_PORT=\n", "LECTERN_SITE_NAME=Tom's\nexport LECTERN_PORT=8000 # ours\n",
    "\ufeffLECTERN_PORT=8000\r\n", "OTHER='two\nlines'\nLECTERN_PORT=8000",
])
def test_a_file_as_shells_write_it_is_read(text: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(text)
    assert read_settings({}, tmp_path / ".env").port == 8000


def test_a_file_in_another_encoding_and_a_folder_of_its_name_are_no_fault_of_ours(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("LECTERN_SITE_NAME=Universität".encode("latin-1"))
    with pytest.raises(SettingsError, match=r"\.env is not UTF-8"):
        read_settings({}, tmp_path / ".env")
    (tmp_path / "folder").mkdir()
    assert read_settings({}, tmp_path / "folder").port == 8000


def test_a_file_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    assert read_settings({}, tmp_path / ".env").port == 8000


def test_an_unknown_name_is_named_with_the_nearest_known_one() -> None:
    with pytest.raises(SettingsError, match=r"LECTERN_PROT .*did you mean LECTERN_PORT"):
        read_settings({"LECTERN_PROT": "8000"})


def test_an_unknown_name_in_the_file_is_found_too(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("LECTERN_COLOUR=blue\n")
    with pytest.raises(SettingsError, match=rf"LECTERN_COLOUR .*in {re.escape(str(tmp_path))}/\.env\."):
        read_settings({}, tmp_path / ".env")
    with pytest.raises(SettingsError, match=r"LECTERN_COLOUR .*in the environment"):
        read_settings({"LECTERN_COLOUR": "red"}, tmp_path / ".env")


@pytest.mark.parametrize(("name", "value"), [
    ("LECTERN_PORT", "0"), ("LECTERN_PORT", "65536"), ("LECTERN_PORT", "-1"), ("LECTERN_PORT", "8000x"),
    ("LECTERN_PORT", "٨٠"), ("LECTERN_PROFILE", "2m"), ("LECTERN_ACCENT_HUE", "361"), ("LECTERN_ACCENT_HUE", "red"),
    ("LECTERN_BASE_URL", "lectures.example"), ("LECTERN_BASE_URL", "ftp://lectures.example"),
    ("LECTERN_BASE_URL", "https://lectures.example/site"), ("LECTERN_BASE_URL", "https://u:p@lectures.example"),
    ("LECTERN_BASE_URL", "http://lectures.example:99999"), ("LECTERN_BASE_URL", "https://lectures.example?a=b"),
    ("LECTERN_STORE", "/var/site.db"), ("LECTERN_STORE", "s3://"), ("LECTERN_STORE", "sqlite:///"),
    ("LECTERN_CDN", "varnish"), ("LECTERN_SITE_NAME", "a\nb"), ("LECTERN_SITE_NAME", "x" * 81),
    ("LECTERN_FRAME_HOSTS", "tube.example, *.evil.example"), ("LECTERN_FRAME_HOSTS", "https://tube.example"),
    ("LECTERN_FRAME_HOSTS", "tube.example; script-src *"), ("LECTERN_FRAME_HOSTS", "tube.example\nx.example"),
    ("DATABASE_URL", "mysql://h/d"), ("DATABASE_DIRECT_URL", "h:5432"),
])
def test_a_value_out_of_range_is_an_error_that_names_it(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        read_settings({name: value})


def test_a_wrong_database_address_is_not_shown_since_it_may_hold_a_password() -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({"DATABASE_URL": "mysql://u:secret@h/d"})
    assert "secret" not in str(caught.value)


def test_frame_hosts_are_folded_and_kept_in_order() -> None:
    settings = read_settings({"LECTERN_FRAME_HOSTS": "Tube.example, peer.example:8443 ,tube.example"})
    assert settings.frame_hosts == ("tube.example", "peer.example:8443")


def test_the_base_url_loses_its_slash_and_its_capitals() -> None:
    settings = read_settings({"LECTERN_BASE_URL": "https://Lectures.Example/"})
    assert settings.base_url == "https://lectures.example"
    assert settings.https


def test_settings_cannot_be_changed_by_whom_they_were_handed_to() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        read_settings({}).port = 1  # type: ignore[misc]


def test_every_name_has_a_meaning_and_is_read_somewhere() -> None:
    root = Path(__file__).parents[2]
    code = "".join(file.read_text() for room in ("edge", "builder", "api") for file in (root / room).rglob("*.py"))
    assert [name for name, meaning in NAMES.items() if not meaning] == []
    # Once in the table of names, and once where it is read.
    assert [name for name in NAMES if code.count(f'"{name}"') < 2] == []


def test_reading_settings_loads_nothing_heavy() -> None:
    """The whole build takes a second and a half; settings must not be felt in it."""
    heavy = "boto3 obstore flask jinja2 dotenv sqlite3 psycopg2 asyncio"
    code = f"import sys, edge.settings; print(*[m for m in {heavy.split()} if m in sys.modules])"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
