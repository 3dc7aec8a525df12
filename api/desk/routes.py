"""The desk's addresses: things and their edits; below them those of the builder and the webhook. Editors and admins only."""
from __future__ import annotations

from typing import Any, cast

from flask import Blueprint, Response, abort

from api import bodies, pool
from api.auth.sessions import mine, signed_in
from api.bodies import say
from api.desk import edits, history, preconditions, publish, questions, shapes, things
from api.desk.live_routes import blueprint as live
from api.desk.question_routes import blueprint as asked
from api.desk.webhook_routes import blueprint as delivered
from api.errors import problem
from api.ids import take_ids
from api.openapi import describe
from api.problems import NO_KIND

blueprint = take_ids(Blueprint("desk", __name__, url_prefix="/api/v1/desk"))
for part in (asked, delivered, live):
    blueprint.register_blueprint(part)


@blueprint.get("/things/<kind>")
@describe(summary="Things of a kind, for editors", query=shapes.ListRead, answers={200: shapes.Things, 404: None}, session=True)
@signed_in(role="editor")
def listed(kind: str) -> Response:
    return say(things.listed(pool.current(), _kind(kind), bodies.read_query(shapes.ListRead)), Cache_Control="no-store")


@blueprint.get("/things/<kind>/<id:id>")
@describe(summary="A thing as it stands, with its ETag and who edits it, for editors", answers={200: shapes.Thing, 404: None}, session=True)
@signed_in(role="editor")
def thing(kind: str, id: int) -> Response:
    found = things.thing(pool.current(), mine().account_id, _kind(kind), id)
    answer = say(found, Cache_Control="no-store")
    answer.set_etag(found.etag)  # to be named by who writes; who edits it besides is no part of it, so nothing is confirmed by it
    return answer


@blueprint.get("/things/<kind>/<id:id>/history")
@describe(summary="What was published of a thing: who, when, what; for editors", query=shapes.HistoryRead,
          answers={200: shapes.History, 404: None}, session=True)
@signed_in(role="editor")
def history_of(kind: str, id: int) -> Response:
    return say(history.history(pool.current(), bodies.read_query(shapes.HistoryRead), _kind(kind), id), Cache_Control="no-store")


@blueprint.get("/history")
@describe(summary="What was published of all things, for editors", query=shapes.HistoryRead, answers={200: shapes.History}, session=True)
@signed_in(role="editor")
def history_of_all() -> Response:
    return say(history.history(pool.current(), bodies.read_query(shapes.HistoryRead)), Cache_Control="no-store")


@blueprint.post("/things/<kind>/<id:id>/withdraw")
@describe(summary="Withdraw a video, or ask for a takedown; If-Match names the thing's etag; for editors", body=shapes.Withdraw,
          answers={200: shapes.Published, 404: None, 412: shapes.Conflict}, session=True, matched=True)
@signed_in(role="editor")
def withdraw(kind: str, id: int) -> Response:
    seen = preconditions.given()
    asked_ = bodies.read(shapes.Withdraw)
    return _withdrawn((shapes.NamedThing(kind=_kind(kind), id=id, etag=seen),), takedown=asked_.takedown)


@blueprint.post("/withdraw")
@describe(summary="Withdraw several things, or ask for their takedown: all or none; each names its etag; for editors",
          body=shapes.WithdrawMany, answers={200: shapes.Published, 404: None, 412: shapes.Conflict, 428: None}, session=True)
@signed_in(role="editor")
def withdraw_many() -> Response:
    asked_ = bodies.read(shapes.WithdrawMany)
    return _withdrawn(asked_.things, takedown=asked_.takedown)


@blueprint.get("/edits")
@describe(summary="Edits that are not published yet, for editors", query=shapes.EditsRead, answers={200: shapes.Edits}, session=True)
@signed_in(role="editor")
def open_edits() -> Response:
    return say(edits.open_edits(pool.current(), mine().account_id, bodies.read_query(shapes.EditsRead)), Cache_Control="no-store")


@blueprint.post("/edits")
@describe(summary="Begin an edit: of a thing, whose etag If-Match names (428 without it), or of a new one; for editors", body=shapes.Begin,
          answers={201: shapes.Edit, 404: None, 409: None, 412: shapes.Conflict, 428: None}, session=True)
@signed_in(role="editor")
def begin() -> Response:
    asked_ = bodies.read(shapes.Begin, most=shapes.EDIT_BYTES)
    seen = preconditions.given() if asked_.thing is not None else ""
    with pool.current().transaction() as cursor:
        id = edits.begin(cursor, mine().account_id, asked_, seen)
    return _edit(id, 201)


@blueprint.get("/edits/<id:id>")
@describe(summary="An edit, for editors", answers={200: shapes.Edit, 304: None, 404: None}, session=True)
@signed_in(role="editor")
def edit(id: int) -> Response:
    return _edit(id)


@blueprint.put("/edits/<id:id>")
@describe(summary="Save all that an edit sets, as it is typed; for editors", body=shapes.Save,
          answers={200: shapes.Edit, 404: None, 409: None, 412: shapes.Conflict}, session=True, matched=True)
@signed_in(role="editor")
def save(id: int) -> Response:
    seen = preconditions.given()
    asked_ = bodies.read(shapes.Save, most=shapes.EDIT_BYTES)
    with pool.current().transaction() as cursor:
        edits.save(cursor, id, asked_, seen)
    return _edit(id)


@blueprint.delete("/edits/<id:id>")
@describe(summary="Throw an edit away before it is published, for editors",
          answers={204: None, 404: None, 409: None, 412: shapes.Conflict}, session=True, matched=True)
@signed_in(role="editor")
def discard(id: int) -> Response:
    seen = preconditions.given()
    with pool.current().transaction() as cursor:
        edits.discard(cursor, id, seen)
    return Response(status=204, headers={"Cache-Control": "no-store"})


@blueprint.post("/edits/<id:id>/publish")
@describe(summary="Publish an edit now, or schedule it; for editors", body=shapes.Publish,
          answers={200: shapes.Published, 404: None, 409: None, 412: shapes.Conflict}, session=True, matched=True)
@signed_in(role="editor")
def publish_one(id: int) -> Response:
    seen = preconditions.given()
    asked_ = bodies.read(shapes.Publish)
    return _published((shapes.Named(id=id, etag=seen),), publish.When(asked_.at, asked_.keep_status))


@blueprint.post("/publish")
@describe(summary="Publish several edits in one transaction: all or none; each names its etag; for editors", body=shapes.PublishMany,
          answers={200: shapes.Published, 404: None, 409: None, 412: shapes.Conflict, 428: None}, session=True)
@signed_in(role="editor")
def publish_many() -> Response:
    asked_ = bodies.read(shapes.PublishMany)
    return _published(asked_.edits, publish.When(asked_.at, asked_.keep_status))


@blueprint.post("/edits/<id:id>/undo")
@describe(summary="Take a published edit back, where what it set still stands; for editors",
          answers={200: shapes.Published, 404: None, 409: None, 412: shapes.Conflict}, session=True, matched=True)
@signed_in(role="editor")
def undo(id: int) -> Response:
    seen = preconditions.given()
    with pool.current().transaction() as cursor:
        done = publish.undo(cursor, mine().account_id, (shapes.Named(id=id, etag=seen),))
    return say(done, Cache_Control="no-store")


@blueprint.post("/undo")
@describe(summary="Take several published edits back in one transaction, the newest first: all or none; each names its etag; for editors",
          body=shapes.UndoMany, answers={200: shapes.Published, 404: None, 409: None, 412: shapes.Conflict, 428: None}, session=True)
@signed_in(role="editor")
def undo_many() -> Response:
    asked_ = bodies.read(shapes.UndoMany)
    with pool.current().transaction() as cursor:
        done = publish.undo(cursor, mine().account_id, asked_.edits)
    return say(done, Cache_Control="no-store")


def _kind(kind: str) -> shapes.Kind:
    if kind not in shapes.FIELDS:
        abort(problem(NO_KIND, f"There are no things of this kind: write {', '.join(shapes.FIELDS)}."))
    return cast("shapes.Kind", kind)


def _edit(id: int, status: int = 200) -> Response:
    found = edits.edit(pool.current(), id)
    return preconditions.tagged(found, found.etag, status)


def _published(named: tuple[shapes.Named, ...], when: publish.When) -> Response:
    with pool.current().transaction() as cursor:
        done = publish.publish(cursor, mine().account_id, named, when)
    return say(done, Cache_Control="no-store")


def _withdrawn(named: tuple[shapes.NamedThing, ...], *, takedown: bool) -> Response:
    account = mine().account_id
    with pool.current().transaction() as cursor:
        if not takedown:
            return say(publish.withdraw(cursor, account, named), Cache_Control="no-store")
        for one in named:
            publish.seen_now(cursor, one)
        asked_ids = tuple(questions.ask(cursor, account, "takedown", _key(one)) for one in named)
    return say(shapes.Published(edits=(), change=None, questions=asked_ids), Cache_Control="no-store")


def _key(one: shapes.NamedThing) -> dict[str, Any]:
    return {"kind": one.kind, "id": one.id}
