"""A new video's place in its batch, where its file names none: after the record before it, and nobody moves."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

# Purpose: the places of videos that the same files brought in before.
_PLACES = """
    SELECT r.ref, v.position FROM catalog.import_record r JOIN catalog.video v ON v.id = r.row_id
    WHERE r.origin = %s AND r.kind = 'video' AND r.ref = ANY(%s)"""
_LAST = "SELECT coalesce(max(position), 0) FROM catalog.video WHERE batch_id = %s"


class Places:
    """Gives places in the order of the file. Equal places are legal: then the older row comes first."""

    def __init__(self, cursor: Any, origin: str) -> None:
        self._cursor = cursor
        self._origin = origin
        self._last: dict[int, int] = {}

    def give(self, chunk: Iterable[tuple[str, int | None]], fresh: dict[str, dict[str, Any]]) -> None:
        """Set ``position`` in the values of *fresh* (by ref) that have none. *chunk*: (ref, batch) in file order."""
        order: dict[int, list[str]] = defaultdict(list)
        for ref, batch in chunk:
            if batch is not None:
                order[batch].append(ref)
        known: dict[str, int | None] = {}
        if old := [ref for refs in order.values() for ref in refs if ref not in fresh]:
            self._cursor.execute(_PLACES, (self._origin, old))
            known = dict(self._cursor.fetchall())
        for batch, refs in order.items():
            self._give(batch, refs, known, fresh)

    def _give(self, batch: int, refs: list[str], known: dict[str, int | None], fresh: dict[str, dict[str, Any]]) -> None:
        stands = [known.get(ref) for ref in refs]
        last = 0 if any(place is not None for place in stands) else self._end(batch)
        for at, ref in enumerate(refs):
            if ref in fresh:
                values = fresh[ref]
                if "position" not in values:  # one that is said to have no place keeps none
                    after = next((place for place in stands[at + 1:] if place is not None), None)
                    values["position"] = last + 1 if after is None or last + 1 < after else last
                last = last if values["position"] is None else values["position"]
            elif (place := stands[at]) is not None:
                last = place
        self._last[batch] = max(last, self._last.get(batch, 0))

    def _end(self, batch: int) -> int:
        if batch not in self._last:
            self._cursor.execute(_LAST, (batch,))
            self._last[batch] = self._cursor.fetchone()[0]
        return self._last[batch]
