"""Fills a deployment's templates. Every value goes in by a filter of its language, so none can end what it stands in."""
from __future__ import annotations

import json
from pathlib import Path
from textwrap import indent

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from edge.errors import SettingsError


def filled(folder: str, template: str, **values: object) -> str:
    """The text of *template*, a file of *folder* beside this module.

    Its places are marked with ``<<`` and ``>>``, its statements with ``<%`` and ``%>``, since Prometheus and systemd have braces and
    percent signs of their own.
    """
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent / folder), undefined=StrictUndefined, trim_blocks=True,
                              lstrip_blocks=True, keep_trailing_newline=True, autoescape=False, variable_start_string="<<",
                              variable_end_string=">>", block_start_string="<%", block_end_string="%>", comment_start_string="<#",
                              comment_end_string="#>")
    environment.filters |= {"yaml": _yaml, "compose": _compose, "unit": _unit, "block": _block}
    return environment.get_template(template).render(values)


def _yaml(value: object) -> str:
    """A scalar or a list in YAML, which JSON is."""
    return json.dumps(value, ensure_ascii=False).replace("\u007f", "\\u007f").replace("\u0085", "\\u0085")


def _compose(text: str) -> str:
    """The same for Compose, which puts the machine's environment in place of ``$NAME``."""
    return _yaml(text.replace("$", "$$"))


def _unit(text: str) -> str:
    """A value in a systemd unit, where a percent sign begins a specifier."""
    if not text.isprintable() or '"' in text or "\\" in text:
        raise SettingsError(f"{text!r} cannot stand in a systemd unit.")
    return text.replace("%", "%%")


def _block(text: str, deeper: int = 0) -> str:
    """Lines of a macro as they stand, *deeper* by so many spaces, without the last line's end."""
    return indent(text.strip("\n"), " " * deeper)
