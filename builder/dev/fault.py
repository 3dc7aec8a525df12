"""What is wrong with a template, where, and the page that says so."""
from __future__ import annotations

import html
import traceback
from pathlib import Path
from typing import NamedTuple

from jinja2 import TemplateSyntaxError

AROUND = 4  # lines shown before and after


class Fault(NamedTuple):
    """Why a page cannot be made, and the file and line to look at; no file where no template is at fault."""

    why: str
    file: Path | None
    line: int


def fault_of(error: Exception, templates: Path) -> Fault:
    """Where under *templates* an error came from: the innermost template's line, which the engine puts into the traceback."""
    if isinstance(error, TemplateSyntaxError):
        return Fault(f"{error.message}", Path(error.filename) if error.filename else None, error.lineno)
    why = f"{type(error).__name__}: {error}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if Path(frame.filename).is_relative_to(templates):
            return Fault(why, Path(frame.filename), frame.lineno or 1)
    return Fault(why, None, 0)


def fault_page(fault: Fault, top: Path, head: str) -> str:
    """An HTML page that names the file below *top* and shows the lines around. *head* goes into its head."""
    where = f"{fault.file.relative_to(top)}, line {fault.line}" if fault.file and fault.file.is_relative_to(top) else "no template"
    shown = "".join(f"<li value={n}{' class=here' if n == fault.line else ''}><code>{html.escape(text)}</code>"
                    for n, text in _lines(fault))
    return (f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(where)}</title>'
            f'<link rel="stylesheet" href="/dev/fault.css">{head}</head><body><main><h1>{html.escape(fault.why)}</h1>'
            f"<p>{html.escape(where)}</p><ol>{shown}</ol><p>The page comes back when that is mended.</p></main></body></html>\n")


def _lines(fault: Fault) -> list[tuple[int, str]]:
    if fault.file is None or not fault.file.is_file():
        return []
    lines = fault.file.read_text("utf-8", "replace").splitlines()
    first = max(fault.line - AROUND, 1)
    return list(enumerate(lines[first - 1 : fault.line + AROUND], first))
