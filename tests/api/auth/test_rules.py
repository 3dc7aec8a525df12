"""Auth's rules without an account or a database: where a request comes from, its form's token, its cookie, and who may what."""
from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import FrozenInstanceError

import pytest
from flask import Flask, Response, g, jsonify
from flask.testing import FlaskClient

from api.auth import csrf, session_cookie, sessions
from api.auth.oidc_routes import HOME, _local
from api.auth.sessions import Session
from api.auth.setup import _origins
from api.bodies import BODY_BYTES
from api.openapi import describe

OURS = "https://lectures.example"
FRIEND = "https://learn.example"
TOKEN = "s" + "x" * 43
HERE = {"Sec-Fetch-Site": "same-origin"}


def _app(*, https: bool = False) -> Flask:
    app = Flask(__name__)
    app.config["LECTERN_HTTPS"] = https
    csrf.init_app(app, frozenset({OURS, FRIEND}))

    @app.route("/write", methods=["GET", "POST"])
    def write() -> Response:
        return jsonify("done")

    @app.post("/signed")
    @describe(summary="Asked by who holds a secret", answers={200: None}, signed=("X-Signature",))
    def signed() -> Response:
        return jsonify("done")

    @app.post("/anonymous")
    @describe(summary="Changes nobody's data", answers={200: None}, anonymous=True)
    def anonymous() -> Response:
        return jsonify("done")

    return app


@pytest.fixture
def client() -> FlaskClient:
    client = _app().test_client()
    client.set_cookie("session", TOKEN)
    return client


# where a request comes from --------------------------------------------------------------------


@pytest.mark.parametrize(("headers", "status"), [
    (HERE, 200),
    ({"Sec-Fetch-Site": "same-site", "Origin": FRIEND}, 200),
    ({"Sec-Fetch-Site": "same-site", "Origin": "https://evil.example"}, 403),
    ({"Sec-Fetch-Site": "cross-site", "Origin": OURS}, 403),
    ({"Sec-Fetch-Site": "none"}, 403),
    ({"Origin": OURS}, 200),
    ({"Origin": "https://evil.example", "Referer": f"{OURS}/"}, 403),
    ({"Referer": f"{OURS}/videos/x/"}, 200),
    ({"Referer": OURS}, 200),
    ({"Referer": f"{OURS}.evil.example/"}, 403),
    ({}, 403),
])
def test_a_write_comes_from_here_by_what_the_browser_says(client: FlaskClient, headers: dict[str, str], status: int) -> None:
    answer = client.post("/write", headers={**headers, csrf.HEADER: csrf.token_of(TOKEN)})
    assert answer.status_code == status
    assert client.get("/write", headers=headers).status_code == 200


def test_the_forms_token_is_of_the_cookie_and_leads_back_to_none(client: FlaskClient) -> None:
    token = csrf.token_of(TOKEN)
    assert token == base64.urlsafe_b64encode(hashlib.sha256(b"csrf:" + TOKEN.encode()).digest()).decode().rstrip("=")
    assert client.post("/write", headers={**HERE, csrf.HEADER: token}).status_code == 200
    for wrong in ("", token[:-1], f"{token}x", csrf.token_of("a" + "x" * 43), "é"):
        assert client.post("/write", headers={**HERE, csrf.HEADER: wrong}).status_code == 403
    bare = _app().test_client()
    assert bare.post("/write", headers={**HERE, csrf.HEADER: csrf.token_of("")}).status_code == 403


def test_a_body_may_bear_the_token_where_no_header_does(client: FlaskClient) -> None:
    body = json.dumps({"csrf": csrf.token_of(TOKEN)}).encode()
    assert client.post("/write", headers=HERE, data=body).status_code == 200
    assert client.post("/write", headers={**HERE, csrf.HEADER: "wrong"}, data=body).status_code == 403
    whole = body + b" " * (BODY_BYTES - len(body))
    assert client.post("/write", headers=HERE, data=whole).status_code == 200
    assert client.post("/write", headers=HERE, data=whole + b" ").status_code == 403, "a longer one is not read"
    for broken in (b"{", b'{"csrf": 1}', b"[]", b'"\xff"', b"[" * 30_000):
        assert client.post("/write", headers=HERE, data=broken).status_code == 403


def test_who_signs_a_request_needs_neither_and_who_changes_nothing_needs_no_token(client: FlaskClient) -> None:
    assert client.post("/signed").status_code == 200
    assert client.post("/anonymous").status_code == 403
    assert client.post("/anonymous", headers=HERE).status_code == 200
    assert client.post("/nobody").status_code == 404
    assert client.put("/write").status_code == 405


# the cookie -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("given", "known"), [
    (TOKEN, TOKEN), ("a" + "x" * 43, "a" + "x" * 43), ("b" + "x" * 43, ""), ("s" + "x" * 42, ""), ("s" + "x" * 44, ""),
    ("s" + "é" * 43, ""), ("", "")])
def test_only_what_has_a_tokens_form_is_one(given: str, known: str) -> None:
    with _app().test_request_context(headers={"Cookie": f"session={given}"} if given else {}):
        assert session_cookie.cookie() == known
        assert session_cookie.opens(session_cookie.cookie()) == known.startswith("s")
        assert g.cookie == known


@pytest.mark.parametrize("https", [False, True])
def test_a_session_is_kept_for_its_life_and_a_strangers_token_for_the_browsers(https: bool) -> None:
    name = "__Host-session" if https else "session"
    more = "Secure; HttpOnly; Path=/; SameSite=Lax" if https else "HttpOnly; Path=/; SameSite=Lax"
    stranger = session_cookie.strangers_token()
    with _app(https=https).test_request_context():
        answer = Response()
        session_cookie.set_cookie(answer, TOKEN)
        assert session_cookie.cookie() == TOKEN, "the answer's own forms are of it"
        session_cookie.set_cookie(answer, stranger)
        session_cookie.forget_cookie(answer)
    begun, strange, gone = answer.headers.getlist("Set-Cookie")
    assert begun.startswith(f"{name}={TOKEN}; ")
    assert f"Max-Age={30 * 24 * 60 * 60};" in begun
    assert begun.endswith(more)
    assert strange == f"{name}={stranger}; {more}"
    assert gone.startswith(f"{name}=;")
    assert "Max-Age=0;" in gone
    assert gone.endswith(more)


def test_a_strangers_token_has_a_tokens_form_and_opens_nothing() -> None:
    token = session_cookie.strangers_token()
    assert len(token) == len(TOKEN)
    assert token != session_cookie.strangers_token()
    assert not session_cookie.opens(token)
    begun = session_cookie.sessions_token()
    assert session_cookie.opens(begun)
    assert len(begun) == len(TOKEN)
    assert begun != session_cookie.sessions_token()


def test_a_sessions_tag_is_not_what_the_database_keeps() -> None:
    kept = hashlib.sha256(TOKEN.encode()).digest()
    assert session_cookie.hash_of(TOKEN) == kept
    assert session_cookie.tag_of(TOKEN) == hashlib.sha256(b"tag:" + kept).hexdigest()[:16]


def test_how_long_sessions_live_and_how_many_there_are_is_as_the_docs_say() -> None:
    assert (session_cookie.LIFE_S, sessions.IDLE_S, sessions.FRESH_S) == (30 * 86_400, 14 * 86_400, 600)
    assert sessions.MOST_AN_ACCOUNT == 50


# who may what -----------------------------------------------------------------------------------


def _as(role: str | None, view: Callable[[], object]) -> object:
    """What *view* answers to somebody of *role*, or to nobody."""
    with _app().test_request_context():
        g.session_read = Session(1, role, 0, b"", "") if role else None
        return view()


def test_a_view_answers_its_role_and_those_above() -> None:
    @sessions.signed_in
    def own() -> str:
        return f"of {sessions.mine().role}"

    @sessions.signed_in(role="editor")
    def edit() -> str:
        return "edited"

    assert (own.__name__, edit.__name__) == ("own", "edit"), "Flask names addresses after their views"
    assert [_as(role, own) for role in sessions.ROLES] == ["of student", "of editor", "of admin"]
    assert [_as(role, edit) for role in ("editor", "admin")] == ["edited"] * 2
    refused = _as("student", edit)
    assert isinstance(refused, Response)
    assert refused.status_code == 403
    for view in (own, edit):
        stranger = _as(None, view)
        assert isinstance(stranger, Response)
        assert (stranger.status_code, stranger.headers["WWW-Authenticate"]) == (401, 'Cookie realm="lectern"')
    with pytest.raises(AssertionError):
        sessions.signed_in(role="king")


def test_nothing_changes_who_asks() -> None:
    session = Session(1, "student", 0, b"", "")
    with pytest.raises(FrozenInstanceError):
        session.role = "admin"  # type: ignore[misc]


def test_where_no_session_was_made_sure_of_there_is_none() -> None:
    with pytest.raises(AssertionError):
        _as(None, sessions.mine)


def test_who_asks_is_looked_up_once_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Session | None] = [None]
    monkeypatch.setattr(sessions, "_read", lambda: asked.append(None))
    with _app().test_request_context():
        assert [sessions.current(), sessions.current()] == [None, None]
    assert len(asked) == 2


# where nobody is sent ---------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "led"), [
    ("/", "/"), ("/videos/x/?t=5#a", "/videos/x/?t=5#a"), ("", HOME), ("videos/", HOME), ("//evil.example/", HOME),
    ("/\\evil.example", HOME), ("/x\\y", HOME), ("/x y", HOME), ("/x\n", HOME), ("/\u2028", HOME), ("https://evil.example/", HOME)])
def test_a_log_in_leads_to_a_path_of_this_site(path: str, led: str) -> None:
    assert _local(path) == led


def test_a_loopback_address_has_several_names_and_any_other_one() -> None:
    assert {"http://127.0.0.1:8000", "http://localhost:8000"} <= _origins("http://127.0.0.1:8000") == _origins("http://localhost:8000")
    for base in ("https://localhost", "http://127.0.0.1.evil.example", "http://localhosts:80", OURS):
        assert _origins(base) == {base}
    assert "http://127.0.0.1" in _origins("http://localhost")
