"""The addresses by which editors enrol students, in gated batches too; below those of ``api.me.routes``."""
from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, Response

from api import bodies, pool
from api.auth.sessions import mine, signed_in
from api.ids import take_ids
from api.me import enrolments, shapes
from api.me.caching import state_of, tell
from api.openapi import describe

blueprint = take_ids(Blueprint("editors", __name__, url_prefix="/batches/<id:batch>/students"))


@blueprint.get("")
@describe(summary="Who is in a batch, for editors", query=shapes.PageRead,
          answers={200: shapes.Students, 403: None, 404: None}, session=True)
@signed_in(role="editor")
def students(batch: int) -> Response:
    asked = bodies.read_query(shapes.PageRead)
    return _said(enrolments.students(pool.current(), batch, asked.after, asked.limit))


@blueprint.post("")
@describe(summary="Enrol students by their addresses, for editors", body=shapes.Enrol,
          answers={200: shapes.Enrolled, 404: None}, session=True)
@signed_in(role="editor")
def enrol(batch: int) -> Response:
    asked = bodies.read(shapes.Enrol)
    with pool.current().transaction() as cursor:
        found, revisions = enrolments.enrol(cursor, batch, asked.emails)
    return _told(_said(found), revisions)


@blueprint.put("/<id:account>")
@describe(summary="Enrol one account, for editors", answers={204: None, 404: None, 409: None}, session=True)
@signed_in(role="editor")
def enrol_account(batch: int, account: int) -> Response:
    with pool.current().transaction() as cursor:
        revision = enrolments.enrol_account(cursor, batch, account)
    return _told(_nothing(), {account: revision})


@blueprint.delete("/<id:account>")
@describe(summary="Take one account out of a batch, for editors", answers={204: None, 404: None}, session=True)
@signed_in(role="editor")
def expel(batch: int, account: int) -> Response:
    with pool.current().transaction() as cursor:
        revision = enrolments.expel(cursor, batch, account)
    return _told(_nothing(), {account: revision})


def _said(value: object) -> Response:
    return bodies.say(value, Cache_Control="no-store")


def _nothing() -> Response:
    return Response(status=204, headers={"Cache-Control": "no-store"})


def _told(answer: Response, revisions: Mapping[int, int]) -> Response:
    """Editors have data of their own: where theirs was written, their browser hears of it."""
    session = mine()
    if session.account_id in revisions:
        tell(answer, state_of(session, revisions[session.account_id]))
    return answer
