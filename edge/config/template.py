"""Fills a configuration's template. What goes in is checked here, since a configuration knows no escape for all of it."""
from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from edge.errors import SettingsError


def filled(template: str, **values: object) -> str:
    """The text of *template*, a file beside this one."""
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, trim_blocks=True,
                              lstrip_blocks=True, keep_trailing_newline=True, autoescape=False)
    environment.filters |= {"long_string": _long_string, "quoted": _quoted}
    return environment.get_template(template).render(values)


def _long_string(text: str) -> str:
    """A VCL long string, which has no escapes and may hold single quotes."""
    return f'{{"{_plain(text, chr(34) + "}")}"}}'


def _quoted(text: str) -> str:
    """An nginx string in single quotes; a dollar would begin a variable, and there is no way to write one."""
    return "'" + _plain(text, "$", chr(92)).replace("'", chr(92) + "'") + "'"


def _plain(text: str, *refused: str) -> str:
    if not text.isascii() or not text.isprintable() or any(part in text for part in refused):
        raise SettingsError(f"{text!r} cannot stand in a cache's configuration: look at LECTERN_BASE_URL and LECTERN_FRAME_HOSTS.")
    return text
