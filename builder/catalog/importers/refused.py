"""The refused records of a file of Lectern's own format, as a file to mend and import again."""
from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import TextIO

from builder.catalog.importers.judge import columns
from builder.catalog.importers.lectern import Lines
from builder.catalog.importers.lines import Row, delimiter_of, encoding, guarded, lines, rows
from builder.catalog.importers.report import Report
from edge.errors import LecternError


class NoPlace(LecternError):
    """Refused records cannot go where they were asked to; the message says why."""


def check_place(path: Path, out: Path) -> None:
    """Raises NoPlace where the refused records of *path* may not be written to *out*: it is what is being imported, or an
    import would not read it.
    """
    if out.exists() and (os.path.samefile(out, path) or (path.is_dir() and path.resolve() in out.resolve().parents)):
        raise NoPlace(f"{out} is being imported itself: name another file for the refused records.")
    if not Lines.is_here(path):
        raise NoPlace(f"--refused is for a .jsonl or .csv file; {path} is none. The report names each refused file.")
    table = path.suffix.lower() == ".csv"
    if (out.suffix.lower() == ".csv") != table or not Lines.reads(out):
        raise NoPlace(f"Refused records of {path.name} are {'CSV' if table else 'JSON Lines'}: give {out} the ending "
                      f"{'.csv' if table else '.jsonl'}.")


def write_refused(path: Path, report: Report, file: TextIO) -> int:
    """Write the records of *path* that *report* has as refused to *file*, each with its reasons under ``why``.

    A line that holds no record is written as it stands; one that is no UTF-8 or endless is left out. Returns how many
    were written.
    """
    why: dict[int, list[str]] = {}
    for problem in report.in_order():
        if problem.done == "refused" and problem.line is not None:
            said = f"{problem.field}: {problem.why}" if problem.field and not problem.why.startswith(problem.field) else problem.why
            why.setdefault(problem.line, []).append(said)
    told = {line: "; ".join(said) for line, said in why.items()}
    return _rows(path, told, file) if path.suffix.lower() == ".csv" else _lines(path, told, file)


def _lines(path: Path, why: dict[int, str], file: TextIO) -> int:
    written = 0
    for line in lines(path):
        if line.number in why and not line.fault:
            try:
                found = json.loads(line.text)
                told = json.dumps(found | {"why": why[line.number]}, ensure_ascii=False) if isinstance(found, dict) else line.text
                told.encode()
            except (ValueError, RecursionError):  # no JSON, or half a surrogate pair in it
                told = line.text
            file.write(told + "\n")
            written += 1
    return written


def _rows(path: Path, why: dict[int, str], file: TextIO) -> int:
    codec = encoding(path)
    with path.open(encoding=codec, newline="") as opened:
        delimiter = delimiter_of(opened.readline(1 << 16), columns())
    made = csv.writer(file, delimiter=delimiter, lineterminator="\r\n")
    file.write("\ufeff")  # without it spreadsheets take UTF-8 for something else
    written = 0
    header: list[str] = []
    kept: list[int] = []
    for row in rows(path, codec, delimiter):
        if not header:
            header = row.cells
            kept = [at for at, name in enumerate(header) if name.strip().lower() != "why"]
            made.writerow([*(header[at] for at in kept), "why"])
        elif row.number in why:
            cells = _cells(row, len(header))
            made.writerow([*(cells[at] for at in kept), guarded(why[row.number])])
            written += 1
    return written


def _cells(row: Row, width: int) -> list[str]:
    """A cell a column: the row's own, and what cannot be told apart whole under the first."""
    cells = row.cells or [guarded(row.raw)]
    return cells + [""] * (width - len(cells))
