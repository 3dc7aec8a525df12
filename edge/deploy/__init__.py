"""How the whole thing is run, made from profile and settings: never written by hand.

`python build.py config TARGET --out DIR` writes it, as it writes the caches' configuration. A target is a package with one function,
from a `Deployment` to the files of DIR by name, of which the first is the entry.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

from edge import folder
from edge.deploy.deployment import Deployment

TARGETS: dict[str, str] = {
    "kubernetes": "edge.deploy.kubernetes",
    "systemd": "edge.deploy.systemd",
    "compose": "edge.deploy.compose",
    "prometheus": "edge.deploy.prometheus",
    "grafana": "edge.deploy.grafana",
}
"""Each target and its package, whose `files` makes what DIR is to hold."""


def files(target: str, deployment: Deployment) -> Mapping[str, str]:
    """The files of *target*, text by name. Raises SettingsError where the settings cannot be run so."""
    make: Callable[[Deployment], Mapping[str, str]] = import_module(TARGETS[target]).files
    return make(deployment)


def write(target: str, deployment: Deployment, out: Path) -> list[Path]:
    """Write the files of *target* into the folder *out*, which is made where it is not. Raises SettingsError, OSError."""
    return folder.write(files(target, deployment), out)
