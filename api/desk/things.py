"""Things as the desk lists and shows them."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import abort

from api.cursors import NEWEST, read_place, write_place
from api.desk import edits
from api.desk.shapes import Kind, Listed, ListRead, Other, Thing, Things
from api.errors import Wrong, problem, refuse
from api.pool import Pool
from api.problems import NO_THING
from api.queries import queries
from edge.address import segment

FOLDERS = {"course": "courses", "batch": "batches", "subject": "subjects", "instructor": "instructors", "video": "videos"}
_NAMED = {"course": "course", "batch": "batch", "subjects": "subject", "instructors": "instructor", "videos": "video"}
_MOST_IDS = 100

_SQL = queries(Path(__file__).parent, "things")


def listed(pool: Pool, kind: Kind, asked: ListRead) -> Things:
    """A page of things of a kind, the newest first."""
    rows = pool.read(_SQL[kind], {
        "after": read_place(asked.after, NEWEST).id, "limit": asked.limit, "status": asked.status, "batch": asked.batch,
        "ids": _ids(asked.ids), "like": _like(asked.q)})
    return Things(
        things=tuple(Listed(id=r[0], kind=kind, title=r[1], slug=r[2], status=r[3], batch=r[4], publish_at=r[5], videos=r[6],
                            waiting=r[7], aside=r[8]) for r in rows),
        next=write_place(0, rows[-1][0]) if len(rows) == asked.limit else None)


def thing(pool: Pool, account_id: int, kind: Kind, id: int) -> Thing:
    """A thing, with what its ids mean and who edits it. Answers 404 where there is none."""
    ((etag, values, picture, unavailable_since),) = pool.read(_SQL["thing"], {"kind": kind, "id": id})
    if values is None:
        abort(problem(NO_THING, f"There is no such {kind}."))
    own = edits.own(pool, account_id, kind, id)
    named = [values] if own is None else [values, own.changes]
    rows = pool.read(_SQL["others"], {"kind": kind, "id": id, "account": account_id})
    return Thing(kind=kind, id=id, etag=etag, values=values, names=_names(pool, named), path=_path(kind, values), picture=picture,
                 unavailable_since=unavailable_since, edit=own,
                 others=tuple(Other(edit=r[0], author=edits.who(r[1], r[2]), saved_at=r[3]) for r in rows))


def _path(kind: Kind, values: Mapping[str, Any]) -> str | None:
    """Where its page is; None for a video that is not published."""
    return f"/{FOLDERS[kind]}/{segment(values['slug'])}/" if values.get("status", "published") == "published" else None


def _names(pool: Pool, all_values: list[dict[str, Any]]) -> dict[str, str]:
    asked: dict[str, set[int]] = {kind: set() for kind in _NAMED.values()}
    for values in all_values:
        for field, kind in _NAMED.items():
            if (found := values.get(field)) is not None:
                asked[kind].update(found if isinstance(found, (list, tuple)) else [found])
    return dict(pool.read(_SQL["names"], {kind: sorted(ids) for kind, ids in asked.items()}))


def _ids(text: str) -> list[int] | None:
    if not text:
        return None
    found = text.split(",")
    if len(found) > _MOST_IDS or not all(one.isascii() and one.isdecimal() and len(one) < 19 for one in found):
        refuse(Wrong("ids", f"Write at most {_MOST_IDS} ids, comma-separated."))
    return [int(one) for one in found]


def _like(words: str) -> str:
    escaped = words.strip().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%" if escaped else ""
