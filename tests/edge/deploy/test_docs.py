"""docs/deploy.md says nothing that is not there: each command runs or at least parses, each setting is read, each Secret is asked for."""
from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from build import main
from edge.settings import NAMES
from tests.edge.deploy.made import deployment, named, pods

TOP = Path(__file__).resolve().parents[3]
DOC = (TOP / "docs" / "deploy.md").read_text()
COMMANDS = sorted({found.split("  #")[0].strip() for found in re.findall(r"python build\.py ([^`\n]+)", DOC)})
BUCKET = {"LECTERN_BASE_URL": "https://lectures.example", "LECTERN_STORE": "s3://bucket/site"}


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_is_one_and_takes_what_it_is_given(line: str) -> None:
    words = [word for word in shlex.split(line.replace("TARGET", "systemd")) if word]
    command = main.get_command(click.Context(main), words[0])
    assert command is not None, line
    if isinstance(command, click.Group):
        command = command.get_command(click.Context(command), words.pop(1))
        assert command is not None, line
    context = click.Context(command, info_name=words[0], resilient_parsing=False)
    words = [word if word != "lectures.jsonl" else str(TOP / "README.md") for word in words]
    command.parse_args(context, words[1:])  # raises, naming what is wrong


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("config ") and "TARGET" not in line])
def test_every_configuration_is_made(line: str, tmp_path: Path) -> None:
    words = shlex.split(line)
    words[words.index("--out") + 1] = str(tmp_path / "out")
    done = CliRunner().invoke(main, words, env=BUCKET)
    assert (done.exit_code, done.stderr) == (0, ""), done.stdout
    assert list((tmp_path / "out").iterdir())


def test_every_setting_is_read() -> None:
    assert set(re.findall(r"LECTERN_[A-Z_]+", DOC)) <= set(NAMES)


def test_every_secret_that_is_asked_for_is_described() -> None:
    asked = {"lectern-tls"}
    for pod in pods(deployment(redis="cluster")).values():
        for volume in pod["spec"]["volumes"]:
            asked |= {volume["secret"]["secretName"]} if "secret" in volume else set()
            asked |= {source["secret"]["name"] for source in volume.get("projected", {}).get("sources", ()) if "secret" in source}
        for container in pod["spec"]["containers"]:
            asked |= {source["secretRef"]["name"] for source in container.get("envFrom", ()) if "secretRef" in source}
            asked |= {one["valueFrom"]["secretKeyRef"]["name"] for one in container.get("env", ())
                      if "secretKeyRef" in one.get("valueFrom", {})}
    assert [name for name in sorted(asked) if f"`{name}`" not in DOC] == []


def test_what_kubectl_is_told_to_do_is_done_to_things_that_are_there() -> None:
    there = {name.lower() for name in named(deployment())}
    named_there = re.findall(r"kubectl [^\n`]*?\b(deployment|job)/([\w-]+)", DOC)
    assert len(named_there) == len(re.findall(r"kubectl [^\n`]*/lectern-", DOC)) >= 3
    for kind, name in named_there:
        assert f"{kind}/{name}" in there, name
