"""Edits into the catalog, in one transaction: published, scheduled, withdrawn, undone. Whatever conflicts, nothing is done."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import psycopg2
from flask import abort
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

from api.desk import edits, preconditions, validation
from api.desk.edits import SQL, Held
from api.desk.shapes import FIELDS, Done, Kind, Named, NamedThing, Outcome, Published
from api.errors import Wrong, problem, refuse
from api.problems import NOT_PUBLISHED, OTHERS_HANG_ON_IT, PAST, PUBLISHED_ALREADY, TWICE


class When(NamedTuple):
    """When what is published is to be seen: now, at a moment, or as the video's status has it."""

    at: str | None = None
    keep_status: bool = False


NOW = When()


def publish(cursor: Cursor, account_id: int, named: Iterable[Named], when: When) -> Published:
    """Applies open edits. Answers 404, 409, 412 where an edit or its thing is another than was seen, 422, 428."""
    asked = list(named)
    _must_stand_once(asked)
    if when.at is not None:
        _must_be_to_come(cursor, when.at)
    _as(cursor, account_id)
    # In one order, so that two who publish many wait for each other instead of failing.
    held = {one.id: edits.hold_open(cursor, one.id) for one in sorted(asked, key=lambda one: one.id)}
    for one in asked:
        edits.must_be_seen(held[one.id], preconditions.named(one.etag))
    return finished(cursor, [apply(cursor, account_id, held[one.id], when) for one in asked])


def withdraw(cursor: Cursor, account_id: int, things: Iterable[NamedThing]) -> Published:
    """Videos that are shown no more. Answers 404, 412, 422 for what is no video, 428."""
    _as(cursor, account_id)
    done = []
    for one in sorted(things, key=lambda one: (one.kind, one.id)):
        if one.kind != "video":
            refuse(Wrong("kind", "Only videos are withdrawn; anything else goes by a takedown, or with its videos."))
        base = seen_now(cursor, one)
        held = made(cursor, account_id, one.kind, one.id, "change", one.etag, base, {"status": "withdrawn"})
        done.append(apply(cursor, account_id, held, When(keep_status=True)))
    return finished(cursor, done)


def undo(cursor: Cursor, account_id: int, named: Iterable[Named]) -> Published:
    """Takes published edits back, the newest first, where what they set still stands. Answers 404, 409, 412, 422, 428."""
    asked = sorted(named, key=lambda one: one.id, reverse=True)
    _must_stand_once(asked)
    _as(cursor, account_id)
    return finished(cursor, [_undo(cursor, account_id, one.id, preconditions.named(one.etag)) for one in asked])


def _undo(cursor: Cursor, account_id: int, id: int, seen: str) -> Done:
    held = edits.hold(cursor, id)
    if held.state != "published" or held.thing is None:
        abort(problem(NOT_PUBLISHED, "This edit is not published: there is nothing to take back.", edit=id))
    edits.must_be_seen(held, seen)
    deed, changes = _reverse(cursor, held)
    etag, base = "", dict[str, Any]()
    if deed != "create":
        cursor.execute(SQL["lock"], {"kind": held.kind, "id": held.thing})
        etag, base = edits.now(cursor, held.kind, held.thing)
        set_by_it = held.changes if held.deed in ("change", "create") else {}
        if any(base.get(name) != value for name, value in set_by_it.items()):
            preconditions.conflict("What this edit set was changed since: look at both versions, then change it by hand.", now=etag,
                                   yours=changes, theirs=base, base=held.changes, kind=held.kind, thing=held.thing, edit=id)
    back = made(cursor, account_id, held.kind, held.thing, deed, etag, base, changes, undoes=id)
    return apply(cursor, account_id, back, When(keep_status=True))


def apply(cursor: Cursor, account_id: int, held: Held, when: When) -> Done:
    """Applies one held edit, and closes it."""
    base = _base(cursor, held)
    changes = _with_status(held, base, when)
    if held.deed == "create" and not changes.get("slug") and changes.get("title", "").strip():
        changes["slug"] = edits.free_slug(cursor, held.kind, changes["title"])
    _must_be_applicable(cursor, held, base, changes)
    different = changes if held.deed != "change" else {name: value for name, value in changes.items() if base.get(name) != value}
    if not different and held.deed == "change":
        cursor.execute(SQL["discard"], {"id": held.id})
        return _done(held, held.thing, held.base_etag, "unchanged")
    try:
        cursor.execute(SQL["apply"], {"kind": held.kind, "thing": held.thing, "deed": held.deed, "changes": Json(different),
                                      "undoes": held.undoes})
        ((thing, kept),) = cursor.fetchall()
        cursor.execute(SQL["now"], {"kind": held.kind, "id": thing})
        ((etag, after),) = cursor.fetchall()
    except psycopg2.Error as error:
        validation.refused(error)
    if held.deed in ("change", "create"):  # as the database spells it, so that undo can tell whether it still stands
        different = {name: after[name] for name in different if name in after}
        base = {name: base[name] for name in different if name in base}  # what undo needs, and no more
    cursor.execute(SQL["publish"], {"id": held.id, "thing": thing, "base": Json(base), "changes": Json(different), "kept": Json(kept),
                                    "account": account_id})
    return _done(held, thing, etag, _outcome(held, after or {}))


def finished(cursor: Cursor, done: list[Done]) -> Published:
    """The answer, with the change by which the release will be found."""
    cursor.execute(SQL["change"])
    ((change,),) = cursor.fetchall()
    if change is not None:
        cursor.execute(SQL["note_change"], {"change": change, "ids": [one.edit for one in done]})
    return Published(edits=tuple(done), change=change)


def seen_now(cursor: Cursor, one: NamedThing) -> dict[str, Any]:
    """A thing's values, its row held. Answers 404, 412 where it is another than was seen, 428."""
    seen = preconditions.named(one.etag)
    cursor.execute(SQL["lock"], {"kind": one.kind, "id": one.id})
    etag, base = edits.now(cursor, one.kind, one.id)
    if etag != seen:
        preconditions.conflict("This is another by now: look at it again.", now=etag, yours={}, theirs=base, base={}, kind=one.kind,
                               thing=one.id)
    return base


def _must_stand_once(named: list[Named]) -> None:
    if len({one.id for one in named}) < len(named):
        refuse(Wrong("edits", "One stands there twice.", TWICE.uri))


def _as(cursor: Cursor, account_id: int) -> None:
    cursor.execute(SQL["actor"], {"actor": f"editor:{account_id}"})


def made(cursor: Cursor, account_id: int, kind: Kind, thing: int | None, deed: str, etag: str, base: Mapping[str, Any],
          changes: Mapping[str, Any], undoes: int | None = None) -> Held:
    """An edit that is begun and published in one transaction; the editor's own open one of this thing stays out of its way."""
    id = edits.insert(cursor, account_id, kind, None, deed, etag, base, changes, undoes=undoes)
    assert id is not None
    return Held(id, 1, kind, thing, deed, "open", etag, dict(base), dict(changes), {}, account_id, "", 0, undoes)


def _base(cursor: Cursor, held: Held) -> dict[str, Any]:
    """The thing as it stands, its row held. Answers 412 where it is another than when the edit began."""
    if held.deed == "create" or held.thing is None:
        return {}
    cursor.execute(SQL["lock"], {"kind": held.kind, "id": held.thing})
    etag, now = edits.now(cursor, held.kind, held.thing)
    reordered = "videos" in held.changes and held.base.get("videos") != now.get("videos")
    if etag != held.base_etag or reordered:
        preconditions.conflict("Somebody changed this since the edit began: look at both versions, then save yours over the present one.",
                               now=etag, yours=held.changes, theirs=now, base=held.base, kind=held.kind, thing=held.thing, edit=held.id)
    return now


def _with_status(held: Held, base: Mapping[str, Any], when: When) -> dict[str, Any]:
    changes = dict(held.changes)
    if held.kind != "video" or held.deed not in ("create", "change"):
        if when.at is not None:
            refuse(Wrong("at", "Only videos are scheduled."))
        return changes
    if when.at is not None:
        if base.get("status") == "published":
            refuse(Wrong("at", "This video is published already: withdraw it first, or publish the edit now.", PUBLISHED_ALREADY.uri))
        return {**changes, "status": "scheduled", "publish_at": when.at}
    if not when.keep_status and "status" not in changes:
        changes["status"] = "published"
    return changes


def _must_be_applicable(cursor: Cursor, held: Held, base: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
    match held.deed:
        case "merge":
            if not changes.get("into") or changes["into"] == held.thing:
                refuse(validation.needed("into", "Say which one it goes to."))
            cursor.execute(SQL["lock"], {"kind": held.kind, "id": changes["into"]})
            edits.now(cursor, held.kind, changes["into"])
        case "delete":
            cursor.execute(SQL["hangs_on"], {"kind": held.kind, "id": held.thing})
            ((count,),) = cursor.fetchall()
            if count and (held.undoes is None or held.kind in ("course", "batch")):
                abort(problem(OTHERS_HANG_ON_IT, f"{count} others hang on this: move, merge or withdraw them first.", count=count))
        case _:
            if held.deed == "create" and (missing := _missing(held.kind, changes)):
                refuse(validation.needed(missing, "This is needed."))
            validation.must_be_fit(held.kind, changes)
            if held.kind == "batch" and "videos" in changes and sorted(changes["videos"]) != sorted(base.get("videos", ())):
                refuse(Wrong("videos", "Name each video of the batch once, and no other."))
            if changes.get("status", base.get("status")) == "scheduled" and not changes.get("publish_at", base.get("publish_at")):
                refuse(validation.needed("publish_at", "Say when it is to be published."))


def _missing(kind: str, changes: Mapping[str, Any]) -> str:
    needed = ("title", *{"batch": ("course",), "video": ("batch",)}.get(kind, ()))
    return next((name for name in needed if not changes.get(name)), "")


def _must_be_to_come(cursor: Cursor, at: str) -> None:
    if not validation.is_moment(at):
        refuse(validation.no_moment("at"))
    cursor.execute(SQL["is_future"], {"at": at})
    if cursor.fetchone() != (True,):
        refuse(Wrong("at", "This moment is past: choose a later one, or publish now.", PAST.uri))


def _reverse(cursor: Cursor, held: Held) -> tuple[str, dict[str, Any]]:
    """What takes *held* back: a deed and its changes."""
    match held.deed:
        case "change":
            back = {name: held.base[name] for name in held.changes if name in held.base}
            if "videos" in back:  # a file may bring lectures in and move others at once; who came in stands last
                now, before = held.changes["videos"], back["videos"]
                back["videos"] = [one for one in before if one in now] + [one for one in now if one not in before]
            return "change", back
        case "create":
            undone = edits.hold(cursor, held.undoes) if held.undoes else None
            return ("merge", dict(undone.changes)) if undone and undone.deed == "merge" else ("delete", {})
        case _:
            return "create", {name: value for name, value in held.base.items() if name in FIELDS[held.kind] and name != "videos"}


_OUTCOMES: dict[str, Outcome] = {"merge": "merged", "delete": "deleted", "draft": "saved", "scheduled": "scheduled",
                                 "published": "published", "withdrawn": "withdrawn"}


def _outcome(held: Held, after: Mapping[str, Any]) -> Outcome:
    return _OUTCOMES[held.deed if held.deed in ("merge", "delete") else after.get("status", "published")]


def _done(held: Held, thing: int | None, thing_etag: str | None, outcome: Outcome) -> Done:
    return Done(edit=held.id, etag=edits.etag_of(held.id, held.revision + 1), kind=held.kind, thing=thing, thing_etag=thing_etag,
                outcome=outcome)
