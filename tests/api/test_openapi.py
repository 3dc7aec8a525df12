"""The description: made from the routes, whole, valid, and a page that needs no script."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import html5lib
import msgspec
import pytest
from flask import Flask, Response
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from api import bodies, openapi
from api.app import create_app
from api.openapi import describe, description_of, document
from api.problems import FIELD_TYPES, TYPES
from api.settings import read_api_settings
from edge.store import open_store

WITHOUT_TOKEN = ["/api/v1/vitals"]
"""Reads no cookie and changes nobody's data."""

Number = Annotated[int, msgspec.Meta(ge=1, le=9)]


class Inner(bodies.Body, frozen=True):
    text: Annotated[str, msgspec.Meta(max_length=5)]


class Asked(bodies.Body, frozen=True):
    number: Number
    inner: tuple[Inner, ...] = ()


class Query(bodies.Body, frozen=True):
    number: Number = 3
    videos: str = ""


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    settings = read_api_settings({"LECTERN_DATA": str(tmp_path)})
    with closing(open_store(settings.shared.store)) as store:
        yield create_app(settings, store)


@pytest.fixture
def small() -> Flask:
    """An application with two routes."""
    from api import errors

    app = Flask("small")
    errors.init_app(app)
    app.register_blueprint(openapi.blueprint())

    @app.post("/api/v1/take")
    @describe(summary="Take it", body=Asked, answers={200: Asked}, beacon=True)
    def take() -> Response:
        return bodies.say(bodies.read(Asked, beacon=True))

    @app.get("/api/v1/find/<name>")
    @describe(summary="Find it", query=Query, answers={200: Query, 404: None}, session=True)
    def find(name: str) -> Response:
        return bodies.say(bodies.read_query(Query))

    return app


def test_it_is_valid_and_knows_every_route(app: Flask) -> None:
    said = app.test_client().get("/api/openapi.json")
    assert said.content_type == "application/json"
    assert said.json is not None
    validate(said.json)
    assert said.json["openapi"].startswith("3.1")
    described = {(path, method.upper()) for path, methods in said.json["paths"].items() for method in methods}
    there = {(openapi._VARIABLE.sub(r"{\g<name>}", rule.rule), method) for rule in app.url_map.iter_rules()
             for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}}
    assert described == there
    assert len(described) > 20


def test_what_no_route_can_leave_out_is_said_of_each(app: Flask) -> None:
    for path, methods in document(app)["paths"].items():
        for method, said in methods.items():
            assert {"400", "429", "500", "503"} <= set(said["responses"]), path
            assert "Retry-After" in said["responses"]["429"]["headers"]
            if "security" in said:
                assert "401" in said["responses"], path
            if "requestBody" in said:
                assert {"403", "413", "415", "422"} <= set(said["responses"]), path
            if method != "get" and path not in WITHOUT_TOKEN:
                assert any(one["name"] == "X-CSRF-Token" for one in said["parameters"]), path
            for parameter in said.get("parameters", ()):
                assert parameter["schema"], path


def test_a_decorator_above_keeps_the_description() -> None:
    @describe(summary="Kept")
    def view() -> None: ...

    @wraps(view)
    def around() -> None: ...

    said = description_of(around)
    assert said is not None
    assert said.summary == "Kept"


def test_the_types_of_a_route_are_its_schema(small: Flask) -> None:
    said = document(small)
    take, find = said["paths"]["/api/v1/take"]["post"], said["paths"]["/api/v1/find/{name}"]["get"]
    assert set(take["requestBody"]["content"]) == {"application/json", "text/plain"}
    assert said["components"]["schemas"]["Asked"]["properties"]["number"] == {"type": "integer", "minimum": 1, "maximum": 9}
    assert said["components"]["schemas"]["Asked"]["additionalProperties"] is False
    assert [(one["name"], one["in"], one["required"]) for one in find["parameters"]] == [
        ("name", "path", True), ("number", "query", False), ("videos", "query", False)]
    assert find["security"] == [{"session": []}]
    assert set(find["responses"]) == {"200", "400", "401", "404", "422", "429", "500", "503"}


@pytest.mark.parametrize(("body", "status", "field"), [
    (b'{"number": 1}', 200, None), (b'{"number": 1, "inner": [{"text": "abc"}]}', 200, None),
    (b'{"number": 1, "role": "admin"}', 422, "role"), (b'{"number": 10}', 422, "number"), (b'{"number": "1"}', 422, "number"),
    (b"{}", 422, "number"), (b'{"number": 1, "inner": [{"text": "abcdef"}]}', 422, "inner[0].text"),
    (b'{"number": 1, "inner": [{"text": "a\\u0000"}]}', 422, "inner[0].text"),
    (b'{"number": 1, "inner": [{"text": "\\ud800"}]}', 422, "inner[0].text"),
    (b'{"number": 1, "inner": [{"text": "\\\\u0000"}]}', 422, "inner[0].text"),  # six letters, not a zero
    (b'{"number": 1, "inner": [{"text": "\\ud83d\\ude00"}]}', 200, None), (b'{"number": 1e999}', 422, "number"),
    (b'{"number": 99999999999999999999999}', 422, "number"),
    (b"", 400, None), (b"{", 400, None), (b"\xff\xfe", 400, None), (b"nul", 400, None),
    (b"[" * 60_000, 422, ""), (b'{"inner":' * 6_000, 422, "inner"), (b'{"number": NaN}', 400, None), (b'{"number": 1} x', 400, None),
    (b'{"number": 1, "inner": [{"\\u0000": 1}]}', 422, None), (b'{"number": 1}' + b" " * 65_536, 413, None),
])
def test_a_body_is_read_into_its_type_or_its_field_is_named(small: Flask, body: bytes, status: int, field: str | None) -> None:
    answer = small.test_client().post("/api/v1/take", data=body, content_type="application/json")
    assert answer.status_code == status, answer.text
    if status != 200:
        assert answer.content_type == "application/problem+json"
    if field is not None:
        assert answer.json is not None
        assert answer.json["errors"][0]["field"] == field


@pytest.mark.parametrize(("kind", "status"), [
    ("application/json", 200), ("application/json; charset=utf-8", 200), ("application/merge-patch+json", 200),
    ("text/plain;charset=UTF-8", 200),
    ("text/html", 415), ("", 415), ("multipart/form-data; boundary=x", 415), ("application/x-www-form-urlencoded", 415)])
def test_only_json_and_where_it_is_said_a_beacons_text_is_taken(small: Flask, kind: str, status: int) -> None:
    assert small.test_client().post("/api/v1/take", data=b'{"number": 1}', content_type=kind).status_code == status


@pytest.mark.parametrize(("query", "status", "field"), [
    ("", 200, None), ("number=4&videos=1,2", 200, None), ("number=x", 422, "number"), ("number=0", 422, "number"),
    ("who=1", 422, "who"),
    ("number=1&number=2", 422, "number"), ("videos=%00", 422, "videos"),
    ("number=99999999999999999999", 422, "number"), ("number=4.0", 200, None)])
def test_a_query_is_read_into_its_type_or_its_name_is_named(small: Flask, query: str, status: int, field: str | None) -> None:
    answer = small.test_client().get(f"/api/v1/find/x?{query}")
    assert answer.status_code == status
    if field:
        assert answer.json is not None
        assert answer.json["errors"][0]["field"] == field


def test_a_problem_is_what_the_description_says(small: Flask) -> None:
    answer = small.test_client().post("/api/v1/take", json={"number": 0})
    schemas: Any = document(small)["components"]["schemas"]
    schema = {**schemas["Problem"], "components": {"schemas": schemas}}
    Draft202012Validator(schema).validate(answer.json)


def test_every_type_of_problem_stands_in_the_description_and_on_its_page(app: Flask) -> None:
    said = document(app)["x-problem-types"]
    assert said == {one.uri: {"status": one.status, "meaning": one.meaning, "remedy": one.remedy} for one in (*TYPES, *FIELD_TYPES)}
    text = app.test_client().get("/api/docs").text
    assert all(f'id="{one.name}"' in text for one in (*TYPES, *FIELD_TYPES))


def test_the_page_is_html_without_script_or_anything_from_elsewhere(app: Flask) -> None:
    answer = app.test_client().get("/api/docs")
    assert answer.content_type == "text/html; charset=utf-8"
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    tree = parser.parse(answer.text)
    assert [node.tag for node in tree.iter() if node.tag in ("script", "img", "iframe", "style")] == []
    assert not [node for node in tree.iter() if "style" in node.attrib or any(str(name).startswith("on") for name in node.attrib)]
    (sheet,) = [node.attrib["href"] for node in tree.iter("link")]
    assert app.test_client().get(sheet).content_type == "text/css; charset=utf-8"
    ids = [node.attrib["id"] for node in tree.iter() if "id" in node.attrib]
    assert len(ids) == len(set(ids))
    links = {node.attrib["href"] for node in tree.iter("a")} - {"/api/openapi.json"}
    assert links <= {f"#{one}" for one in ids}
    for path in document(app)["paths"]:
        assert path in answer.text


def test_what_a_description_holds_is_shown_and_not_run() -> None:
    from api.openapi_page import page

    hostile = "<script>alert(1)</script>"
    shown = page({"info": {"title": hostile, "version": hostile, "description": hostile},
                  "components": {"schemas": {hostile: {"type": hostile}}},
                  "paths": {f"/{hostile}": {"get": {"summary": hostile, "responses": {"200": {"description": hostile}}}}}}, "/x")
    assert "<script" not in shown


@pytest.mark.parametrize("path", ["/api/openapi.json", "/api/docs", "/api/docs/style.css"])
def test_it_is_kept_for_a_minute_and_confirmed_by_its_tag(app: Flask, path: str) -> None:
    first = app.test_client().get(path)
    assert first.headers["Cache-Control"] == "public, max-age=60, must-revalidate"
    assert app.test_client().get(path, headers={"If-None-Match": first.headers["ETag"]}).status_code == 304
