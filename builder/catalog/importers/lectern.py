"""Lectern's own format: JSON Lines, or CSV with the same fields as columns. ``docs/format.md`` describes it."""
from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from builder.catalog.importers.cells import value_of
from builder.catalog.importers.judge import Fault, columns, faults, fields, kind_fault, unknown
from builder.catalog.importers.lines import Row, Undecodable, delimiter_of, encoding, json_fault, lines, rows, unguarded
from builder.catalog.importers.record import KINDS, NAMED, Kind, Record, key_of, name_key
from builder.catalog.importers.report import Report
from builder.catalog.importers.values import values_of
from edge.address import slugify
from edge.errors import LecternError

ORIGIN = "lectern"
ENDINGS = (".jsonl", ".ndjson", ".csv")
_ROWS_OWN = ("words_at", "old_slugs")  # what a new row gets and no standing one


class Unusable(LecternError):
    """A file that cannot be read as Lectern's own format at all; the message says where and why."""


class _Found(NamedTuple):
    """A record as a line or row has it, and what is wrong with single cells already."""

    line: int
    values: dict[str, Any]
    faults: Sequence[Fault] = ()


class Lines:
    """A JSON Lines or CSV file; iterating it yields records in the order of the file."""

    origin = ORIGIN
    expects = "a file that ends in .jsonl or .csv"
    slugs_first = True

    def __init__(self, path: Path, report: Report) -> None:
        self.path = path
        self.report = report
        self.withheld: list[str] = []
        self.total = 0
        self._lines_of: dict[str, int] = {}
        self._same_title: Counter[str] = Counter()

    @staticmethod
    def is_here(path: Path) -> bool:
        """Whether *path* is a file of this format, by its ending."""
        return path.is_file() and Lines.reads(path)

    @staticmethod
    def reads(path: Path) -> bool:
        """Whether a file called so would be read as this format."""
        return path.suffix.lower() in ENDINGS

    def __iter__(self) -> Iterator[Record]:
        for found in self._rows() if self.path.suffix.lower() == ".csv" else self._objects():
            record = self._record(found)
            if record is not None:
                yield record

    def _objects(self) -> Iterator[_Found]:
        for line in lines(self.path):
            try:
                if line.fault:
                    raise ValueError(line.fault)
                found = json.loads(line.text, parse_constant=_no_number)
                if not isinstance(found, dict):
                    raise ValueError("a line is one JSON object, as {\"title\": \"Limits\", \"batch\": \"Analysis 2026\"}")
            except (ValueError, RecursionError) as wrong:
                self.report.refuse("video", self.path.name, line.number, [Fault("", line.text, json_fault(wrong))])
                continue
            yield _Found(line.number, found)

    def _rows(self) -> Iterator[_Found]:
        try:
            codec = encoding(self.path)
        except Undecodable as wrong:
            raise Unusable(f"{self.path}: {wrong}.") from wrong
        if codec == "cp1252":
            self.report.note(self.path.name, None, "", "", "mended", "no UTF-8: read as Windows-1252")
        with self.path.open(encoding=codec, newline="") as file:
            delimiter = delimiter_of(file.readline(1 << 16), columns())
        header: list[str] = []
        for row in rows(self.path, codec, delimiter):
            if not header:
                header = self._header(row, delimiter)
            elif row.fault:
                self.report.refuse("video", self.path.name, row.number, [Fault("", row.raw, row.fault)])
            else:
                cells = [(name, unguarded(cell)) for name, cell in zip(header, row.cells, strict=False)]
                if torn := _torn(cells):
                    self.report.refuse("video", self.path.name, row.number, [torn])
                else:
                    yield self._typed(row.number, cells)

    def _header(self, row: Row, delimiter: str) -> list[str]:
        names = [cell.strip().lower() for cell in row.cells]
        if row.fault or not {"title", "name"} & set(names):
            near = next((found[0] for name in names if (found := difflib.get_close_matches(name, ("title", "name"), 1))), "")
            shown = delimiter.join(row.cells)[:120] or row.raw[:120]
            raise Unusable(f"{self.path}: the first line names no column `title` or `name`: {shown!r}"
                           f"{f' (did you mean {near}?)' if near else ''}.")
        twice = [name for name, times in Counter(names).items() if name and times > 1]
        if twice:
            raise Unusable(f"{self.path}: two columns are called {twice[0]!r}: rename or delete one.")
        return names

    def _typed(self, line: int, cells: list[tuple[str, str]]) -> _Found:
        kind = next((cell for name, cell in cells if name == "kind"), "").strip().lower() or "video"
        known = fields(kind) if kind in KINDS else frozenset[str]()
        found: dict[str, Any] = {"kind": kind}
        faults: list[Fault] = []
        for name, cell in cells if known else ():
            if name == "kind" or (name not in known and not cell.strip()):
                continue
            if not name:
                faults.append(Fault("", cell, "no column's name stands above it"))
            elif name not in known:
                faults.append(unknown(kind, name, cell))
            else:
                try:
                    found.update(value_of(name, cell))
                except ValueError as wrong:
                    faults.append(Fault(name, cell, str(wrong)))
        return _Found(line, found, faults)

    def _record(self, found: _Found) -> Record | None:
        kind = found.values.get("kind", "video")
        if kind not in KINDS:
            self.report.refuse("video", self.path.name, found.line, [kind_fault(kind)])
            return None
        said = {"kind": kind} | found.values
        wrong = [*found.faults, *faults(kind, said)]
        bad = {fault.field for fault in wrong}
        notes: list[tuple[str, object, str]] = []
        values, more = values_of({name: value for name, value in said.items() if name not in bad and name in fields(kind)},
                                 lambda *note: notes.append(note))
        wrong += more
        if not wrong:
            record = self._made(kind, found.line, said, values)
            first = self._lines_of.setdefault(f"{kind} {record.ref}", found.line)
            if first == found.line:
                for note in notes:
                    self.report.note(self.path.name, found.line, note[0], note[1], "mended", note[2])
                return record
            wrong = [Fault("slug", said.get("slug"), f"line {first} is about the same {kind} already")]
        self.report.refuse(kind, self.path.name, found.line, wrong)
        return None

    def _made(self, kind: Kind, line: int, found: dict[str, Any], values: dict[str, Any]) -> Record:
        name, slug = values[NAMED[kind]], values.pop("slug", None)
        only_new = {field: values.pop(field) for field in _ROWS_OWN if field in values}
        only_new = {field: value for field, value in only_new.items() if value}
        if found.get("version"):
            only_new["version"] = found["version"]
        if found.get("id") is not None:
            ref = f"#{found['id']}"
        elif slug is not None:
            ref = slug
        elif kind == "video":
            ref = f"{name_key(values['batch'])}/{name_key(name)}"
            self._same_title[ref] += 1
            ref += f"~{self._same_title[ref]}" if self._same_title[ref] > 1 else ""
        else:
            ref = key_of(kind, name)
        return Record(
            kind, ref, self.path.name, line, values, wish=slugify(name, kind), id=found.get("id"), slug=slug, version=found.get("version"),
            by_name=kind != "video" and slug is None and found.get("id") is None, only_new=only_new)


def _torn(cells: list[tuple[str, str]]) -> Fault | None:
    """What was wrong with a torn line that came back unmended in a file of refused rows: whole, as its first cell."""
    filled = [(name, cell) for name, cell in cells if cell]
    if len(filled) == 2 and filled[0] == cells[0] and filled[1][0] == "why":
        return Fault("", filled[0][1], filled[1][1])
    return None


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")
