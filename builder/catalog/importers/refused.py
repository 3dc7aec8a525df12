"""The refused records of a file of Lectern's own format, as a file to mend and import again."""
from __future__ import annotations

import csv
import json
from pathlib import Path

from builder.catalog.importers.lectern import Lines, columns
from builder.catalog.importers.lines import delimiter_of, encoding, lines, rows
from builder.catalog.importers.report import Report
from edge.errors import ExportError


def write_refused(path: Path, report: Report, out: Path) -> int:
    """Write the records of *path* that *report* has as refused to *out*, each with its reason under ``why``.

    Returns how many. A line that holds no record (no JSON, a torn row) is written as it stands. Nothing is written
    where nothing was refused, or *path* is no file of the own format. Raises ExportError.
    """
    why: dict[int, str] = {}
    for problem in report.problems:
        if problem.done == "refused" and problem.line is not None:
            why[problem.line] = f"{why[problem.line]}; {problem.why}" if problem.line in why else problem.why
    if not why or not Lines.is_here(path):
        return 0
    try:
        return _rows(path, why, out) if path.suffix.lower() == ".csv" else _lines(path, why, out)
    except OSError as wrong:
        raise ExportError(f"{out} cannot be written: {wrong.strerror}. Name a file in a folder that you may write to.") from wrong


def _lines(path: Path, why: dict[int, str], out: Path) -> int:
    written = 0
    with out.open("w", encoding="utf-8", newline="\n") as file:
        for line in lines(path):
            if line.number in why and not line.fault:
                try:
                    found = json.loads(line.text)
                except (ValueError, RecursionError):
                    found = None
                told = json.dumps(found | {"why": why[line.number]}, ensure_ascii=True) if isinstance(found, dict) else line.text
                file.write(told + "\n")
                written += 1
    return written


def _rows(path: Path, why: dict[int, str], out: Path) -> int:
    codec = encoding(path)
    with path.open(encoding=codec, newline="") as file:
        delimiter = delimiter_of(file.readline(1 << 16), columns())
    written = 0
    header: list[str] = []
    kept: list[int] = []
    with out.open("w", encoding="utf-8-sig", newline="") as file:
        made = csv.writer(file, delimiter=delimiter, lineterminator="\r\n")
        for row in rows(path, codec, delimiter):
            if not header:
                header = row.cells
                kept = [at for at, name in enumerate(header) if name.strip().lower() != "why"]
                made.writerow([*(header[at] for at in kept), "why"])
            elif row.number in why:
                made.writerow([*((row.cells[at] for at in kept) if not row.fault else row.cells), why[row.number]])
                written += 1
    return written
