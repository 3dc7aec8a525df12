"""Lectern's own format: JSON Lines, an object a line, described by schema.json. Read here, written by export.py."""
from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from builder.catalog.importers.record import KINDS, Record
from builder.catalog.importers.report import Report
from builder.catalog.importers.rows import moment

LINE_BYTES = 8 << 20  # a transcript of four hours is half a megabyte; no record needs more
_OWN = ("kind", "id", "slug", "version")


class Lines:
    """The records of a .jsonl file. A line that is none is refused by its number, and costs a bounded amount."""

    origin = "lectern"

    def __init__(self, path: Path, report: Report) -> None:
        self._path, self._report = path, report
        self.withheld: list[str] = []
        self.total = 0

    @staticmethod
    def is_here(path: Path) -> bool:
        """Whether *path* is such a file."""
        return path.suffix in (".jsonl", ".ndjson") and path.is_file()

    def __iter__(self) -> Iterator[Record]:
        with self._path.open("rb") as file:
            for number, line in _lines(file):
                if line is None:
                    self._refuse(number, "", f"the line is over {LINE_BYTES} bytes long")
                elif line.strip() and (record := self._record(number, line)) is not None:
                    yield record

    def _record(self, number: int, line: bytes) -> Record | None:
        try:
            found = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
        except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
            self._refuse(number, "", f"no JSON in UTF-8: {error}")
            return None
        wrong = next(iter(_validator().iter_errors(found)), None)
        if wrong is not None:
            field = ".".join(map(str, wrong.absolute_path))
            self._refuse(number, field, wrong.message[:300], found)
            return None
        if _unstorable(line):
            self._refuse(number, "", "a zero character or half a surrogate pair, which no database keeps", found)
            return None
        values = {name: value for name, value in found.items() if name not in _OWN}
        for name in ("publish_at", "words_at"):
            if values.get(name):
                try:
                    values[name] = moment(values[name])
                except ValueError:
                    self._refuse(number, name, "no moment with its zone, such as 2026-05-04T18:30:00+05:30", found)
                    return None
        id, slug = found.get("id"), found.get("slug")
        ref = str(id) if id is not None else slug or values.get("title") or values["name"]
        return Record(found["kind"], ref, self._path.name, number, values, id=id, slug=slug, wish=slug or "",
                      version=found.get("version"), raw=line.decode("utf-8", "replace"))

    def _refuse(self, number: int, field: str, why: str, found: Any = None) -> None:
        # What does not say that it is something else is counted as a video: most lines are.
        if not isinstance(found, dict) or found.get("kind") not in KINDS or found["kind"] == "video":
            self._report.counts["refused"] += 1
        self._report.note(self._path.name, number, field, found.get(field) if isinstance(found, dict) else None, "refused", why)


def _lines(file: Any) -> Iterator[tuple[int, bytes | None]]:
    """Numbered lines; None for one that is too long, read past without being held."""
    number = 0
    while line := file.readline(LINE_BYTES + 1):
        number += 1
        if len(line) <= LINE_BYTES:
            yield number, line
            continue
        while line and not line.endswith(b"\n"):
            line = file.readline(LINE_BYTES)
        yield number, None


def _unstorable(line: bytes) -> bool:
    return b"\\u0000" in line or (b"\\ud" in line.lower() and any(0xD800 <= ord(c) <= 0xDFFF for c in json.dumps(
        json.loads(line), ensure_ascii=False)))


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads((Path(__file__).parent / "schema.json").read_text("utf-8")))
