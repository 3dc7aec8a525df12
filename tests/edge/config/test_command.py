"""`config` writes what the settings and its options say, and names what is wrong."""
from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from build import main


def _run(*arguments: str, **environment: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, ["config", *arguments], env=environment)
    return done.exit_code, done.stdout, done.stderr


def test_the_profile_comes_from_the_option_or_the_setting(tmp_path: Path) -> None:
    code, out, _ = _run("varnish", "--out", str(tmp_path / "a"), "--json", LECTERN_PROFILE="500k", LECTERN_BASE_URL="https://a.example")
    assert (code, json.loads(out)) == (0, {"target": "varnish", "profile": "500k", "files": [str(tmp_path / "a" / "default.vcl")]})
    code, out, _ = _run("varnish", "--out", str(tmp_path / "a"), "--profile", "1m", "--json", LECTERN_PROFILE="500k")
    assert (code, json.loads(out)["profile"]) == (0, "1m")


def test_the_site_and_its_servers_stand_in_it(tmp_path: Path) -> None:
    code, out, _ = _run("varnish", "--out", str(tmp_path), "--origin", "http://10.0.0.1:81", "--api", "http://10.0.0.2:82", "--purge-from",
                        "10.9.0.0/16", LECTERN_BASE_URL="https://a.example")
    assert (code, out) == (0, f"{tmp_path / 'default.vcl'}\n")
    text = (tmp_path / "default.vcl").read_text()
    for part in ('.host = "10.0.0.1";', '.host = "10.0.0.2";', '"10.9.0.0"/16;', 'set req.http.Host = "a.example";'):
        assert part in text
    assert '"127.0.0.1"' not in text


@pytest.mark.parametrize(("arguments", "names"), [
    (["--origin", "10.0.0.1"], "--origin"), (["--shield", "x"], "--shield"), (["--edge", "x"], "--edge"),
    (["--bucket", "https://bucket.example/site"], "TLS"), (["--profile", "2m"], "--profile")])
def test_what_is_wrong_is_named_and_nothing_is_written(arguments: list[str], names: str, tmp_path: Path) -> None:
    code, _, err = _run("varnish", "--out", str(tmp_path / "none"), *arguments)
    assert code == 2
    assert names in err
    assert not (tmp_path / "none").exists()
