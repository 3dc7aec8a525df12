"""What is known of a whole set of files before its first row is written.

Slugs, spellings and numbers must not depend on which file was read first, so the records are read once,
kept in a temporary file, and written when all their names are known.
"""
from __future__ import annotations

import pickle
import tempfile
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator

from builder.catalog.importers.record import KINDS, NAMED, Kind, Record, key_of
from builder.catalog.importers.report import Report
from edge.address import slugify

CHUNK = 500  # records written in one statement: a batch or two, and little to do again when one of them fails
_SHOWN = 10  # other records that a line of the report names
_IMPLIED: dict[Kind, tuple[tuple[str, Kind], ...]] = {
    "video": (("subjects", "subject"), ("instructors", "instructor"), ("batch", "batch")),
    "batch": (("course", "course"),),
}


class Survey:
    """Records in a temporary file by kind, and the names that they use. A context manager."""

    def __init__(self) -> None:
        self.wishes: dict[Kind, list[tuple[str, str]]] = defaultdict(list)  # (ref, wished slug)
        self.spellings: dict[Kind, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
        self._first: dict[tuple[Kind, str, str], tuple[str, int | None]] = {}
        self._files = {kind: tempfile.TemporaryFile() for kind in KINDS}  # noqa: SIM115 closed by close()
        self._waiting: dict[Kind, list[Record]] = defaultdict(list)
        self._plays: dict[str, list[tuple[str, int | None]]] = defaultdict(list)  # an address -> the records it stands in

    def __enter__(self) -> Survey:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()

    def add(self, record: Record) -> None:
        """Keep *record* for writing, and what it names."""
        self.wishes[record.kind].append((record.ref, record.slug or record.wish))
        for field, kind in _IMPLIED.get(record.kind, ()):
            named = record.values.get(field)
            for name in named if isinstance(named, list) else [named] if named else ():
                self._name(kind, name, record)
        for _, url, _ in record.values.get("sources") or ():
            self._plays[url].append((record.file, record.line))
        waiting = self._waiting[record.kind]
        if len(waiting) >= CHUNK and (record.kind != "video" or waiting[-1].values.get("batch") != record.values.get("batch")):
            self._flush(record.kind)
        self._waiting[record.kind].append(record)

    def chunks(self, kind: Kind) -> Iterator[list[Record]]:
        """The kept records of a kind, in the order they came, a few hundred at a time."""
        self._flush(kind)
        file = self._files[kind]
        file.seek(0)
        while True:
            try:
                yield pickle.load(file)
            except EOFError:
                return

    def spelling(self, kind: Kind, key: str) -> str:
        """The spelling most used for a name, and of two used as often the first in order; single spaces."""
        return " ".join(min(self.spellings[kind][key].items(), key=lambda item: (-item[1], item[0]))[0].split())

    def first(self, kind: Kind, key: str) -> tuple[str, int | None]:
        """File and line of the first record that uses a name, in any spelling."""
        return min((self._first[kind, key, name] for name in self.spellings[kind][key]), key=lambda place: (place[0], place[1] or 0))

    def report_names(self, report: Report, *, slugs: bool = False) -> None:
        """Note each spelling that was joined with another, and names so alike that somebody should look.

        *slugs*: names may be slugs, which are nobody's spelling.
        """
        alike: dict[tuple[Kind, str], list[str]] = defaultdict(list)
        for kind in ("subject", "instructor"):
            for key, spellings in self.spellings[kind].items():
                if slugs and all(slugify(name, "") == name for name in spellings):
                    continue
                chosen = self.spelling(kind, key)
                for name in sorted(name for name in spellings if name != chosen):
                    file, line = self._first[kind, key, name]
                    report.note(file, line, f"{kind}s", name, "mended",
                                f"taken for {chosen!r}, which differs only in case, spaces or signs")
                alike[kind, _folded(key)].append(key)
        for (kind, _), keys in alike.items():
            if len(keys) > 1 and kind == "instructor":
                names = sorted(self.spelling(kind, key) for key in keys)
                file, line = min(self.first(kind, key) for key in keys)
                report.note(file, line, "instructors", " / ".join(names), "kept",
                            "differ only in accents or points: merge them if they are one person")

    def report_shared(self, report: Report) -> None:
        """Note each address that is a source of more than one video: talks of one session, or one talk twice."""
        for url, places in self._plays.items():
            if len(set(places)) > 1:
                file, line = places[0]
                others = ", ".join(f"{other}:{at}" if at else other for other, at in sorted(set(places) - {places[0]})[:_SHOWN])
                report.note(file, line, "sources", url, "kept",
                            f"a source of {len(set(places))} videos, of {others} too; each has its page")

    def _name(self, kind: Kind, name: str, record: Record) -> None:
        key = key_of(kind, name)
        self.spellings[kind][key][name] += 1
        self._first.setdefault((kind, key, name), (record.file, record.line))

    def _flush(self, kind: Kind) -> None:
        if self._waiting[kind]:
            pickle.dump(self._waiting.pop(kind), self._files[kind], pickle.HIGHEST_PROTOCOL)


def named(record: Record) -> str:
    """The title or name of a record, "" where it gives none."""
    return str(record.values.get(NAMED[record.kind]) or "")


def _folded(key: str) -> str:
    """A key without accents of Latin, Greek and Cyrillic letters, points, hyphens and spaces."""
    bare = (c for c in unicodedata.normalize("NFKD", key) if not "\u0300" <= c <= "\u036f")
    return "".join(c for c in bare if c.isalnum() or unicodedata.category(c)[0] == "M")
