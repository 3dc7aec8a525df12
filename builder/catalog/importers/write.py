"""Records into PostgreSQL: each merged with what stands there, a few hundred in one savepoint, a bad one alone refused."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg2

from builder.catalog.importers import rows, slugs
from builder.catalog.importers.course import course_title
from builder.catalog.importers.merge import merge, remembered
from builder.catalog.importers.names import Names
from builder.catalog.importers.places import Places
from builder.catalog.importers.record import NAMED, Kind, Record, key_of
from builder.catalog.importers.report import Outcome, Report
from builder.catalog.importers.survey import Survey
from edge.address import slugify

# Purpose: what records became when they were last imported, and whether those rows still stand.
_BASES = """
    SELECT r.ref, r.row_id, r.wrote, t.id IS NOT NULL
    FROM catalog.import_record r LEFT JOIN catalog.{kind} t ON t.id = r.row_id
    WHERE r.origin = %s AND r.kind = '{kind}' AND r.ref = ANY(%s)"""
# Purpose: every record that earlier imports of these files brought in.
_REFS = "SELECT ref FROM catalog.import_record WHERE origin = %s AND kind = %s"
# Purpose: videos that a record may mean by id or by slug, present or former.
_VIDEOS = """
    SELECT id, slug, title, slug FROM catalog.video WHERE id = ANY(%(ids)s) OR slug = ANY(%(slugs)s)
    UNION ALL
    SELECT v.id, v.slug, v.title, o.slug FROM catalog.old_slug o JOIN catalog.video v ON v.id = o.owner_id
    WHERE o.kind = 'video' AND o.slug = ANY(%(slugs)s)"""
_ALIASES = "SELECT path, video_id FROM catalog.alias WHERE path = ANY(%s)"
_WITHDRAW = """
    UPDATE catalog.video v SET status = 'withdrawn' FROM catalog.import_record r
    WHERE r.origin = %s AND r.kind = 'video' AND r.ref = ANY(%s) AND v.id = r.row_id AND v.status <> 'withdrawn'"""
_WITHDRAWN = """
    UPDATE catalog.import_record SET wrote = wrote || '{"status": "withdrawn"}'
    WHERE origin = %s AND kind = 'video' AND ref = ANY(%s) AND wrote->>'status' <> 'withdrawn'"""
_NAME_LISTS: dict[str, Kind] = {"subjects": "subject", "instructors": "instructor"}
_PARENTS: dict[str, Kind] = {"batch": "batch", "course": "course"}
_REFUSALS = (psycopg2.DataError, psycopg2.IntegrityError, ValueError)


@dataclass(slots=True)
class _Done:
    """What one chunk did, told to the report once it is certain."""

    counts: list[Outcome] = field(default_factory=list)
    notes: list[tuple[Record, str, object, str]] = field(default_factory=list)
    refused: list[tuple[Record, str]] = field(default_factory=list)
    named: list[tuple[Kind, int, str, str, str]] = field(default_factory=list)


@dataclass(slots=True)
class _Base:
    row_id: int
    wrote: dict[str, Any]
    stands: bool


class Writer:
    """Writes the records of one survey, all in the caller's transaction."""

    def __init__(self, cursor: Any, origin: str, survey: Survey, report: Report) -> None:
        self._cursor = cursor
        self._origin = origin
        self._survey = survey
        self._report = report
        self._names = Names(cursor, origin)
        self._places = Places(cursor)
        self._slugs: dict[Kind, dict[str, str]] = {}

    def write(self) -> Iterator[int]:
        """Write everything; yields after each step how many videos it held."""
        for kind in ("course", "subject", "instructor", "batch"):
            self._allot(kind, self._survey.wishes[kind])
            for chunk in self._survey.chunks(kind):
                self._write(kind, chunk)
            self._write_implied(kind)
        self._allot("video", self._survey.wishes["video"])
        for chunk in self._survey.chunks("video"):
            self._write("video", chunk)
            yield len(chunk)

    def withdraw(self, refs: Sequence[str]) -> None:
        """Take videos off the site that a list of things not to publish names."""
        self._cursor.execute(_WITHDRAW, (self._origin, list(refs)))
        self._report.others["video withdrawn"] += self._cursor.rowcount
        self._cursor.execute(_WITHDRAWN, (self._origin, list(refs)))

    def _allot(self, kind: Kind, wishes: Sequence[tuple[str, str]]) -> None:
        self._cursor.execute(_REFS, (self._origin, kind))
        known = {ref for (ref,) in self._cursor.fetchall()}
        self._slugs[kind] = slugs.allot(self._cursor, kind, [wish for wish in wishes if wish[0] not in known])

    def _write_implied(self, kind: Kind) -> None:
        """Rows for names that records use and no row bears yet."""
        spellings = self._survey.spellings[kind]
        new = [key for key in sorted(spellings) if all(self._names.find(kind, name) is None for name in spellings[key])]
        records = [self._implied(kind, key) for key in new]
        if kind == "batch" and records:
            courses = {record.values["course"] for record in records if self._names.find("course", record.values["course"]) is None}
            self._insert_implied("course", [
                Record("course", key_of("course", title), "", None, {"title": title}, wish=slugify(title, "course")) for title in sorted(courses)])
        self._insert_implied(kind, records)

    def _implied(self, kind: Kind, key: str) -> Record:
        name = self._survey.spelling(kind, key)
        values = {NAMED[kind]: name}
        if kind == "batch":
            values["course"] = course_title(name)
        file, line = self._survey.first(kind, key, name)
        if self._names.several(kind, name):
            self._report.note(file, line, kind, name, "kept", f"more than one {kind} bears this name, so another was made: merge them")
        return Record(kind, key, file, line, values, wish=slugify(name, kind))

    def _insert_implied(self, kind: Kind, records: list[Record]) -> None:
        given = slugs.allot(self._cursor, kind, [(record.ref, record.wish) for record in records])
        self._slugs.setdefault(kind, {}).update(given)
        for start in range(0, len(records), 500):
            self._write(kind, records[start:start + 500])

    def _write(self, kind: Kind, chunk: list[Record]) -> None:
        """Write a chunk; where the database refuses it, its halves, so that in the end only the bad record is out."""
        try:
            with self._savepoint():
                done = self._write_chunk(kind, chunk)
        except _REFUSALS as wrong:
            if len(chunk) > 1:
                middle = len(chunk) // 2
                self._write(kind, chunk[:middle])
                self._write(kind, chunk[middle:])
                return
            done = _Done(refused=[(chunk[0], _sentence(wrong))])
        for named in done.named:
            self._names.add(named[0], named[1], named[2], named[3], ref=named[4])
        for record, field_, value, why in done.notes:
            self._report.note(record.file, record.line, field_, value, "kept", why)
        for record, why in done.refused:
            self._report.refuse(record, why)
        if kind == "video":
            self._report.counts.update(done.counts)
        else:
            self._report.others.update(f"{kind} {outcome}" for outcome in done.counts)

    def _write_chunk(self, kind: Kind, chunk: list[Record]) -> _Done:
        done = _Done()
        bases = self._bases(kind, chunk)
        matches = self._matches(kind, chunk, bases, done)
        fresh: list[Record] = []
        standing: list[tuple[Record, int]] = []
        for record in chunk:
            base = bases.get(record.ref)
            if base is not None and not base.stands:
                done.counts.append("unchanged")
                done.notes.append((record, "", record.ref, f"this {kind} was deleted or merged here since the last import; it stays so"))
            elif base is not None and all(name in base.wrote and base.wrote[name] == remembered(value) for name, value in record.values.items()):
                done.counts.append("unchanged")
            elif (row_id := matches.get(record.ref)) is not None:
                standing.append((record, row_id))
            else:
                fresh.append(record)
        written = [*self._insert(kind, fresh, done), *self._merge(kind, standing, bases, done)]
        rows.remember(self._cursor, self._origin, kind, written)
        return done

    def _insert(self, kind: Kind, fresh: list[Record], done: _Done) -> list[tuple[str, int, dict[str, Any]]]:
        ready: list[tuple[Record, dict[str, Any]]] = []
        for record in fresh:
            try:
                ready.append((record, self._resolved(record.values)))
            except ValueError as wrong:
                done.refused.append((record, str(wrong)))
        if kind == "video":
            self._places.give(ready)
            self._drop_taken_aliases(ready, {}, done)
        made = rows.new_ids(self._cursor, kind, sum(1 for record, _ in ready if record.id is None))
        inserted = [
            rows.Row(made.pop(0) if record.id is None else record.id, self._slugs[kind][record.ref], values) for record, values in ready
        ]
        if inserted:
            rows.insert(self._cursor, kind, inserted)
        if any(record.id is not None for record, _ in ready):
            rows.raise_sequence(self._cursor, kind)
        done.counts.extend("added" for _ in inserted)
        if kind != "video":
            done.named.extend((kind, row.id, row.slug, row.values[NAMED[kind]], record.ref)
                              for row, (record, _) in zip(inserted, ready, strict=True))
        return [(record.ref, row.id, remembered_all(record.values)) for row, (record, _) in zip(inserted, ready, strict=True)]

    def _merge(self, kind: Kind, standing: list[tuple[Record, int]], bases: dict[str, _Base], done: _Done
               ) -> list[tuple[str, int, dict[str, Any]]]:
        if not standing:
            return []
        now = rows.current(self._cursor, kind, [row_id for _, row_id in standing])
        written: list[tuple[str, int, dict[str, Any]]] = []
        for record, row_id in standing:
            base = bases.get(record.ref)
            row = now[row_id]
            try:
                said = self._resolved(record.values)
            except ValueError as wrong:
                done.refused.append((record, str(wrong)))
                continue
            if kind == "video":
                self._drop_taken_aliases([(record, said)], {record.ref: row_id}, done)
            if record.slug is not None:
                said["slug"] = record.slug
            before = None if base is None else {name: self._base_form(name, value) for name, value in base.wrote.items()}
            merged = merge(said, before, row, known_version=record.version in (None, row["version"]))
            if merged.changes:
                rows.update(self._cursor, kind, row_id, merged.changes)
            done.counts.append("changed" if merged.changes else "unchanged")
            for name in merged.kept:
                done.notes.append((record, name, record.values.get(name, said.get(name)), "changed here since the last import: the value here stays"))
            if base is not None or merged.changes:
                raw = {**record.values, **({"slug": record.slug} if record.slug is not None else {})}
                wrote = {**(base.wrote if base else {}), **{name: remembered_for(name, raw[name]) for name in merged.took}}
                if base is None or wrote != base.wrote:
                    written.append((record.ref, row_id, wrote))
        return written

    def _resolved(self, values: dict[str, Any]) -> dict[str, Any]:
        """The values with names turned into ids. Raises ValueError where a batch or course is not there."""
        resolved = dict(values)
        for name, kind in _PARENTS.items():
            if name in values:
                found = self._names.find(kind, values[name])
                if found is None:
                    raise ValueError(f"its {name} {values[name]!r} is not in the catalog: it was refused, or deleted here")
                resolved[name] = found
        for name, kind in _NAME_LISTS.items():
            if name in values:
                ids = [found for item in values[name] if (found := self._names.find(kind, item)) is not None]
                resolved[name] = sorted(set(ids)) if name == "subjects" else list(dict.fromkeys(ids))
        if "aliases" in values:
            resolved["aliases"] = sorted(set(values["aliases"]))
        return resolved

    def _base_form(self, name: str, value: Any) -> Any:
        try:
            return remembered(self._resolved({name: value})[name])
        except ValueError:
            return None

    def _drop_taken_aliases(self, ready: list[tuple[Record, dict[str, Any]]], owners: dict[str, int], done: _Done) -> None:
        """An old address leads to one video: the first that had it."""
        asked = [path for _, values in ready for path in values.get("aliases") or ()]
        if not asked:
            return
        self._cursor.execute(_ALIASES, (asked,))
        taken = dict(self._cursor.fetchall())
        for record, values in ready:
            for path in list(values.get("aliases") or ()):
                owner = owners.get(record.ref, -1)
                if taken.setdefault(path, owner) != owner or (owner == -1 and asked.count(path) > 1 and path in self._dropped(asked, path)):
                    values["aliases"].remove(path)
                    done.notes.append((record, "aliases", path, "this old address leads to another video already"))
