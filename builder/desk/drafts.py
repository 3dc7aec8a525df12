"""Open edits applied in a transaction that will be rolled back, as publishing would apply them."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json

from builder.desk.means import UnanswerableError
from edge.address import Slug, numbered, slugify

# Purpose: edits that are open, in the order in which they were begun.
_EDITS = """SELECT id, kind, thing_id, deed, base, changes, undoes FROM desk.edit WHERE id = ANY(%s) AND state = 'open' ORDER BY id"""
_APPLY = "SELECT id FROM desk.apply(%s, %s, %s, %s, %s)"
_THING = "SELECT thing FROM desk.thing(%s, %s)"
_TAKEN = "SELECT EXISTS (SELECT FROM catalog.{kind} WHERE slug = %s) OR EXISTS (SELECT FROM catalog.old_slug WHERE kind = %s AND slug = %s)"
# Purpose: what this transaction's edits touched, as the triggers noted it.
_KEYS = """SELECT coalesce(array_agg(DISTINCT key), '{}') FROM catalog.change, unnest(keys) AS key
    WHERE release IS NULL AND xmin = pg_current_xact_id()::xid"""


class Draft(NamedTuple):
    """An edit that was applied: the thing before and after, None where it is not there."""

    edit: int
    kind: str
    thing: int
    deed: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class Applied(NamedTuple):
    """All of them, and the packed keys that they touched."""

    drafts: list[Draft]
    keys: frozenset[int]


def apply(connection: Connection, ids: Sequence[int]) -> Applied:
    """Apply edits in the connection's transaction; what is a draft or new is published. Raises UnanswerableError where one cannot
    be applied as it stands, with the sentence that says why."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lectern.actor', 'preview', true)")
        cursor.execute(_EDITS, (list(ids),))
        rows = cursor.fetchall()
    if len(rows) < len(set(ids)):
        raise UnanswerableError("An edit was published or discarded meanwhile: look at your open edits, then ask again.")
    drafts = list(_each(connection, rows))
    with connection.cursor() as cursor:
        cursor.execute(_KEYS)
        ((touched,),) = cursor.fetchall()
    return Applied(drafts, frozenset(touched))


def _each(connection: Connection, rows: list[tuple[Any, ...]]) -> Iterator[Draft]:
    with connection.cursor() as cursor:
        for edit, kind, thing, deed, base, changes, undoes in rows:
            if deed == "create":
                changes = _whole(cursor, kind, changes)
            if kind == "video" and deed in ("create", "change") and changes.get("status", base.get("status")) != "withdrawn":
                changes = {**changes, "status": "published"}
            before = _thing(cursor, kind, thing)
            if deed != "create" and before is None:
                raise UnanswerableError(f"The {kind} that edit {edit} is of is no longer there: discard the edit.")
            try:
                cursor.execute(_APPLY, (kind, thing, deed, Json(changes), undoes))
                ((id,),) = cursor.fetchall()
            except (psycopg2.IntegrityError, psycopg2.DataError) as error:
                raise UnanswerableError(f"Edit {edit} cannot be published as it stands: {_sentence(error)}") from error
            yield Draft(edit, kind, id, deed, before, _thing(cursor, kind, id))


def _whole(cursor: Any, kind: str, changes: dict[str, Any]) -> dict[str, Any]:
    """A new thing's fields with a slug, as publishing would give it one."""
    needed = ["title", *{"batch": ["course"], "video": ["batch"]}.get(kind, [])]
    if missing := [name for name in needed if not changes.get(name)]:
        raise UnanswerableError(f"A new {kind} needs a {missing[0]} before it can be shown.")
    if changes.get("slug"):
        return changes
    wish = slug = slugify(changes["title"], kind)
    n = 1
    while True:
        cursor.execute(_TAKEN.format(kind=kind), (slug, kind, slug))
        if cursor.fetchone() == (False,):
            return {**changes, "slug": slug}
        n += 1
        slug = numbered(Slug(wish), n)


def _thing(cursor: Any, kind: str, id: int | None) -> dict[str, Any] | None:
    if id is None:
        return None
    cursor.execute(_THING, (kind, id))
    found: dict[str, Any] | None = cursor.fetchone()[0]
    return found


def _sentence(error: psycopg2.Error) -> str:
    if isinstance(error, psycopg2.errors.UniqueViolation):
        return "another one has this slug already."
    if isinstance(error, psycopg2.errors.ForeignKeyViolation):
        return "something that it names is no longer there."
    return error.diag.message_hint or f"the catalog does not take a value of it ({error.diag.constraint_name or error.diag.datatype_name})."
