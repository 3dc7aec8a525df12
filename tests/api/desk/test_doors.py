"""Who gets in: editors and admins, and nobody else by any route; and what every route that writes asks for."""
from __future__ import annotations

import re
from typing import Any

from flask import Flask
from openapi_spec_validator import validate

from api.openapi import description_of, document
from tests.api.conftest import Make
from tests.api.desk.conftest import V1, Editor
from tests.api.students import BASE, sql

HOOK = f"{V1}/hooks/publish"


def routes(app: Flask) -> list[tuple[str, str, bool]]:
    """Method and address of every route of the desk, and whether If-Match must name something."""
    found = []
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(V1):
            path = re.sub(r"<id:\w+>", "1", rule.rule.replace("<kind>", "video"))
            said = description_of(app.view_functions[rule.endpoint])
            assert said is not None
            found += [(method, path, said.matched) for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}]
    assert len(found) > 25
    return found


def test_there_is_no_desk_unless_it_is_switched_on(make: Make) -> None:
    app = make()
    assert not [rule for rule in app.url_map.iter_rules() if rule.rule.startswith(V1)]
    assert app.test_client().get(f"{V1}/health").status_code == 404


def test_students_strangers_and_ended_sessions_get_nothing_by_any_route(app: Flask, pupil: Editor, eve: Editor) -> None:
    sql(eve.dsn, "UPDATE student.session SET expires_at = now() - interval '1 second' WHERE account_id = %s", eve.id)
    for method, path, _ in routes(app):
        if path == HOOK:
            continue
        asked: dict[str, Any] = {} if method == "GET" else {"json": {}}
        assert pupil.tries(method, path.removeprefix(V1), *asked.values()).status_code == 403, (method, path)
        assert eve.tries(method, path.removeprefix(V1), *asked.values()).status_code == 401, (method, path)
        stranger = app.test_client().open(path, method=method, base_url=BASE, headers={"Sec-Fetch-Site": "same-origin"}, **asked)
        assert stranger.status_code in (401, 403), (method, path)  # 403: no form's token
        assert b"title" not in stranger.data.replace(b'"title"', b"")
    assert sql(eve.dsn, "SELECT count(*) FROM desk.edit") == sql(eve.dsn, "SELECT count(*) FROM desk.question") == [(0,)]


def test_editors_neither_roll_back_nor_end_the_hold(eve: Editor) -> None:
    for path in ("/rollback", "/unhold"):
        assert eve.tries("POST", path, {"to": 1}, seen="w1").status_code == 403


def test_every_route_that_writes_one_thing_asks_which_version_was_seen(app: Flask, root: Editor) -> None:
    matched = [(method, path) for method, path, matched in routes(app) if matched]
    assert len(matched) >= 8
    edit = root.edits("video", 1, title="Mine")
    for method, path in [*matched, ("POST", f"{V1}/edits")]:
        here = path.removeprefix(V1).replace("/edits/1", f"/edits/{edit['id']}")
        bodies: dict[str, dict[str, Any]] = {"edits": {"kind": "video", "thing": 1}, "rollback": {"to": 1}}
        body = bodies.get(path.rpartition("/")[2], {"changes": {}})
        assert root.tries(method, here, body).status_code == 428, (method, path)
        assert root.tries(method, here, body, seen='*').status_code in (412, 428), (method, path)
    assert root.tries("POST", "/publish", {"edits": [{"id": edit["id"]}]}).status_code == 428
    assert root.tries("POST", "/undo", {"edits": [{"id": edit["id"]}]}).status_code == 428
    assert root.tries("POST", "/withdraw", {"things": [{"kind": "video", "id": 1}]}).status_code == 428


def test_no_form_s_token_no_deed(eve: Editor) -> None:
    answer = eve.ask("POST", f"{V1}/exports", json={"format": "csv"})
    assert answer.status_code == 403


def test_the_description_knows_the_desk_and_is_valid(app: Flask) -> None:
    said = document(app)
    validate(said)
    assert said["paths"][f"{V1}/edits/{{id}}/publish"]["post"]["responses"]["412"]["content"]["application/problem+json"]["schema"] == {
        "$ref": "#/components/schemas/Conflict"}
    assert {p["name"] for p in said["paths"][HOOK]["post"]["parameters"]} == {"webhook-id", "webhook-timestamp", "webhook-signature"}


def test_an_editor_s_typing_is_counted_apart_and_more_of_it_is_let_through(eve: Editor) -> None:
    eve.get(f"{V1}/edits")  # from now on the session is known
    assert eve.get(f"{V1}/edits").headers["RateLimit-Policy"] == '"desk";q=5000;w=900'
    assert eve.get("/api/v1/me/history").headers["RateLimit-Policy"] == '"requests";q=1000;w=900'
