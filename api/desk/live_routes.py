"""The addresses about what is live: the way of a change, releases, rollback, health."""
from __future__ import annotations

from flask import Blueprint, Response

from api import bodies, pool
from api.auth.sessions import mine, signed_in
from api.desk import health, preconditions, questions, shapes
from api.desk.live_shapes import Health, Releases, Rollback, Way
from api.desk.question_shapes import Question
from api.desk.releases import etag_of, newest, of_change, of_release
from api.ids import take_ids
from api.openapi import describe

blueprint = take_ids(Blueprint("live", __name__))


@blueprint.get("/ways/<id:change>")
@describe(summary="How a change goes live, step by step; to be asked twice a second until it is over; for editors",
          answers={200: Way, 304: None, 404: None}, session=True)
@signed_in(role="editor")
def way_of(change: int) -> Response:
    found = of_change(pool.current(), change)
    return preconditions.tagged(found, etag_of(found))


@blueprint.get("/releases")
@describe(summary="The newest releases, for editors", answers={200: Releases, 304: None}, session=True)
@signed_in(role="editor")
def releases() -> Response:
    found = newest(pool.current())
    return preconditions.tagged(found, etag_of(found))


@blueprint.get("/releases/<id:release>")
@describe(summary="The way of a release, for editors", answers={200: Way, 304: None, 404: None}, session=True)
@signed_in(role="editor")
def release_of(release: int) -> Response:
    found = of_release(pool.current(), release)
    return preconditions.tagged(found, etag_of(found))


@blueprint.post("/rollback")
@describe(summary="Take the whole site back to a release and hold publishing; If-Match names the list's ETag; for admins",
          body=Rollback, answers={202: Question, 404: None, 412: shapes.Conflict}, session=True, matched=True)
@signed_in(role="admin")
def rollback() -> Response:
    _must_have_seen()
    return _ask("rollback", {"to": bodies.read(Rollback).to})


@blueprint.post("/unhold")
@describe(summary="Go on publishing after a rollback; If-Match names the list's ETag; for admins",
          answers={202: Question, 412: shapes.Conflict}, session=True, matched=True)
@signed_in(role="admin")
def unhold() -> Response:
    _must_have_seen()
    return _ask("unhold", {})


@blueprint.get("/health")
@describe(summary="How the site stands: what waits, is owed, is dead, was set aside; what is watched; for editors",
          answers={200: Health}, session=True)
@signed_in(role="editor")
def healthy() -> Response:
    return bodies.say(health.health(pool.current()), Cache_Control="no-store")


def _must_have_seen() -> None:
    seen = preconditions.given()
    if seen != (now := etag_of(newest(pool.current()))):
        preconditions.conflict("Releases were made since you looked: look at the list again.", now=now, yours={}, theirs={}, base={})


def _ask(kind: str, asked: dict[str, int]) -> Response:
    session = mine()
    with pool.current().transaction() as cursor:
        made = questions.ask(cursor, session.account_id, kind, asked)
    found = questions.question(pool.current(), session.account_id, made)
    return preconditions.tagged(found, found.etag, 202)
