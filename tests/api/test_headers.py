"""What every answer bears and what none does: codings, tags, other origins, one policy on every route."""
from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import brotli  # type: ignore[import-untyped]
import flask_compress.flask_compress
import pytest
from backports import zstd
from flask import Flask, Response, request
from flask.testing import FlaskClient

from api import cache
from api.app import create_app
from api.settings import read_api_settings
from edge.errors import SettingsError
from edge.policy import page_headers
from edge.store import open_store

UNPACK: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "br": brotli.decompress, "zstd": zstd.decompress, "identity": bytes}
LONG = b'["' + b"word " * 200 + b'"]'
OURS = "https://learn.example"
Make = Callable[..., Flask]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    with ExitStack() as stack:
        def made(**more: str) -> Flask:
            settings = read_api_settings({"LECTERN_DATA": str(tmp_path), **more})
            app: Flask = create_app(settings, stack.enter_context(closing(open_store(settings.shared.store))))
            _routes(app)
            return app

        yield made


@pytest.fixture
def client(make: Make) -> FlaskClient:
    return make().test_client()


def _routes(app: Flask) -> None:
    answers: dict[str, Callable[[], Response]] = {
        "long": lambda: Response(LONG, content_type="application/json"),
        "part": lambda: Response(LONG[:1000], 206, {"Content-Range": "bytes 0-999/1004"}, content_type="application/json"),
        "none": lambda: Response(status=204),
        "two": lambda: Response([b"{", b"}"], content_type="application/json"),
        "stream": lambda: Response((LONG for _ in range(2)), content_type="application/json"),
        "as-it-is": lambda: Response(LONG, headers={"Cache-Control": "private, no-transform"}, content_type="application/json"),
        "auth/secret": lambda: Response(LONG, content_type="application/json"),
        "own-policy": lambda: Response(LONG, headers={"Content-Security-Policy": "default-src *"}, content_type="text/html"),
    }
    for name, answer in answers.items():
        app.add_url_rule(f"/api/v1/{name}", f"try.{name}", answer)

    @app.get("/api/v1/kept/<what>")
    def kept(what: str) -> Response:
        body, _ = cache.current().get_or_make(what, lambda: b'["' + what.encode() * 200 + b'"]', 300)
        made = Response(body, content_type="application/json")
        made.set_etag(what)
        made.make_conditional(request)
        return made

    @app.get("/api/v1/tagged")
    def tagged() -> Response:
        made = Response(LONG, content_type="application/json")
        made.set_etag("x")
        made.make_conditional(request)
        return made


@pytest.mark.parametrize("name", ["part", "none", "two", "stream", "as-it-is", "auth/secret"])
@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_what_gains_nothing_or_must_not_is_left_as_it_is(client: FlaskClient, name: str, coding: str) -> None:
    answer = client.get(f"/api/v1/{name}", headers={"Accept-Encoding": coding})
    assert "Content-Encoding" not in answer.headers
    assert "Accept-Encoding" in answer.headers["Vary"]
    assert answer.data == {"part": LONG[:1000], "none": b"", "two": b"{}", "stream": LONG * 2}.get(name, LONG)


@pytest.mark.parametrize(("asked", "coding"), [
    ("gzip;q=0", None), ("gzip;q=0.000, br;q=0", None), ("gzip; q=0 , br", "br"), ("gzip;q=0.5, br;q=0", "gzip"), ("identity", None),
    ("gzip, br;q=0, zstd;q=0.0", "gzip"), ("gzip, deflate, br, zstd", "zstd"), ("", None), ("gzip;q=1.0", "gzip"),
    ("br;q=0.001, gzip;q=0", "br"),
])
def test_a_coding_that_is_refused_is_not_used(client: FlaskClient, asked: str, coding: str | None) -> None:
    answer = client.get("/api/v1/long", headers={"Accept-Encoding": asked})
    assert answer.headers.get("Content-Encoding") == coding
    assert UNPACK[coding or "identity"](answer.data) == LONG
    assert int(answer.headers["Content-Length"]) == len(answer.data)


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "identity"])
def test_each_coding_has_a_strong_tag_of_its_own_and_its_304(client: FlaskClient, coding: str) -> None:
    first = client.get("/api/v1/tagged", headers={"Accept-Encoding": coding})
    tag = first.headers["ETag"]
    assert tag == ('"x"' if coding == "identity" else f'"x:{coding}"')
    for field in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        again = client.get("/api/v1/tagged", headers={"Accept-Encoding": coding, "If-None-Match": field})
        assert (again.status_code, again.data) == (304, b"")
        assert "Accept-Encoding" in again.headers["Vary"]
    other = client.get("/api/v1/tagged", headers={"Accept-Encoding": coding, "If-None-Match": '"y"'})
    assert (other.status_code, len(other.data)) == (200, len(first.data))


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "identity"])
def test_what_is_kept_is_compressed_once_and_never_anothers(client: FlaskClient, coding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    packs: list[bytes] = []
    real = flask_compress.flask_compress._compress_data

    def counted(app: Flask, data: bytes, algorithm: str) -> bytes:
        packs.append(data)
        return real(app, data, algorithm)

    monkeypatch.setattr("flask_compress.flask_compress._compress_data", counted)
    said: dict[str, list[tuple[Any, ...]]] = {}
    for what in ("ann", "bob", "ann", "bob", "ann"):
        answer = client.get(f"/api/v1/kept/{what}", headers={"Accept-Encoding": coding})
        said.setdefault(what, []).append((answer.status_code, answer.data, sorted(
            (name, value) for name, value in answer.headers
            if name not in ("Date", "RateLimit", "X-Request-ID", "X-Cache", "Cache-Status"))))
    assert len(packs) == (0 if coding == "identity" else 2)
    for what, answers in said.items():
        assert answers == answers[:1] * len(answers)
        tag = f'"{what}"' if coding == "identity" else f'"{what}:{coding}"'
        again = client.get(f"/api/v1/kept/{what}", headers={"Accept-Encoding": coding, "If-None-Match": tag})
        assert (again.status_code, again.data) == (304, b"")
        assert UNPACK[coding](answers[0][1]) == b'["' + what.encode() * 200 + b'"]'


def test_the_secrets_of_forms_are_never_compressed(client: FlaskClient) -> None:
    """Their length would tell them where what somebody else chose is compressed beside them."""
    assert client.get("/api/v1/auth/secret", headers={"Accept-Encoding": "br"}).data == LONG


def test_a_view_cannot_weaken_the_policy(client: FlaskClient) -> None:
    ours = dict(page_headers(https=False))["Content-Security-Policy"]
    assert client.get("/api/v1/own-policy").headers.getlist("Content-Security-Policy") == [ours]


@pytest.mark.parametrize("https", [True, False])
def test_every_route_bears_the_policy_and_says_how_long_it_may_be_kept(make: Make, https: bool) -> None:
    app = make(**({"LECTERN_BASE_URL": "https://lectures.example"} if https else {}))
    asked = 0
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("try.") or rule.endpoint in ("tagged", "kept"):
            continue
        path = rule.rule.replace("<", "").replace(">", "").replace("int:", "").replace("id:", "")
        for method in sorted(rule.methods or ()):
            answer = app.test_client().open(path, method=method)
            assert dict(page_headers(https=https)).items() <= dict(answer.headers).items(), f"{method} {path}"
            if method not in ("OPTIONS", "HEAD"):
                assert "Cache-Control" in answer.headers, f"{method} {path}"
                asked += 1
    assert asked > 20


def test_origins_are_named_in_full() -> None:
    def origins(text: str) -> tuple[str, ...]:
        return read_api_settings({"LECTERN_CORS_ORIGINS": text}).cors_origins

    assert origins("https://learn.example, HTTPS://a.example:8443/,https://learn.example") == (OURS, "https://a.example:8443")
    for bad in ("*", "https://*.example.org", "https://x/y", "learn.example", "https://.*", "https://a b", "https://[a-z]", "null",
                "https://u@x.example", "https://x.example?", "https://x.example$"):
        with pytest.raises(SettingsError, match="LECTERN_CORS_ORIGINS"):
            origins(bad)


def test_a_named_origin_may_ask_with_its_cookies(make: Make) -> None:
    client = make(LECTERN_CORS_ORIGINS=OURS).test_client()
    answer = client.get("/api/v1/long", headers={"Origin": OURS})
    assert answer.headers["Access-Control-Allow-Origin"] == OURS
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert "ETag" in answer.headers["Access-Control-Expose-Headers"]
    assert "Origin" in answer.headers["Vary"]
    preflight = client.options("/api/v1/long", headers={"Origin": OURS, "Access-Control-Request-Method": "GET",
                                                       "Access-Control-Request-Headers": "x-csrf-token, x-other"})
    assert (preflight.status_code, preflight.headers["Access-Control-Max-Age"]) == (200, "600")
    assert preflight.headers["Access-Control-Allow-Headers"].lower() == "x-csrf-token"


@pytest.mark.parametrize("origin", [
    "https://evil.example", "https://learn.example.evil.example", "https://xlearn.example", "http://learn.example", "https://learn.example:8443",
    "https://learn-example", "https://learnxexample", "null", "", "https://sub.learn.example"])
@pytest.mark.parametrize("path", ["/api/v1/long", "/api/v1/nobody"])
def test_who_only_looks_like_it_may_not(make: Make, origin: str, path: str) -> None:
    answer = make(LECTERN_CORS_ORIGINS=f"{OURS},https://a.example").test_client().get(path, headers={"Origin": origin} if origin else {})
    assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]
    assert "Origin" in answer.headers["Vary"]


def test_where_no_origin_is_named_none_may(client: FlaskClient) -> None:
    answer = client.get("/api/v1/long", headers={"Origin": OURS})
    assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]


def test_a_refusal_by_the_limit_can_be_read_by_a_named_origin(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    app = make(LECTERN_CORS_ORIGINS=OURS)
    limits: Any = app.extensions["lectern.limits"]
    monkeypatch.setattr(limits, "_total", type(limits._total)(1, 900))
    answers = [app.test_client().get("/api/v1/long", headers={"Origin": OURS}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert answers[1].headers["Access-Control-Allow-Origin"] == OURS
    assert "Retry-After" in answers[1].headers["Access-Control-Expose-Headers"]
    assert answers[1].headers["X-Content-Type-Options"] == "nosniff"
