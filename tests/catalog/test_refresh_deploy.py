"""The three ways to run refresh each hour: the same command, once an hour, one catch-up for what was missed."""
from __future__ import annotations

import re
from configparser import ConfigParser
from pathlib import Path

DEPLOY = Path(__file__).resolve().parents[2] / "docs" / "deploy"
COMMAND = "python build.py refresh"
BY_THE_HOUR = re.compile(r"[1-5]?\d \* \* \* \*")


def _unit(name: str) -> ConfigParser:
    unit = ConfigParser(interpolation=None, delimiters=("=",))
    unit.read(DEPLOY / name)
    return unit


def test_cron_runs_it_once_an_hour() -> None:
    lines = [line for line in (DEPLOY / "refresh.cron").read_text().splitlines() if line and not line.startswith("#")]
    assert len(lines) == 1
    assert COMMAND in lines[0]
    assert BY_THE_HOUR.match(lines[0])
    assert "%" not in lines[0], "cron reads it as a line's end"


def test_systemd_runs_it_once_an_hour_and_catches_up_once() -> None:
    timer, service = _unit("lectern-refresh.timer"), _unit("lectern-refresh.service")
    assert timer["Timer"]["OnCalendar"] == "hourly"
    assert timer["Timer"]["Persistent"] == "true"
    assert timer["Install"]["WantedBy"] == "timers.target"
    assert service["Service"]["ExecStart"].endswith(COMMAND)
    assert service["Service"]["Type"] == "oneshot"
    assert "Install" not in service, "the timer starts it, not the boot"


def test_kubernetes_runs_it_once_an_hour_and_never_twice_at_a_time() -> None:
    text = (DEPLOY / "refresh-cronjob.yaml").read_text()
    assert '"python", "build.py", "refresh"' in text
    found = re.search(r'schedule: "([^"]+)"', text)
    assert found is not None
    assert BY_THE_HOUR.fullmatch(found[1])
    assert "concurrencyPolicy: Forbid" in text
    assert "backoffLimit: 0" in text


def test_operations_names_all_three() -> None:
    operations = (DEPLOY.parent / "operations.md").read_text()
    assert [file.name for file in sorted(DEPLOY.glob("*refresh*")) if file.name not in operations] == []
