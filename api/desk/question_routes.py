"""The addresses by which the desk asks the builder: previews, impact, a pasted address, Markdown, imports and exports."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response

from api import bodies, pool
from api.auth.sessions import mine, signed_in
from api.desk import preconditions, questions, shapes
from api.desk.question_shapes import Export, Fill, Preview, Question, Upload, Words
from api.ids import take_ids
from api.openapi import describe

blueprint = take_ids(Blueprint("asked", __name__))
_ANSWERS: Mapping[int, type | None] = {202: Question}


@blueprint.post("/previews")
@describe(summary="Have open edits rendered as pages under an address of their own, for editors", body=Preview,
          answers={**_ANSWERS, 404: None}, session=True)
@signed_in(role="editor")
def preview() -> Response:
    return _of_edits("preview", bodies.read(Preview))


@blueprint.post("/impacts")
@describe(summary="Ask how far open edits would reach, and what is doubtful about them; for editors", body=Preview,
          answers={**_ANSWERS, 404: None}, session=True)
@signed_in(role="editor")
def impact() -> Response:
    return _of_edits("impact", bodies.read(Preview))


@blueprint.post("/fills")
@describe(summary="Ask what a video's address tells of it, for editors", body=Fill, answers=_ANSWERS, session=True)
@signed_in(role="editor")
def fill() -> Response:
    return _ask("fill", {"url": bodies.read(Fill).url})


@blueprint.post("/markdown")
@describe(summary="Ask for a description as its page would show it, for editors", body=Words, answers=_ANSWERS, session=True)
@signed_in(role="editor")
def markdown() -> Response:
    said = bodies.read(Words, most=shapes.EDIT_BYTES)
    return _ask("markdown", {"text": said.text, "markup": said.markup})


@blueprint.post("/imports")
@describe(summary="Upload a CSV or JSON Lines file for a dry run, for editors", query=Upload, upload="application/octet-stream",
          answers=_ANSWERS, session=True)
@signed_in(role="editor")
def check_import() -> Response:
    asked = bodies.read_query(Upload)
    return _ask("check", {"name": asked.name}, bodies.read_raw(shapes.FILE_BYTES))


@blueprint.post("/imports/<id:id>/run")
@describe(summary="Import what was tried; If-Match names the dry run's etag; for editors",
          answers={**_ANSWERS, 404: None, 409: None, 412: shapes.Conflict}, session=True, matched=True)
@signed_in(role="editor")
def run_import(id: int) -> Response:
    seen = preconditions.given()
    account = mine().account_id
    with pool.current().transaction() as cursor:
        made = questions.run_import(cursor, account, id, seen)
    return _question(made, 202)


@blueprint.post("/exports")
@describe(summary="Have the catalog written as a file that imports again without a change, for editors", body=Export,
          answers=_ANSWERS, session=True)
@signed_in(role="editor")
def export() -> Response:
    return _ask("export", {"format": bodies.read(Export).format})


@blueprint.get("/questions/<id:id>")
@describe(summary="What came of a question, for who asked it", answers={200: Question, 304: None, 404: None}, session=True)
@signed_in(role="editor")
def question(id: int) -> Response:
    return _question(id)


def _of_edits(kind: str, asked: Preview) -> Response:
    account = mine().account_id
    with pool.current().transaction() as cursor:
        made = questions.ask_of_edits(cursor, account, kind, asked.edits)
    return _question(made, 202)


def _ask(kind: str, asked: Mapping[str, Any], file: bytes | None = None) -> Response:
    account = mine().account_id
    with pool.current().transaction() as cursor:
        made = questions.ask(cursor, account, kind, asked, file)
    return _question(made, 202)


def _question(id: int, status: int = 200) -> Response:
    session = mine()
    found = questions.question(pool.current(), session.account_id, id, admin=session.may("admin"))
    return preconditions.tagged(found, found.etag, status)
