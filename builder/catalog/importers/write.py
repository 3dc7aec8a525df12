"""Records into PostgreSQL: each merged with what stands there, a few hundred in one savepoint, a bad one alone refused."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import psycopg2

from builder.catalog.importers import rows, slugs
from builder.catalog.importers.course import course_title
from builder.catalog.importers.match import Base, bases, matches
from builder.catalog.importers.merge import merge, remembered
from builder.catalog.importers.names import Names
from builder.catalog.importers.places import Places
from builder.catalog.importers.record import NAMED, Kind, Record, key_of
from builder.catalog.importers.report import Outcome, Report
from builder.catalog.importers.resolve import base_form, drop_taken_aliases, resolved
from builder.catalog.importers.survey import CHUNK, Survey
from edge.address import slugify

# Purpose: every record that earlier imports of these files brought in.
_REFS = "SELECT ref FROM catalog.import_record WHERE origin = %s AND kind = %s"
_WITHDRAW = """
    UPDATE catalog.video v SET status = 'withdrawn' FROM catalog.import_record r
    WHERE r.origin = %s AND r.kind = 'video' AND r.ref = ANY(%s) AND v.id = r.row_id AND v.status <> 'withdrawn'"""
_WITHDRAWN = """
    UPDATE catalog.import_record SET wrote = wrote || '{"status": "withdrawn"}'
    WHERE origin = %s AND kind = 'video' AND ref = ANY(%s) AND wrote->>'status' <> 'withdrawn'"""
_REFUSALS = (psycopg2.DataError, psycopg2.IntegrityError, ValueError)
_DRY_IDS = 1 << 38  # that all tables take, and no sequence reaches
_Written = list[tuple[str, int, dict[str, Any]]]  # (ref, row's id, values to remember)


@dataclass(slots=True)
class _Done:
    """What one chunk did, told to the report once it is certain."""

    counts: list[Outcome] = field(default_factory=list)
    kept: list[tuple[Record, str, object, str]] = field(default_factory=list)
    refused: list[tuple[Record, str]] = field(default_factory=list)
    named: list[tuple[int, str, str, str]] = field(default_factory=list)  # (id, slug, name, ref)


class Writer:
    """Writes the records of one survey, all in the caller's transaction.

    *dry*: the transaction will be taken back. Sequences are not, so ids come from elsewhere.
    """

    def __init__(
        self, cursor: Any, origin: str, survey: Survey, report: Report, *, slugs_first: bool = False, dry: bool = False
    ) -> None:
        self._dry_ids = count(_DRY_IDS) if dry else None
        self._cursor = cursor
        self._origin = origin
        self._survey = survey
        self._report = report
        self._names = Names(cursor, origin, slugs_first=slugs_first)
        self._places = Places(cursor, origin)
        self._slugs: dict[Kind, dict[str, str]] = {}

    def write(self) -> Iterator[int]:
        """Write everything; yields after each step how many videos it held."""
        kinds: tuple[Kind, ...] = ("course", "subject", "instructor", "batch", "video")
        for kind in kinds:
            self._cursor.execute(_REFS, (self._origin, kind))
            known = {ref for (ref,) in self._cursor.fetchall()}
            self._slugs[kind] = slugs.allot(
                self._cursor, kind, [wish for wish in self._survey.wishes[kind] if wish[0] not in known])
            for chunk in self._survey.chunks(kind):
                self._write(kind, chunk)
                if kind == "video":
                    yield len(chunk)
            if kind != "video":
                self._write_implied(kind)

    def withdraw(self, refs: Sequence[str]) -> None:
        """Take videos off the site that a list of things not to publish names."""
        self._cursor.execute(_WITHDRAW, (self._origin, list(refs)))
        self._report.others["video withdrawn"] += self._cursor.rowcount
        self._cursor.execute(_WITHDRAWN, (self._origin, list(refs)))

    def _write_implied(self, kind: Kind) -> None:
        """Rows for names that records use and no row bears yet; a batch's course too."""
        spellings = self._survey.spellings[kind]
        new = [key for key in sorted(spellings) if all(self._names.find(kind, name) is None for name in spellings[key])]
        records = [self._implied(kind, key) for key in new]
        if kind == "batch":
            courses = {course for record in records
                       if self._names.find("course", course := record.values["course"]) is None}
            self._add("course", [
                Record("course", key_of("course", title), "", None, {"title": title}, wish=slugify(title, "course"))
                for title in sorted(courses)])
        self._add(kind, records)

    def _implied(self, kind: Kind, key: str) -> Record:
        name = self._survey.spelling(kind, key)
        values = {NAMED[kind]: name}
        if kind == "batch":
            values["course"] = course_title(name)
        file, line = self._survey.first(kind, key)
        if kind == "batch":
            self._report.note(file, line, kind, name, "mended", f"no batch is called so: one was made, in the course {values['course']!r}")
        if self._names.several(kind, name):
            self._report.note(file, line, kind, name, "kept", f"more than one {kind} bears this name, so another was made: merge them")
        return Record(kind, key, file, line, values, wish=slugify(name, kind))

    def _add(self, kind: Kind, records: list[Record]) -> None:
        self._slugs[kind] |= slugs.allot(self._cursor, kind, [(record.ref, record.wish) for record in records])
        for start in range(0, len(records), CHUNK):
            self._write(kind, records[start:start + CHUNK])

    def _write(self, kind: Kind, chunk: list[Record]) -> None:
        """Write a chunk; where the database refuses it, its halves, so that in the end only the bad record is out."""
        try:
            with self._savepoint():
                done = self._write_chunk(kind, chunk)
        except _REFUSALS as wrong:
            if len(chunk) > 1:
                self._write(kind, chunk[:len(chunk) // 2])
                self._write(kind, chunk[len(chunk) // 2:])
                return
            done = _Done(refused=[(chunk[0], _sentence(wrong))])
        for id, slug, name, ref in done.named:
            self._names.add(kind, id, slug, name, ref)
        for record, field_, value, why in done.kept:
            self._report.note(record.file, record.line, field_, value, "kept", why)
        for record, why in done.refused:
            self._report.refuse(kind, record.file, record.line, [("", record.ref, why)])
        if kind == "video":
            self._report.counts.update(done.counts)
        else:
            self._report.others.update(f"{kind} {outcome}" for outcome in done.counts)

    def _write_chunk(self, kind: Kind, chunk: list[Record]) -> _Done:
        done = _Done()
        known = bases(self._cursor, self._origin, kind, chunk)
        found = matches(self._cursor, kind, chunk, known, self._names)
        fresh: list[Record] = []
        standing: list[tuple[Record, int]] = []
        for record in chunk:
            base = known.get(record.ref)
            if base is not None and not base.stands:
                done.counts.append("unchanged")
                done.kept.append((record, "", record.ref, f"this {kind} was deleted or merged here since the last import, and stays so"))
            elif base is not None and _said_before(record, base):
                done.counts.append("unchanged")
            elif record.ref in found:
                standing.append((record, found[record.ref]))
            else:
                fresh.append(record)
        written = self._insert(kind, fresh, chunk, done) if fresh else []
        if standing:
            written += self._merge(kind, standing, known, done)
        rows.remember(self._cursor, self._origin, kind, written)
        return done

    def _insert(self, kind: Kind, fresh: list[Record], chunk: list[Record], done: _Done) -> _Written:
        ready: list[tuple[Record, dict[str, Any]]] = []
        for record in fresh:
            try:
                ready.append((record, resolved(record.values, self._names)))
            except ValueError as wrong:
                done.refused.append((record, str(wrong)))
        if kind == "video":
            self._places.give(
                [(record.ref, self._names.find("batch", record.values.get("batch", ""))) for record in chunk],
                {record.ref: values for record, values in ready})
            self._drop_aliases([(record, values, None) for record, values in ready], done)
        made = self._dry_ids or iter(rows.new_ids(self._cursor, kind, sum(record.id is None for record, _ in ready)))
        inserted = [
            rows.Row(next(made) if record.id is None else record.id, self._slugs[kind][record.ref], values | record.only_new)
            for record, values in ready
        ]
        if inserted:
            rows.insert(self._cursor, kind, inserted)
        if self._dry_ids is None and any(record.id is not None for record, _ in ready):
            rows.raise_sequence(self._cursor, kind)
        done.counts.extend("added" for _ in inserted)
        if kind != "video":
            done.named.extend(
                (row.id, row.slug, row.values[NAMED[kind]], record.ref) for row, (record, _) in zip(inserted, ready, strict=True))
        return [
            (record.ref, row.id, {name: remembered(value) for name, value in _said(record).items()})
            for row, (record, _) in zip(inserted, ready, strict=True)
        ]

    def _merge(self, kind: Kind, standing: list[tuple[Record, int]], known: dict[str, Base], done: _Done) -> _Written:
        now = rows.current(self._cursor, kind, [row_id for _, row_id in standing])
        written: _Written = []
        for record, row_id in standing:
            base, said = known.get(record.ref), _said(record)
            try:
                values = resolved(said, self._names)
            except ValueError as wrong:
                done.refused.append((record, str(wrong)))
                continue
            self._drop_aliases([(record, values, row_id)], done)
            merged = merge(values, None if base is None else base_form(base.wrote, self._names), now[row_id],
                           known_version=record.version is None or record.version >= now[row_id]["version"])
            if merged.changes:
                rows.update(self._cursor, kind, row_id, merged.changes)
            done.counts.append("changed" if merged.changes else "unchanged")
            done.kept.extend((record, name, said[name], "changed here since the last import: the value here stays") for name in merged.kept)
            if base is not None or merged.changes:
                wrote = {**(base.wrote if base else {}), **{name: remembered(said[name]) for name in merged.took}}
                if base is None or wrote != base.wrote:
                    written.append((record.ref, row_id, wrote))
        return written

    def _drop_aliases(self, records: list[tuple[Record, dict[str, Any], int | None]], done: _Done) -> None:
        for record, path in drop_taken_aliases(self._cursor, records):
            done.kept.append((record, "alias", path, "this old address leads to another video already"))

    @contextmanager
    def _savepoint(self) -> Iterator[None]:
        self._cursor.execute("SAVEPOINT chunk")
        try:
            yield
        except _REFUSALS:
            self._cursor.execute("ROLLBACK TO SAVEPOINT chunk")
            raise
        finally:
            self._cursor.execute("RELEASE SAVEPOINT chunk")


def _said(record: Record) -> dict[str, Any]:
    return record.values if record.slug is None else {**record.values, "slug": record.slug}


def _said_before(record: Record, base: Base) -> bool:
    said = _said(record)
    return all(name in base.wrote and base.wrote[name] == remembered(value) for name, value in said.items())


def _sentence(wrong: Exception) -> str:
    if isinstance(wrong, psycopg2.Error) and wrong.diag.message_primary:
        hint = f" {wrong.diag.message_hint}" if wrong.diag.message_hint else ""
        return f"the database refuses it: {wrong.diag.message_primary}.{hint}"
    return str(wrong).strip()
