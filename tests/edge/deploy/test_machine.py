"""systemd and Compose take what is made, and nothing that is made holds a secret."""
from __future__ import annotations

import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import compose_spec
import pytest
import yaml

from edge import deploy
from edge.deploy.deployment import Deployment
from edge.errors import SettingsError
from edge.settings import NAMES
from tests.edge.deploy.made import SECRET, VALUES, all_of, deployment

TOP = Path(__file__).resolve().parents[3]
BY_THE_HOUR = re.compile(r"[1-5]?\d \* \* \* \* lectern ")
MOST_EXPOSED = 20  # tenths of systemd's own measure: 0 is nothing, 100 all


def _units(made: Deployment) -> dict[str, ConfigParser]:
    found = {}
    for name, text in deploy.files("systemd", made).items():
        if name != "refresh.cron":
            found[name] = ConfigParser(interpolation=None, delimiters=("=",), strict=False)
            found[name].optionxform = str  # type: ignore[assignment, method-assign]
            found[name].read_string(text)
    return found


@pytest.mark.parametrize(("target", "made"), all_of(), ids=lambda one: one if isinstance(one, str) else f"{one.profile}-{one.redis}")
def test_no_file_holds_a_secret(target: str, made: Deployment) -> None:
    for name, text in deploy.files(target, made).items():
        assert SECRET not in text, name


def test_systemd_itself_finds_no_fault_and_little_exposure(tmp_path: Path) -> None:
    if not (analyze := shutil.which("systemd-analyze")):
        pytest.skip("systemd-analyze is not here: apt install systemd")
    made = deploy.files("systemd", deployment())
    for name, text in made.items():
        if name != "refresh.cron":  # the project does not lie where it will
            text = text.replace("/srv/lectern/.venv/bin/python", sys.executable)
            text = text.replace("WorkingDirectory=/srv/lectern", "WorkingDirectory=/")
            (tmp_path / name).write_text(text)
    units = sorted(str(file) for file in tmp_path.iterdir())
    done = subprocess.run([analyze, "verify", "--man=no", *units], capture_output=True, text=True)
    assert [line for line in done.stderr.splitlines() if str(tmp_path) in line or "lectern" in line] == []
    for service in tmp_path.glob("*.service"):
        done = subprocess.run([analyze, "security", "--offline=true", "--no-pager", f"--threshold={MOST_EXPOSED}", str(service)],
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-300:]


def test_systemd_starts_worker_and_api_anew_and_the_clocks_jobs_by_their_timers() -> None:
    units = _units(deployment())
    assert next(iter(units)) == "lectern.target"
    for name in ("api", "worker"):
        service = units[f"lectern-{name}.service"]
        assert service["Service"]["Restart"] == "always"
        assert service["Unit"]["StartLimitIntervalSec"] == "0", "a database that is away for long must not end it for good"
        assert service["Install"]["WantedBy"] == "lectern.target"
    for name in ("refresh", "verify"):
        timer, service = units[f"lectern-{name}.timer"], units[f"lectern-{name}.service"]
        assert timer["Timer"]["Persistent"] == "true"
        assert timer["Install"]["WantedBy"] == "timers.target"
        assert service["Service"]["ExecStart"].endswith(f"python build.py {name}")
        assert service["Service"]["Type"] == "oneshot"
        assert "Install" not in service, "the timer starts it, not the boot"
    assert units["lectern-refresh.timer"]["Timer"]["OnCalendar"] == "hourly"
    assert set(units["lectern.target"]["Unit"]["Wants"].split()) <= set(units)


def test_a_unit_may_write_where_the_data_lie_and_nowhere_else() -> None:
    made = deployment(store="sqlite:////var/site/site.db")
    text = deploy.files("systemd", made)["lectern-worker.service"]
    assert re.findall(r"^ReadWritePaths=(.*)$", text, re.M) == ['-"/srv/lectern/100%%"', '-"/var/site"']
    assert "ProtectSystem=strict" in text
    with pytest.raises(SettingsError, match="unit"):
        deploy.files("systemd", Deployment("https://a.example", "100k", "s3://b/p", {"LECTERN_DATA": 'a"\nUser=root'}))


def test_cron_runs_refresh_once_an_hour() -> None:
    lines = [line for line in deploy.files("systemd", deployment())["refresh.cron"].splitlines() if line and not line.startswith("#")]
    assert len(lines) == 1
    assert BY_THE_HOUR.match(lines[0])
    assert "build.py refresh" in lines[0]
    assert "%" not in lines[0], "cron reads it as a line's end"


def _compose(made: Deployment) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(deploy.files("compose", made)["compose.yaml"])
    return found


@pytest.mark.parametrize("store", ["s3://bucket/site", "sqlite:////srv/site.db"])
def test_compose_takes_its_file(store: str) -> None:
    read = _compose(deployment(store=store))
    ours = yaml.safe_dump({name: part for name, part in read.items() if not name.startswith("x-")})
    compose_spec.PyCompose.from_yaml(ours).validate()
    with pytest.raises(Exception, match="imagee"):
        compose_spec.PyCompose.from_yaml(ours.replace("image:", "imagee:", 1)).validate()


def test_compose_starts_nothing_of_ours_before_the_schema_is_there() -> None:
    services = _compose(deployment())["services"]
    ours = {name for name, one in services.items() if one["image"].startswith("lectern")}
    assert ours == {"migrate", "api", "worker", "refresh", "verify"}
    for name in ours - {"migrate"}:
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    for name in ours:
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
        assert {setting for setting in services[name]["environment"] if setting.startswith("LECTERN_")} <= set(NAMES)
    for one in services.values():
        assert all(port.startswith("127.0.0.1:") for port in one.get("ports", ())), "a proxy stands before it"


def test_compose_takes_a_setting_for_what_it_is() -> None:
    name = _compose(deployment())["services"]["api"]["environment"]["LECTERN_SITE_NAME"]
    assert name.replace("$$", "$") == VALUES["LECTERN_SITE_NAME"]
    assert "$H" not in name.replace("$$", ""), "Compose puts the machine's environment in place of $NAME"


def test_a_linter_passes_the_images(tmp_path: Path) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text(deploy.files("compose", deployment())["Dockerfile"])
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([str(hadolint), str(file)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_an_image_holds_what_it_copies_and_no_more() -> None:
    made = deploy.files("compose", deployment())
    copied = {name for line in re.findall(r"^COPY (?!--from)(.*) \S+$", made["Dockerfile"], re.M) for name in line.split()}
    let_in = {line[1:] for line in made["Dockerfile.dockerignore"].splitlines() if line.startswith("!")}
    assert copied == let_in
    assert [name for name in copied if not (TOP / name).exists()] == []
    assert "\nUSER 10001:10001\n" in made["Dockerfile"]
