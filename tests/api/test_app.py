"""Site and API as one application: who answers what, problems, headers, limits."""
from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest
from flask import Flask, Response, jsonify
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.app import create_app
from api.settings import ApiSettings, read_api_settings
from edge.policy import page_headers
from edge.store import open_store
from edge.store.port import Put, Store
from tests.edge.pages import page
from tests.edge.servers import free_port

Make = Callable[..., Flask]


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., ApiSettings]:
    def made(**more: str) -> ApiSettings:
        return read_api_settings({"LECTERN_DATA": str(tmp_path / "data"), **more})

    return made


@pytest.fixture
def make(settings: Callable[..., ApiSettings]) -> Iterator[Make]:
    """Makes the application over a store with a home page; two routes stand in for those to come."""
    stores: list[Store] = []

    def made(**more: str) -> Flask:
        these = settings(**more)
        store = open_store(these.shared.store)
        stores.append(store)
        store.put([Put(page("index.html", "<h1>home</h1>")), Put(page("404.html", "<html>nobody</html>"))])
        app = create_app(these, store)

        @app.get("/api/v1/long")
        def long() -> Response:
            return jsonify(["word"] * 500)

        @app.get("/api/v1/bad")
        def bad() -> Response:
            raise LookupError("the password is hunter2")

        return app

    yield made
    for store in stores:
        store.close()


@pytest.fixture
def client(make: Make) -> FlaskClient:
    return make().test_client()


def test_the_site_answers_everywhere_but_below_api(client: FlaskClient) -> None:
    assert client.get("/").text == "<h1>home</h1>"
    assert client.get("/apis/").text == "<html>nobody</html>"
    assert client.get("/healthz/").text == "<html>nobody</html>"
    assert client.post("/").status_code == 405


def test_health_is_told_to_any_host_and_kept_by_nobody(client: FlaskClient) -> None:
    for host in ("127.0.0.1", "10.20.30.40:8000", "whoever.example"):
        answer = client.get("/healthz", headers={"Host": host})
        assert (answer.status_code, answer.json) == (200, {"status": "up"})
        assert answer.headers["Cache-Control"] == "no-store"


def test_readiness_is_the_stores_and_the_databases(make: Make, dsn: str) -> None:
    answer = make(DATABASE_URL=dsn).test_client().get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"store": "works", "database": "works"})
    assert make().test_client().get("/readyz").json == {"store": "works"}


def test_a_database_that_does_not_answer_is_not_ready_and_not_described(make: Make) -> None:
    url = f"postgresql://user:secret@127.0.0.1:{free_port()}/catalog"
    answer = make(DATABASE_URL=url).test_client().get("/readyz")
    assert_problem(answer, 503)
    assert "database" in str(answer.json)
    assert "secret" not in answer.text


def test_a_store_that_does_not_answer_is_not_ready(settings: Callable[..., ApiSettings]) -> None:
    store = open_store(settings().shared.store)
    app = create_app(settings(), store)
    store.close()
    answer = app.test_client().get("/readyz")
    assert_problem(answer, 503)
    assert "store" in str(answer.json)


def test_an_unknown_address_of_the_api_is_a_problem(client: FlaskClient) -> None:
    for path in ("/api", "/api/", "/api/v1/nobody"):
        answer = client.get(path)
        assert_problem(answer, 404)
        assert answer.json is not None
        assert answer.json["instance"] == path


def test_a_wrong_method_is_a_problem_that_names_the_right_ones(client: FlaskClient) -> None:
    answer = client.post("/api/v1/long")
    assert_problem(answer, 405)
    assert "GET" in answer.headers["Allow"]


def test_a_failure_inside_is_a_problem_without_the_inside(client: FlaskClient) -> None:
    answer = client.get("/api/v1/bad")
    assert_problem(answer, 500)
    assert "hunter2" not in answer.text


def test_a_body_that_is_too_big_is_refused(client: FlaskClient, make: Make) -> None:
    app = make()

    @app.post("/api/v1/take")
    def take() -> Response:
        from flask import request

        return jsonify(len(request.get_data()))

    client = app.test_client()
    asked = client.get("/api/v1/auth/session").get_json()
    told = {"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": asked["csrf"]}
    assert client.post("/api/v1/take", data=b"x" * 65_536, headers=told).json == 65_536
    assert_problem(client.post("/api/v1/take", data=b"x" * 65_537, headers=told), 413)


@pytest.mark.parametrize("base", ["http://127.0.0.1:8000", "https://lectures.example"])
@pytest.mark.parametrize("path", ["/", "/nobody/", "/api/v1/long", "/api/v1/bad", "/api/v1/nobody", "/healthz"])
def test_every_answer_bears_the_one_policy(make: Make, base: str, path: str) -> None:
    app = make(LECTERN_BASE_URL=base, LECTERN_FRAME_HOSTS="tube.example")
    answer = app.test_client().get(path)
    for name, value in page_headers(https=base.startswith("https"), frame_hosts=["tube.example"]):
        assert answer.headers.getlist(name) == [value]
    assert ("Strict-Transport-Security" in answer.headers) == base.startswith("https")


@pytest.mark.parametrize("proto", ["http", "https,http", "HTTP", "https"])
def test_nobody_is_sent_to_https_by_what_a_header_claims(make: Make, proto: str) -> None:
    client = make(LECTERN_BASE_URL="https://lectures.example").test_client()
    for method in ("GET", "POST", "OPTIONS"):
        answer = client.open("/api/v1/long", method=method, headers={"X-Forwarded-Proto": proto})
        assert answer.status_code in (200, 405)


def test_a_host_that_is_not_ours_is_refused_by_the_api_and_never_echoed(make: Make) -> None:
    client = make(LECTERN_BASE_URL="https://lectures.example").test_client()
    for host in ("lectures.example", "lectures.example:443", "127.0.0.1:8000", "localhost"):
        assert client.get("/api/v1/long", headers={"Host": host}).status_code == 200
    for host in ("evil.example", "lectures.example.evil.example"):
        answer = client.get("/api/v1/long", headers={"Host": host})
        assert answer.status_code == 400
        assert "evil" not in answer.text


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "identity"])
def test_what_gains_by_it_is_compressed_and_each_answer_says_that_it_may_be(client: FlaskClient, coding: str) -> None:
    answer = client.get("/api/v1/long", headers={"Accept-Encoding": coding})
    assert answer.headers.get("Content-Encoding", "identity") == coding
    assert "Accept-Encoding" in answer.headers["Vary"]
    if coding == "gzip":
        assert json.loads(gzip.decompress(answer.data)) == ["word"] * 500
    assert "Content-Encoding" not in client.get("/healthz", headers={"Accept-Encoding": coding}).headers


def test_the_compressor_keeps_nothing(make: Make) -> None:
    """Its cache is keyed by path: one student would read another's answer."""
    assert make().config["COMPRESS_CACHE_BACKEND"] is None


def assert_problem(answer: TestResponse, status: int) -> None:
    """RFC 9457."""
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert answer.json is not None
    assert answer.json["status"] == status
    assert {"type", "title", "detail", "instance"} <= set(answer.json)
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("error", "status"), [
    (psycopg2.DatabaseError("server closed the connection unexpectedly"), 503), (psycopg2.OperationalError("no answer"), 503),
    (psycopg2.ProgrammingError("no results to fetch"), 500), (psycopg2.IntegrityError("twice"), 500)])
def test_a_database_that_crashed_may_be_asked_again_and_a_mistake_of_ours_may_not(make: Make, error: Exception, status: int) -> None:
    app = make()

    def fails() -> Response:
        raise error

    app.add_url_rule("/api/v1/fails", view_func=fails)
    answer = app.test_client().get("/api/v1/fails")
    assert_problem(answer, status)
    assert ("Retry-After" in answer.headers) is (status == 503)
