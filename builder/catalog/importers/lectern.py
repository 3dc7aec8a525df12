"""Lectern's own format: JSON Lines, or CSV with the same fields as columns. ``docs/format.md`` describes it."""
from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import cache, lru_cache, partial
from importlib.resources import files
from pathlib import Path
from typing import Any, NoReturn

from builder.catalog import sources, text
from builder.catalog.importers import languages, links, mend
from builder.catalog.importers.cells import value_of
from builder.catalog.importers.lines import Row, Undecodable, delimiter_of, encoding, lines, rows, unguarded
from builder.catalog.importers.record import KINDS, NAMED, Kind, Record, key_of, name_key
from builder.catalog.importers.report import Report
from builder.catalog.importers.rows import moment
from edge.address import SLUG_BYTES, slugify
from edge.errors import LecternError

ORIGIN = "lectern"
ENDINGS = (".jsonl", ".ndjson", ".csv")
CAPTION_BYTES = 4_194_304
# The same rule as the database's for slugs: one that it takes stays as it is.
_NO_SLUG = re.compile(
    "[\x01-\x2c\x2e\x2f\x3a-\x60\x7b-\xa9\xab-\xb1\xb4\xb6-\xb8\xbb\xbf\xd7\xf7\u2000-\u200b\u200e-\u206f\u2190-\u2bff"
    "\u3000-\u3004\u3008-\u3020\ue000-\uf8ff\ufe00-\ufe1f\ufeff\ufff0-\uffff]|^-|-$|--")
_OWN = frozenset({"kind", "id", "version", "slug", "old_slugs", "why", "words_at"})
_SAME = frozenset({"description_markup", "title", "name", "course", "batch", "gated", "position", "status", "subjects", "instructors"})


class Unusable(LecternError):
    """A file that cannot be read as Lectern's own format at all; the message says where and why."""


class Lines:
    """A JSON Lines or CSV file; iterating it yields records in the order of the file."""

    origin = ORIGIN
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
        return path.is_file() and path.suffix.lower() in ENDINGS

    def __iter__(self) -> Iterator[Record]:
        found = self._rows() if self.path.suffix.lower() == ".csv" else self._objects()
        for line, values in found:
            record = self._record(line, values)
            if record is not None:
                yield record

    def _objects(self) -> Iterator[tuple[int, dict[str, Any]]]:
        for line in lines(self.path):
            try:
                if line.fault:
                    raise ValueError(line.fault)
                found = json.loads(line.text, parse_constant=_no_number)
                if not isinstance(found, dict):
                    raise ValueError("a line is one JSON object")
            except (ValueError, RecursionError) as wrong:
                self.report.refuse("video", self.path.name, line.number, "", line.text, f"cannot be read: {wrong}")
                continue
            yield line.number, found

    def _rows(self) -> Iterator[tuple[int, dict[str, Any]]]:
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
                self.report.refuse("video", self.path.name, row.number, "", row.cells[0], row.fault)
            else:
                cells = {name: unguarded(cell) for name, cell in zip(header, row.cells, strict=False) if name}
                found = self._typed(row.number, cells)
                if found is not None:
                    yield row.number, found

    def _header(self, row: Row, delimiter: str) -> list[str]:
        names = [cell.strip().lower() for cell in row.cells]
        if row.fault or not {"title", "name"} & set(names):
            raise Unusable(f"{self.path}: the first line names no column of the format: {delimiter.join(row.cells)[:120]!r}")
        twice = [name for name, times in Counter(names).items() if name and times > 1]
        if twice:
            raise Unusable(f"{self.path}: two columns are called {twice[0]!r}: rename or delete one.")
        for name in names:
            if name and name not in columns():
                self.report.note(self.path.name, row.number, name, name, "mended", "column left out: no such field")
        return [name if name in columns() else "" for name in names]

    def _typed(self, line: int, cells: dict[str, str]) -> dict[str, Any] | None:
        kind = cells.get("kind", "").strip().lower() or "video"
        known = fields(kind) if kind in KINDS else frozenset[str]()
        found: dict[str, Any] = {"kind": kind}
        for name, cell in cells.items():
            if name == "kind" or (name not in known and cell == ""):
                continue
            try:
                found.update(value_of(name, cell))
            except ValueError as wrong:
                self.report.refuse(kind, self.path.name, line, name, cell, str(wrong))
                return None
        return found

    def _record(self, line: int, found: dict[str, Any]) -> Record | None:
        file = self.path.name
        kind = found.get("kind", "video")
        if kind not in KINDS:
            self.report.refuse("video", file, line, "kind", kind, f"kind is one of {', '.join(KINDS)}")
            return None
        found = {"kind": kind} | found
        unknown = sorted(found.keys() - fields(kind))
        if unknown:
            self.report.refuse(kind, file, line, unknown[0], found[unknown[0]], f"a {kind} has no such field: {', '.join(unknown)}")
            return None
        missing = [name for name in schema()["$defs"][kind]["required"] if found.get(name) is None]
        if missing:
            self.report.refuse(kind, file, line, missing[0], "", f"{missing[0]} is missing")
            return None
        wrong = [(".".join(str(step) for step in error.absolute_path), error) for error in checks(kind).iter_errors(found)]
        for place, error in wrong[:1]:
            self.report.refuse(kind, file, line, place, error.instance if place else "", _said(error))
        if wrong:
            return None
        try:
            return self._made(kind, line, found)
        except ValueError as fault:
            field, _, why = str(fault).partition("|")
            self.report.refuse(kind, file, line, field if why else "", found.get(field), why or str(fault))
            return None

    def _made(self, kind: Kind, line: int, found: dict[str, Any]) -> Record:
        file = self.path.name
        values = _Values(found, partial(self._note, line)).made()
        name = values.get(NAMED[kind])
        if not name:
            raise ValueError(f"{NAMED[kind]}|{NAMED[kind]} is missing")
        slug = self._slug(line, found.get("slug"), kind)
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
        first = self._lines_of.setdefault(f"{kind} {ref}", line)
        if first != line:
            raise ValueError(f"slug|line {first} is about the same {kind} already")
        only_new: dict[str, Any] = {"version": found["version"]} if found.get("version") else {}
        if found.get("old_slugs"):
            only_new["old_slugs"] = [old for old in found["old_slugs"] if _is_slug(old)]
        if found.get("words_at"):
            only_new["words_at"] = moment(found["words_at"])
        return Record(
            kind, ref, file, line, values, wish=slugify(name, kind), id=found.get("id"), slug=slug, version=found.get("version"),
            by_name=kind != "video" and slug is None and found.get("id") is None, only_new=only_new)

    def _slug(self, line: int, slug: str | None, kind: Kind) -> str | None:
        if slug is None:
            return None
        if _is_slug(slug):
            return slug
        made = slugify(slug, "")
        if not made:
            raise ValueError("slug|no letter or digit in it")
        if made != slug:
            self._note(line, "slug", slug, f"made a slug: {made}")
        return made

    def _note(self, line: int, field: str, value: object, why: str) -> None:
        self.report.note(self.path.name, line, field, value, "mended", why)


class _Values:
    """The values of one record, mended; names of fields as the catalog has them."""

    def __init__(self, found: dict[str, Any], note: mend.Note) -> None:
        self._found = found
        self._note = note

    def made(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, value in self._found.items():
            if name not in _OWN:
                values[name] = getattr(self, f"_{name}")(value) if name not in _SAME else self._same(name, value)
        if "description" in values and "description_markup" not in values:
            values["description_markup"] = text.detect_markup(values["description"])
        if values.get("status") == "scheduled" and not values.get("publish_at"):
            raise ValueError("publish_at|a scheduled video needs publish_at")
        if values.get("starts_on") and values.get("ends_on") and values["ends_on"] < values["starts_on"]:
            raise ValueError("ends_on|it ends before it starts")
        return values

    def _same(self, name: str, value: Any) -> Any:
        if name in ("title", "name"):
            return mend.line(name, value, self._note, exact=True)
        if name in ("subjects", "instructors"):
            lined = [line for item in value if (line := mend.line(name, item, self._note, exact=True))]
            return list(dict.fromkeys(lined))
        if name in ("course", "batch"):
            if not (line := mend.line(name, value, self._note, exact=True)):
                raise ValueError(f"{name}|{name} is missing")
            return line
        return value

    def _description(self, value: Any) -> str:
        return mend.words("description", value, self._note, exact=True)

    def _licence(self, value: Any) -> str:
        return mend.licence("licence", value, self._note)

    def _url(self, value: Any) -> str | None:
        return mend.url("url", value, self._note, exact=True)

    def _picture_url(self, value: Any) -> str | None:
        return mend.url("picture_url", value, self._note, exact=True)

    def _starts_on(self, value: Any) -> str | None:
        return mend.day("starts_on", value, self._note)

    def _ends_on(self, value: Any) -> str | None:
        return mend.day("ends_on", value, self._note)

    def _recorded_on(self, value: Any) -> str | None:
        return mend.day("recorded_on", value, self._note)

    def _publish_at(self, value: Any) -> str | None:
        return moment(value) if value else None

    def _language(self, value: Any) -> str | None:
        return mend.language("language", value, self._note)

    def _duration_s(self, value: Any) -> int | None:
        return mend.seconds("duration_s", value, self._note)

    def _sources(self, value: list[Any]) -> list[list[Any]]:
        made: list[list[Any]] = []
        for item in value:
            if isinstance(item, str):
                if (url := mend.url("sources", item, self._note, exact=True)) is not None:
                    made.append([*sources.parse(url)])
            elif (url := mend.url("sources", item[1], self._note, exact=True)) is not None:
                made.append([item[0], url, item[2]])
        return made

    def _resources(self, value: list[Any]) -> list[list[str]]:
        made: list[list[str]] = []
        for item in value:
            label, address = (None, item) if isinstance(item, str) else item
            if (url := mend.url("resources", address, self._note, exact=True)) is not None:
                made.append([mend.line("resources", label, self._note, exact=True) or url, url])
        return made

    def _aliases(self, value: list[str]) -> list[str]:
        for path in value:
            if not links.is_alias(path):
                self._note("aliases", path, "left out: an old address is a path such as /video/481/some-talk")
        return [path for path in value if links.is_alias(path)]

    def _captions(self, value: list[list[str]]) -> list[list[str]]:
        made: dict[tuple[str, str], str] = {}
        for code, kind, body in value:
            if (tag := languages.tag(code)) is None:
                self._note("captions", code, "captions left out: no language tag (BCP 47)")
                continue
            made[tag, kind] = mend.words("captions", body, self._note, exact=True, limit_bytes=CAPTION_BYTES)
        return [[language, kind, body] for (language, kind), body in made.items()]


@lru_cache(maxsize=1)
def schema() -> dict[str, Any]:
    """The format's JSON Schema, as shipped."""
    found: dict[str, Any] = json.loads(files("builder.catalog.importers").joinpath("schema.json").read_bytes())
    return found


@cache
def checks(kind: str) -> Any:
    """A validator of records of one kind."""
    from jsonschema import Draft202012Validator

    return Draft202012Validator({"$defs": schema()["$defs"], "$ref": f"#/$defs/{kind}"})


@cache
def fields(kind: str) -> frozenset[str]:
    """The fields that records of a kind may have."""
    return frozenset(schema()["$defs"][kind]["properties"])


@lru_cache(maxsize=1)
def columns() -> frozenset[str]:
    """The fields of all kinds: the columns of a CSV file."""
    return frozenset().union(*(fields(kind) for kind in KINDS))


def _said(error: Any) -> str:
    return re.sub(r"^(.{120}).*(?= (?:is|does|was|has|should)\b)", r"\1…", str(error.message), flags=re.DOTALL)[:300]


def _is_slug(slug: str) -> bool:
    fits = not _NO_SLUG.search(slug) and len(slug.encode()) <= SLUG_BYTES
    return fits and slug == slug.lower() and unicodedata.is_normalized("NFC", slug)


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")
