"""The API's description (OpenAPI 3.1), made from the routes and the types that they read and answer with."""
from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
from flask import Blueprint, Flask, Response, current_app, request
from werkzeug.routing import Rule

from api import openapi_page
from api.errors import MEDIA_TYPE, Problem
from api.ids import MOST
from api.problems import FIELD_TYPES, PAGE, TYPES
from edge import __version__
from edge.tiers import cache_control

PATH = "/api/openapi.json"
TOKEN_HEADER = "X-CSRF-Token"
_MARK = "__lectern_description__"
_REF = "#/components/schemas/{name}"
_VARIABLE = re.compile(r"<(?:(?P<kind>[a-z]+)(?:\([^)]*\))?:)?(?P<name>\w+)>")
_KINDS: Mapping[str, dict[str, object]] = {
    "int": {"type": "integer", "minimum": 0}, "id": {"type": "integer", "minimum": 1, "maximum": MOST},
    "": {"type": "string"}, "string": {"type": "string"}}
_ALWAYS = (400, 429, 500, 503)  # what any route may answer: a malformed request, a limit, a fault, a busy database
_COME_BACK = (429, 503)
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Description:
    """What a route's decorator said of it."""

    summary: str
    body: type | None
    query: type | None
    answers: Mapping[int, type | None]
    beacon: bool
    session: bool
    media: str
    upload: str
    matched: bool
    signed: tuple[str, ...]
    anonymous: bool


def describe(*, summary: str, body: type | None = None, query: type | None = None,
             answers: Mapping[int, type | None] | None = None, beacon: bool = False, session: bool = False,
             media: str = "", upload: str = "", matched: bool = False, signed: tuple[str, ...] = (),
             anonymous: bool = False) -> Callable[[F], F]:
    """Say what a route reads and answers with; each route below /api/ has this.

    *answers* maps a status to the type of its JSON: None is a problem from 400 on, and no body below.
    *beacon*: the body may come as text/plain too. *session*: only for who is signed in, which adds 401
    and, for unsafe methods, 403. *media*: what an answer is that is neither JSON nor HTML.
    *upload*: the body is a file, and what it is called there. *matched*: If-Match must name what the asker saw, which adds
    428. *signed*: no browser asks, and these headers prove who does; no form's token is needed. *anonymous*: it changes nobody's data
    and reads no cookie, so no token is needed either; it is asked from our own pages all the same.
    """
    made = Description(summary, body, query, dict(answers or {200: None}), beacon, session, media, upload, matched, signed,
                       anonymous)

    def mark(view: F) -> F:
        setattr(view, _MARK, made)
        return view

    return mark


def description_of(view: Callable[..., Any]) -> Description | None:
    """What *view*'s decorator said; decorators above it must copy function attributes, as functools.wraps does."""
    found = getattr(view, _MARK, None)
    return found if isinstance(found, Description) else None


def blueprint() -> Blueprint:
    """The description's address, and its readable page, which has no script and nothing from another host."""
    openapi = Blueprint("openapi", __name__)
    made: dict[str, bytes] = {}

    def said(kind: str, make: Callable[[], bytes]) -> Response:
        if kind not in made:
            made[kind] = make()  # now, when all routes are there
        answer = Response(made[kind], content_type=kind)
        answer.headers["Cache-Control"] = cache_control("spelling", "100k")
        answer.add_etag()
        answer.make_conditional(request)
        return answer

    @openapi.get(PATH)
    @describe(summary="This description, as OpenAPI 3.1", answers={200: dict, 304: None})
    def openapi_json() -> Response:
        return said("application/json", lambda: json.dumps(document(current_app)).encode())

    @openapi.get(PAGE)
    @describe(summary="This description, to be read", answers={200: str, 304: None})
    def page() -> Response:
        return said("text/html; charset=utf-8", lambda: openapi_page.page(document(current_app), PAGE + "/style.css").encode())

    @openapi.get(f"{PAGE}/style.css")
    @describe(summary="How that page looks", answers={200: str, 304: None}, media="text/css")
    def style() -> Response:
        return said("text/css; charset=utf-8", openapi_page.style)

    return openapi


def document(app: Flask) -> dict[str, Any]:
    """The description of every route of *app* that says what it is."""
    routes = [(rule, said) for rule in app.url_map.iter_rules() if (said := description_of(app.view_functions[rule.endpoint]))]
    types = list(dict.fromkeys(t for _, said in routes for t in (said.body, said.query, *said.answers.values()) if t))
    schemas, components = msgspec.json.schema_components([*types, Problem], ref_template=_REF)
    schema_of = dict(zip([*types, Problem], schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for rule, said in sorted(routes, key=lambda route: route[0].rule):
        path = paths.setdefault(_VARIABLE.sub(r"{\g<name>}", rule.rule), {})
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            path[method.lower()] = _operation(rule, method, said, schema_of, components)
    made = {
        "openapi": "3.1.0",
        "info": {"title": "Lectern", "version": __version__,
                 "description": "What differs from student to student, by public id; titles and links stand in the pages."},
        "paths": paths,
        "x-problem-types": {one.uri: {"status": one.status, "meaning": one.meaning, "remedy": one.remedy}
                            for one in (*TYPES, *FIELD_TYPES)},
        "components": {"schemas": components,
                       "securitySchemes": {"session": {"type": "apiKey", "in": "cookie", "name": "__Host-session"}}},
    }
    return dict(json.loads(json.dumps(made)))  # plain lists and maps, as who reads it gets them


def _operation(rule: Rule, method: str, said: Description, schema_of: Mapping[type, Any],
               components: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"operationId": f"{rule.endpoint}.{method.lower()}", "summary": said.summary}
    if parameters := [*_of_path(rule), *_of_query(said.query, schema_of, components), *_of_headers(method, said)]:
        made["parameters"] = parameters
    if said.body and method != "GET":
        content = {"application/json": {"schema": schema_of[said.body]}}
        if said.beacon:
            content["text/plain"] = {"schema": schema_of[said.body]}
        made["requestBody"] = {"required": True, "content": content}
    if said.upload:
        made["requestBody"] = {"required": True, "content": {said.upload: {"schema": {"type": "string", "format": "binary"}}}}
    if said.session:
        made["security"] = [{"session": []}]
    answers = {**dict.fromkeys(_expected(said, method)), **said.answers}
    made["responses"] = {str(status): _answer(status, type_, schema_of, said.media) for status, type_ in sorted(answers.items())}
    return made


def _expected(said: Description, method: str) -> list[int]:
    """The problems that follow from what the route is."""
    found = list(_ALWAYS)
    if said.session:
        found.append(401)
    if method != "GET":
        found.append(403)  # asked from another site
    if said.body and method != "GET":
        found += [413, 415, 422]
    if said.upload:
        found.append(413)
    if said.matched:
        found.append(428)
    if said.query:
        found.append(422)
    return found


def _answer(status: int, type_: type | None, schema_of: Mapping[type, Any], media: str) -> dict[str, Any]:
    made: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if type_ is None and status < 400:
        return made
    kind = MEDIA_TYPE if type_ is None or status >= 400 else (media or "text/html") if type_ is str else "application/json"
    made["content"] = {kind: {"schema": schema_of[Problem if type_ is None else type_]}}
    if status in _COME_BACK:
        made["headers"] = {"Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer", "minimum": 1}}}
    return made


def _of_path(rule: Rule) -> list[dict[str, Any]]:
    return [{"name": found["name"], "in": "path", "required": True, "schema": _KINDS[found["kind"] or ""]}
            for found in _VARIABLE.finditer(rule.rule)]


def _of_headers(method: str, said: Description) -> list[dict[str, Any]]:
    if method == "GET" or said.anonymous:
        return []
    if said.signed:
        return [_header(name, required=True) for name in said.signed]
    found = [_header("If-Match", required=True, what="The ETag of what was seen, exactly one")] if said.matched else []
    what = "The token that GET /api/v1/auth/session tells" + ("; or the body's member csrf" if said.beacon else "")
    return [*found, _header(TOKEN_HEADER, required=not said.beacon, what=what)]


def _header(name: str, *, required: bool, what: str = "") -> dict[str, Any]:
    made = {"name": name, "in": "header", "required": required, "schema": {"type": "string"}}
    return {**made, "description": what} if what else made


def _of_query(type_: type | None, schema_of: Mapping[type, Any], components: Mapping[str, Any]) -> list[dict[str, Any]]:
    if type_ is None:
        return []
    schema = components[str(schema_of[type_]["$ref"]).rpartition("/")[2]]
    return [{"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": inner}
            for name, inner in schema["properties"].items()]
