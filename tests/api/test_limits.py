"""One window over the whole API, counted before anything else, told in seconds."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask, Response, jsonify
from flask.testing import FlaskClient

from api.app import create_app
from api.limits import client as who
from api.settings import of_shared, read_api_settings
from edge.settings import read_settings
from edge.store import open_store
from edge.tiers import PROFILES

LIMIT = 5


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    settings = read_api_settings({"LECTERN_DATA": str(tmp_path)})
    store = open_store(settings.shared.store)
    app = create_app(replace(settings, requests_per_window=LIMIT), store)

    @app.get("/api/v1/fine")
    def fine() -> Response:
        return jsonify("fine")

    @app.get("/api/v1/busy")
    def busy() -> Response:
        answer = jsonify("busy")
        answer.status_code = 503
        answer.headers["Retry-After"] = "5"
        return answer

    yield app.test_client()
    store.close()


def test_the_limit_is_the_profiles() -> None:
    for name, profile in PROFILES.items():
        assert of_shared(read_settings({"LECTERN_PROFILE": name})).requests_per_window == profile.requests_per_window


def test_beyond_the_limit_a_client_is_told_when_to_come_back(client: FlaskClient) -> None:
    assert [client.get("/api/v1/fine").status_code for _ in range(LIMIT + 2)] == [200] * LIMIT + [429] * 2
    answer = client.get("/api/v1/fine")
    assert answer.content_type == "application/problem+json"
    assert 0 < int(answer.headers["Retry-After"]) <= 900
    assert "Content-Security-Policy" in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/api/v1/nobody", "/api/", "/api/v1/busy"])
def test_one_count_holds_for_all_addresses_known_or_not(client: FlaskClient, path: str) -> None:
    for _ in range(LIMIT):
        assert client.get(path).status_code != 429
    assert client.get("/api/v1/fine").status_code == 429


def test_wrong_methods_count_and_preflights_do_not(client: FlaskClient) -> None:
    for _ in range(2 * LIMIT):
        assert client.options("/api/v1/fine").status_code == 200
    for _ in range(LIMIT):
        assert client.post("/api/v1/fine").status_code == 405
    assert client.get("/api/v1/fine").status_code == 429


def test_pages_and_health_are_not_counted(client: FlaskClient) -> None:
    for path in ("/", "/healthz", "/readyz"):
        for _ in range(2 * LIMIT):
            assert client.get(path).status_code != 429
    assert client.get("/api/v1/fine").status_code == 200


def test_another_client_has_a_count_of_its_own(client: FlaskClient) -> None:
    for _ in range(LIMIT + 1):
        client.get("/api/v1/fine", environ_base={"REMOTE_ADDR": "192.0.2.1"})
    assert client.get("/api/v1/fine", environ_base={"REMOTE_ADDR": "192.0.2.1"}).status_code == 429
    assert client.get("/api/v1/fine", environ_base={"REMOTE_ADDR": "192.0.2.2"}).status_code == 200


def test_what_is_left_is_told_in_structured_fields_and_only_a_refusal_says_retry(client: FlaskClient) -> None:
    answers = [client.get("/api/v1/fine") for _ in range(2)]
    assert [a.headers["RateLimit"].split(";t=")[0] for a in answers] == ['"requests";r=4', '"requests";r=3']
    assert answers[0].headers["RateLimit-Policy"] == '"requests";q=5;w=900'
    assert 0 < int(answers[0].headers["RateLimit"].split(";t=")[1]) <= 900
    for answer in answers:
        assert "Retry-After" not in answer.headers
        assert not [name for name, _ in answer.headers if name.startswith("X-RateLimit")]
    assert client.get("/api/v1/busy").headers["Retry-After"] == "5"


@pytest.mark.parametrize(("address", "counted_as"), [
    ("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"),
    ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
    ("2001:db8:1:3::9", "2001:db8:1:3::/64"), ("", "unknown"), ("@", "unknown"), ("192.0.2.7:80", "unknown"),
])
def test_a_client_is_an_ipv4_address_or_an_ipv6_network(address: str, counted_as: str) -> None:
    with Flask("x").test_request_context(environ_base={"REMOTE_ADDR": address}):
        assert who() == counted_as
