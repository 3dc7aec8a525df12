"""From names in files to rows: which course, batch, subject or instructor a name stands for.

Merging and renaming on the site must survive the next import of the same files. So a name that made a row
once keeps standing for it (``catalog.import_record``), and one whose row was merged away is followed by the
old slug that the merge left.
"""
from __future__ import annotations

from collections import defaultdict
from typing import Any

from builder.catalog.importers.record import NAMED, Kind, key_of
from edge.address import slugify

# Purpose: every row that a name may mean. Videos are not named by others.
_ROWS = "SELECT id, slug, {name} FROM catalog.{kind} ORDER BY id"
# Purpose: what renames and merges left; the owner may itself be gone.
_OLD_SLUGS = "SELECT slug, owner_id FROM catalog.old_slug WHERE kind = %s"
# Purpose: what names in these files stood for when they were last imported.
_IMPORTED = "SELECT kind, ref, row_id FROM catalog.import_record WHERE origin = %s AND kind <> 'video'"


class Names:
    """The rows of the four kinds that others name, by name, slug and earlier import."""

    def __init__(self, cursor: Any, origin: str, *, slugs_first: bool = False) -> None:
        self._slugs_first = slugs_first  # a format that names rows by slug means the row that has it now
        self._refs: dict[Kind, dict[str, int]] = defaultdict(dict)
        self._slugs: dict[Kind, dict[str, int]] = defaultdict(dict)
        self._old: dict[Kind, dict[str, int]] = defaultdict(dict)
        self._keys: dict[Kind, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        alive: dict[Kind, set[int]] = {}
        kinds: tuple[Kind, ...] = ("course", "subject", "instructor", "batch")
        for kind in kinds:
            cursor.execute(_ROWS.format(kind=kind, name=NAMED[kind]))
            for id, slug, name in cursor.fetchall():
                self.add(kind, id, slug, name)
            alive[kind] = set(self._slugs[kind].values())
            cursor.execute(_OLD_SLUGS, (kind,))
            self._old[kind] = {slug: owner for slug, owner in cursor.fetchall() if owner in alive[kind]}
        cursor.execute(_IMPORTED, (origin,))
        for kind, ref, row_id in cursor.fetchall():
            if row_id in alive[kind]:
                self._refs[kind][ref] = row_id

    def add(self, kind: Kind, id: int, slug: str, name: str, ref: str | None = None) -> None:
        """Let *id* be found by its slug, its name and, where given, the name it has in the files."""
        self._slugs[kind][slug] = id
        self._keys[kind][key_of(kind, name)].append(id)
        if ref is not None:
            self._refs[kind][ref] = id

    def find(self, kind: Kind, name: str) -> int | None:
        """The row that *name* stands for; None where there is none, or more than one that nothing tells apart."""
        key = key_of(kind, name)
        slug = self._slugs[kind].get(name)
        if self._slugs_first and slug is not None:
            return slug
        for known in (self._refs[kind].get(name), self._refs[kind].get(key), slug):
            if known is not None:
                return known
        same = self._keys[kind].get(key, ())
        if len(same) == 1:
            return same[0]
        return None if same else self._old[kind].get(slugify(name, ""))

    def several(self, kind: Kind, name: str) -> bool:
        """Whether more than one row bears this name."""
        return len(self._keys[kind].get(key_of(kind, name), ())) > 1
