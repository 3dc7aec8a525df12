"""What was published: who, when, what, and whether one click takes it back."""
from __future__ import annotations

from typing import Any

from api.cursors import NEWEST, read_place, write_place
from api.desk.edits import SQL, etag_of, who
from api.desk.shapes import Difference, Entry, History, HistoryRead, Kind
from api.pool import Pool


def history(pool: Pool, asked: HistoryRead, kind: Kind | None = None, thing: int | None = None) -> History:
    """A page of published edits, the newest first, of one thing, of one file, or of all."""
    place = read_place(asked.after, NEWEST)
    rows = pool.read(SQL["history"], {"kind": kind or "", "thing": thing, "imported": asked.imported, "at_us": place.value, "id": place.id,
                                      "limit": asked.limit})
    return History(entries=tuple(_entry(row) for row in rows),
                   next=write_place(rows[-1][-1], rows[-1][0]) if len(rows) == asked.limit else None)


def _entry(row: tuple[Any, ...]) -> Entry:
    id, revision, kind, thing, deed, by_id, by, at, base, changes, undoes, undone_by, change, imported, now, _ = row
    title = (now or base).get("title") or changes.get("title") or ""
    return Entry(id=id, etag=etag_of(id, revision), kind=kind, thing=thing, title=title, deed=deed,
                 by=who(by_id, by), at=at,
                 what=tuple(Difference(field=name, before=base.get(name), after=value) for name, value in changes.items()),
                 undoes=undoes, undone_by=undone_by, can_undo=_stands(deed, changes, now), change=change, imported=imported)


def _stands(deed: str, changes: dict[str, Any], now: dict[str, Any] | None) -> bool:
    if deed in ("merge", "delete"):
        return now is None
    return now is not None and all(now.get(name) == value for name, value in changes.items())
