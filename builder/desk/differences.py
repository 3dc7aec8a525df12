"""What an import changes: each thing as its transaction sees it beside what is committed, and kept as edits of who asked for it."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from psycopg2.errors import CheckViolation
from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json, execute_values

from builder.desk.means import Question, UnanswerableError

AT_ONCE = 500
KINDS = ("course", "subject", "instructor", "batch", "video")
"""In the order in which they are made: taken back from the end, nothing hangs on what goes."""

# Purpose: a row that this transaction, or a savepoint of it, wrote. What others have committed since it began is as young.
_OURS = """CASE WHEN age(xmin) <= age(pg_current_xact_id()::xid) THEN pg_xact_status((pg_current_xact_id()::text::bigint
    + age(pg_current_xact_id()::xid) - age(xmin))::text::xid8) = 'in progress' ELSE false END"""
# Purpose: the things that this import wrote, by what it remembers of them.
_WROTE = f"SELECT DISTINCT kind, row_id FROM catalog.import_record WHERE origin = 'lectern' AND {_OURS} ORDER BY row_id"
# Purpose: what is compared is changed by nobody between the two looks at it.
_HOLD = "SELECT FROM catalog.{kind} WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE"
_THINGS = "SELECT id, t.thing FROM unnest(%s::bigint[]) AS id, desk.thing(%s, id) AS t WHERE t.thing IS NOT NULL"
_CHANGE = f"SELECT max(id) FROM catalog.change WHERE release IS NULL AND {_OURS}"
_KEEP = """INSERT INTO desk.edit (kind, thing_id, deed, state, base, changes, author_id, publisher_id, import_id, change_id, published_at)
    VALUES %s"""


class Difference(NamedTuple):
    """A thing that came out different: its fields before (none of a new one) and after."""

    kind: str
    id: int
    title: str
    is_new: bool
    before: dict[str, Any]
    after: dict[str, Any]


def differences(connection: Connection, committed: Connection) -> Iterator[list[Difference]]:
    """All that the import under way over *connection* changes, some hundred at a time. *committed* sees what others see."""
    wrote: dict[str, list[int]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_WROTE)
        for kind, id in cursor.fetchall():
            wrote[kind].append(id)
    batches: set[int] = set()  # whose order may be another
    for kind in KINDS:
        for start in range(0, len(wrote[kind]), AT_ONCE):
            then, now = _both(connection, committed, kind, wrote[kind][start:start + AT_ONCE])
            if kind == "video":
                batches.update(now[id]["batch"] for id in then if id in now)
            for thing in (*then.values(), *now.values()):
                thing.pop("videos", None)
            yield [found for id in now if (found := _different(kind, id, then.get(id), now[id])) is not None]
    yield from _reordered(connection, committed, sorted(batches))


def keep(connection: Connection, found: Sequence[Difference], question: Question, change: int | None) -> None:
    """Note them as published edits of *question*'s asker, in the import's own transaction; *change*: see :func:`last_change`."""
    with connection.cursor() as cursor:
        try:
            execute_values(cursor, _KEEP, [
                (one.kind, one.id, "create" if one.is_new else "change", "published", Json(one.before), Json(one.after),
                 question.asked_by, question.asked_by, question.id, change) for one in found],
                template="(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, clock_timestamp())")
        except CheckViolation as error:
            raise UnanswerableError("A record holds more than the history keeps of one edit: use `python build.py import`.") from error


def last_change(connection: Connection) -> int | None:
    """The import's last row in the change feed, by which its release is found; None: no page shows it."""
    with connection.cursor() as cursor:
        cursor.execute(_CHANGE)
        ((change,),) = cursor.fetchall()
    return None if change is None else int(change)


def _both(connection: Connection, committed: Connection, kind: str, ids: Sequence[int]) -> tuple[dict[int, Any], dict[int, Any]]:
    with connection.cursor() as now, committed.cursor() as then:
        now.execute(_HOLD.format(kind=kind), (ids,))
        for cursor in (then, now):
            cursor.execute(_THINGS, (ids, kind))
        return dict(then.fetchall()), dict(now.fetchall())


def _different(kind: str, id: int, then: dict[str, Any] | None, now: dict[str, Any]) -> Difference | None:
    if then is None:
        return Difference(kind, id, now["title"], True, {}, {name: value for name, value in now.items() if value not in (None, "", [])})
    names = [name for name, value in now.items() if then[name] != value]
    if not names:
        return None
    return Difference(kind, id, now["title"], False, {name: then[name] for name in names}, {name: now[name] for name in names})


def _reordered(connection: Connection, committed: Connection, batches: Sequence[int]) -> Iterator[list[Difference]]:
    """Batches whose lectures changed places among each other: a lecture that only came in or left has an edit of its own."""
    for start in range(0, len(batches), AT_ONCE):
        then, now = _both(connection, committed, "batch", batches[start:start + AT_ONCE])
        found = []
        for id, thing in now.items():
            before, after = then.get(id, {}).get("videos", []), thing["videos"]
            if [one for one in before if one in set(after)] != [one for one in after if one in set(before)]:
                found.append(Difference("batch", id, thing["title"], False, {"videos": before}, {"videos": after}))
        yield found
