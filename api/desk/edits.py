"""Edits before they are published: begun, saved as they are typed, thrown away."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import abort
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

from api.cursors import NEWEST, read_place, write_place
from api.desk import preconditions, validation
from api.desk.shapes import Begin, Edit, Edits, EditsRead, Kind, Save, Who
from api.errors import Wrong, problem, refuse
from api.pool import Pool
from api.problems import EDIT_CLOSED, EDIT_OPEN, EDITS_FULL, NO_EDIT, NO_THING
from api.queries import queries
from edge.address import numbered, slugify

MOST_OPEN = 500
"""That one editor may have open at once."""

SQL = queries(Path(__file__).parent, "edits")
_NUMBERS = 10_000  # of one slug


@dataclass(frozen=True, slots=True)
class Held:
    """An edit whose row this transaction holds."""

    id: int
    revision: int
    kind: Kind
    thing: int | None
    deed: str
    state: str
    base_etag: str
    base: dict[str, Any]
    changes: dict[str, Any]
    kept: dict[str, Any]
    author_id: int
    tab: str
    count: int
    undoes: int | None

    @property
    def etag(self) -> str:
        """Which state of it this is."""
        return etag_of(self.id, self.revision)


def etag_of(id: int, revision: int) -> str:
    """The ETag of an edit."""
    return f"e{id}.{revision}"


def edit(pool: Pool, id: int) -> Edit:
    """An edit. Answers 404 where there is none."""
    if not (rows := pool.read(SQL["edits"], {"ids": [id]})):
        abort(problem(NO_EDIT, "There is no such edit."))
    return _edit(rows[0])


def own(pool: Pool, account_id: int, kind: Kind, thing: int) -> Edit | None:
    """The editor's own open edit of a thing."""
    rows = pool.read(SQL["own"], {"kind": kind, "thing": thing, "account": account_id})
    return edit(pool, rows[0][0]) if rows else None


def open_edits(pool: Pool, account_id: int, asked: EditsRead) -> Edits:
    """A page of open edits, the last saved first."""
    place = read_place(asked.after, NEWEST)
    rows = pool.read(SQL["open"], {"mine": asked.mine == "yes", "account": account_id, "at_us": place.value, "id": place.id,
                                   "limit": asked.limit})
    found = {row[0]: _edit(row) for row in pool.read(SQL["edits"], {"ids": [id for id, _ in rows]})}
    return Edits(edits=tuple(found[id] for id, _ in rows if id in found),
                 next=write_place(rows[-1][1], rows[-1][0]) if len(rows) == asked.limit else None)


def begin(cursor: Cursor, account_id: int, asked: Begin, seen: str) -> int:
    """Begins an edit; its id. *seen*: the thing's ETag that the editor saw, "" for a new thing.

    Answers 404 where there is no such thing, 412 where it is another by now, 409 where the editor has an edit of it already.
    """
    changes = validation.set_by(asked.changes)
    if (asked.deed == "create") != (asked.thing is None):
        refuse(Wrong("thing", "A new thing has no id yet; what is changed, merged or deleted has one."))
    if asked.deed == "merge" and asked.kind not in ("subject", "instructor"):
        refuse(Wrong("deed", "Only subjects and instructors can be merged."))
    validation.fields_must_fit(asked.kind, asked.deed, changes)
    etag, base = "", dict[str, Any]()
    if asked.thing is not None:
        etag, base = now(cursor, asked.kind, asked.thing)
        if etag != seen:
            preconditions.conflict("This is another by now: look at both versions, then begin from the present one.", now=etag,
                                   yours=changes, theirs=base, base={}, kind=asked.kind, thing=asked.thing)
    cursor.execute(SQL["count"], {"account": account_id})
    ((count,),) = cursor.fetchall()
    if count >= MOST_OPEN:
        abort(problem(EDITS_FULL, f"You have {MOST_OPEN} edits open: publish or discard some first.", limit=MOST_OPEN))
    id = insert(cursor, account_id, asked.kind, asked.thing, asked.deed, etag, base, changes, asked.tab, asked.count)
    if id is None:
        cursor.execute(SQL["own"], {"kind": asked.kind, "thing": asked.thing, "account": account_id})
        ((there,),) = cursor.fetchall()
        abort(problem(EDIT_OPEN, "You have an edit of this open already: go on with that one.", edit=there))
    return id


def save(cursor: Cursor, id: int, asked: Save, seen: str) -> None:
    """Saves all that an edit sets. What the same tab sent before is no conflict: the later count holds, whichever comes first.

    Answers 404, 409 where it is not open any more, 412 where another tab or editor saved it, 422.
    """
    held = hold_open(cursor, id)
    changes = validation.set_by(asked.changes)
    validation.fields_must_fit(held.kind, held.deed, changes)
    if held.etag != seen:
        if not asked.tab or asked.tab != held.tab:
            preconditions.conflict("This edit was saved from elsewhere: look at both, then save again.", now=held.etag, yours=changes,
                                   theirs=held.changes, base=held.base, kind=held.kind, thing=held.thing, edit=id)
        if asked.count <= held.count:
            return  # overtaken by a later save of the same tab, which holds all that this one does
    etag, base = held.base_etag, held.base
    if asked.base and asked.base != etag and held.thing is not None:
        etag, base = now(cursor, held.kind, held.thing)
        if asked.base != etag:
            preconditions.conflict("This is another again by now: look at both versions.", now=etag, yours=changes, theirs=base,
                                   base=held.base, kind=held.kind, thing=held.thing, edit=id)
    cursor.execute(SQL["save"], {"id": id, "changes": Json(changes), "base_etag": etag, "base": Json(base), "tab": asked.tab,
                                 "count": asked.count})


def discard(cursor: Cursor, id: int, seen: str) -> None:
    """Throws an open edit away; its row stays. Answers 404, 409, 412."""
    must_be_seen(hold_open(cursor, id), seen)
    cursor.execute(SQL["discard"], {"id": id})


def insert(cursor: Cursor, account_id: int, kind: str, thing: int | None, deed: str, etag: str, base: Mapping[str, Any],
           changes: Mapping[str, Any], tab: str = "", count: int = 0, undoes: int | None = None) -> int | None:
    """A new open edit's id; None where the editor has one of this thing."""
    cursor.execute(SQL["begin"], {"kind": kind, "thing": thing, "deed": deed, "base_etag": etag, "base": Json(dict(base)),
                                  "changes": Json(dict(changes)), "account": account_id, "tab": tab, "count": count, "undoes": undoes})
    row = cursor.fetchone()
    return int(row[0]) if row else None


def hold(cursor: Cursor, id: int) -> Held:
    """The edit, held until the transaction ends. Answers 404."""
    cursor.execute(SQL["hold"], {"id": id})
    if (row := cursor.fetchone()) is None:
        abort(problem(NO_EDIT, "There is no such edit."))
    return Held(*row)


def hold_open(cursor: Cursor, id: int) -> Held:
    """The same of one that is open. Answers 404, 409."""
    if (held := hold(cursor, id)).state != "open":
        abort(problem(EDIT_CLOSED, f"This edit is {held.state} already.", edit=id))
    return held


def must_be_seen(held: Held, seen: str) -> None:
    """Answers 412 where the edit is another than its editor saw."""
    if held.etag != seen:
        preconditions.conflict("This edit is another by now: look at it again.", now=held.etag, yours={}, theirs=held.changes,
                               base=held.base, kind=held.kind, thing=held.thing, edit=held.id)


def now(cursor: Cursor, kind: str, thing: int) -> tuple[str, dict[str, Any]]:
    """A thing's ETag and values as this transaction sees them. Answers 404."""
    cursor.execute(SQL["now"], {"kind": kind, "id": thing})
    ((etag, values),) = cursor.fetchall()
    if values is None:
        abort(problem(NO_THING, f"There is no such {kind} (any more)."))
    return etag, values


def free_slug(cursor: Cursor, kind: str, title: str) -> str:
    """A slug made of *title* that none of this kind has or had."""
    wish = slugify(title, kind)
    cursor.execute(SQL["taken_slugs"], {"kind": kind, "like": f"{numbered(wish, _NUMBERS)[:-6]}%" if wish else "%"})
    taken = {slug for (slug,) in cursor.fetchall()}
    return wish if wish not in taken else next(one for n in range(2, _NUMBERS) if (one := numbered(wish, n)) not in taken)


def who(id: int, name: str) -> Who:
    """An editor, or the webhook."""
    return Who(id=id, name=name if id else "webhook")


def _edit(row: tuple[Any, ...]) -> Edit:
    (id, revision, kind, thing, deed, state, base_etag, stale, base, changes, author_id, author, publisher_id, publisher, undoes,
     undone_by, begun_at, saved_at, published_at, change) = row
    return Edit(id=id, etag=etag_of(id, revision), kind=kind, thing=thing, deed=deed, state=state, base_etag=base_etag, stale=stale,
                base=base, changes=changes, author=who(author_id, author),
                publisher=who(publisher_id, publisher) if publisher_id is not None else None, undoes=undoes, undone_by=undone_by,
                begun_at=begun_at, saved_at=saved_at, published_at=published_at, change=change)
