"""Configuration of the caches before the site, made from tiers, policy and settings: never written by hand.

`python build.py config TARGET --out DIR` writes it. A target is a module with one function, from a `CacheNode` to the files
of DIR by name; `targets` names them.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

from edge import folder
from edge.config.cache_node import CacheNode

TARGETS: dict[str, str] = {"varnish": "edge.config.varnish", "nginx": "edge.config.nginx", "cloudfront": "edge.config.cloudfront"}
"""Each target and its module, whose `files` makes what DIR is to hold."""


def files(target: str, node: CacheNode) -> Mapping[str, str]:
    """The files of *target*, text by name. Raises SettingsError where it cannot serve such a node."""
    make: Callable[[CacheNode], Mapping[str, str]] = import_module(TARGETS[target]).files
    return make(node)


def write(target: str, node: CacheNode, out: Path) -> list[Path]:
    """Write the files of *target* into the folder *out*, which is made where it is not. Raises SettingsError, OSError."""
    return folder.write(files(target, node), out)
