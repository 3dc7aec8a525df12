"""One window over the whole API, counted before anything else, told in seconds."""
from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response, abort, current_app, jsonify, request
from flask.testing import FlaskClient

from api import bodies, limits, pool
from api.app import create_app
from api.auth import csrf, sessions
from api.auth.session_cookie import cookie, hash_of, opens, strangers_token
from api.auth.sessions import Session
from api.counters.redis import RedisCounter
from api.errors import ServeError
from api.settings import read_api_settings
from api.shared_redis import SharedRedis
from edge.store import open_store
from edge.tiers import PROFILES
from tests.api import counter_files, redises
from tests.api.students import Student, fill
from tests.edge.servers import wait_until

LIMIT = 5
Make = Callable[..., Flask]


def _session() -> Session | None:
    """As the database would tell."""
    account = current_app.config["VALID"].get(cookie())
    return Session(account, "student", 1, hash_of(cookie()), "tag") if account else None


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes the application with a limit of five and a few routes of its own; settings by name."""
    monkeypatch.setattr(sessions, "_read", _session)
    with ExitStack() as stack:
        def made(**more: Any) -> Flask:
            url = more.pop("redis_url", None)
            settings = read_api_settings({"LECTERN_DATA": str(tmp_path), **({"REDIS_URL": url} if url else {})})
            store = stack.enter_context(closing(open_store(settings.shared.store)))
            app: Flask = create_app(replace(settings, **{"requests_per_window": LIMIT, "auth_attempts_per_window": LIMIT, **more}), store)
            app.before_request_funcs[None].remove(csrf.check)  # what it refuses is counted all the same, but hides the rest
            app.config["VALID"] = {}
            _routes(app)
            return app

        yield made


@pytest.fixture
def client(make: Make) -> FlaskClient:
    return make().test_client()


def _routes(app: Flask) -> None:
    @app.get("/api/v1/fine")
    def fine() -> Response:
        if opens(cookie()) and sessions.current() is None:
            abort(401)
        return jsonify("fine")

    @app.get("/api/v1/busy")
    def busy() -> Response:
        answer = jsonify("busy")
        answer.status_code = 503
        answer.headers["Retry-After"] = "5"
        return answer

    @app.post("/api/v1/auth/try")
    def log_in() -> Response:
        account = bodies.read(dict)["account"]
        limits.current().check_login(account)
        if request.args.get("right"):
            limits.current().count_good_login(account)
            return jsonify("in")
        limits.current().count_failed_login(account)
        abort(401)


def test_the_limit_is_the_profiles() -> None:
    for name, profile in PROFILES.items():
        assert read_api_settings({"LECTERN_PROFILE": name}).requests_per_window == profile.requests_per_window


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


@pytest.mark.parametrize(("text", "counted_as"), [
    ("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"), ("192.0.2.7:80", "192.0.2.7"), ("[2001:db8::1]:80", "2001:db8::/64"),
    ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("2001:db8:1:2::9", "2001:db8:1:2::/64"), ("fe80::1%eth0", "fe80::/64"),
    ("2001:db8:1:3::9", "2001:db8:1:3::/64"), ("", None), ("@", None), ("unknown", None), ('"1.2.3.4', None), ("1.2.3", None),
])
def test_a_client_is_an_ipv4_address_or_an_ipv6_network(text: str, counted_as: str | None) -> None:
    assert limits.address(text) == counted_as


@pytest.mark.parametrize(("forwarded", "counted_as"), [
    ("192.0.2.1, 198.51.100.7, 10.0.0.1", "198.51.100.7"),
    ("192.0.2.1, 198.51.100.7:4711, 10.0.0.1", "198.51.100.7"),
    ('"192.0.2.1, 198.51.100.7, 10.0.0.1', "198.51.100.7"),  # an unpaired quote, which ends other parsers' list
    ("203.0.113.5, 203.0.113.6, 198.51.100.7, 10.0.0.1", "198.51.100.7"),  # what a client adds stands further left
    ("10.0.0.1", "127.0.0.1"), ("", "127.0.0.1"),  # fewer than are trusted: nobody of them is
])
def test_the_address_is_the_one_that_the_outermost_trusted_proxy_wrote(
        make: Make, caplog: pytest.LogCaptureFixture, forwarded: str, counted_as: str) -> None:
    app = make(trusted_proxies=2)
    with app.test_request_context(headers={"X-Forwarded-For": forwarded}, environ_base={"REMOTE_ADDR": "127.0.0.1"}):
        assert limits.Limits.client(app.extensions[limits.EXTENSION]) == counted_as
    assert ("fewer_proxies" in caplog.text) == (counted_as == "127.0.0.1")


def test_a_forwarded_address_that_is_none_is_refused(make: Make) -> None:
    answer = make(trusted_proxies=1).test_client().get("/api/v1/fine", headers={"X-Forwarded-For": "1.2.3.4, nobody"})
    assert answer.status_code == 400
    assert answer.content_type == "application/problem+json"


def test_a_forwarded_address_is_nothing_where_no_proxy_is_trusted(client: FlaskClient) -> None:
    answers = [client.get("/api/v1/fine", headers={"X-Forwarded-For": f"192.0.2.{n}"}).status_code for n in range(LIMIT + 1)]
    assert answers == [200] * LIMIT + [429]


def test_a_class_behind_one_address_is_counted_by_its_students(make: Make) -> None:
    app = make()
    tokens = [student(app, number) for number in range(1, 5)]
    asked = [get(app, token) for token in tokens for _ in range(LIMIT)]
    assert asked == [200] * (LIMIT * 4)
    assert get(app, tokens[0]) == 429


@pytest.mark.parametrize("spent", [False, True])
def test_a_school_of_more_students_than_the_limit_is_served_by_every_process(make: Make, tmp_path: Path, spent: bool) -> None:
    """Each process sees each of them for the first time; strangers behind the same address may have spent its count before."""
    with counter_files.removed(tmp_path):
        processes = make(processes=2), make(processes=2)
        for _ in range(LIMIT * spent):
            assert processes[0].test_client().get("/api/v1/fine").status_code == 200
        for number in range(1, 3 * LIMIT):
            token = student(processes[0], number)
            processes[1].config["VALID"][token] = number
            assert [get(app, token) for app in processes] == [200, 200]
        assert processes[0].test_client().get("/api/v1/fine").status_code == (429 if spent else 200)
        assert [get(app, "s" + strangers_token()[1:]) for app in processes * LIMIT][-1] == 429


def test_one_students_many_sessions_are_one_count(make: Make) -> None:
    app = make()
    tokens = [student(app, 7), student(app, 7)]
    for token in tokens:
        get(app, token)
    assert [get(app, tokens[n % 2]) for n in range(LIMIT)] == [200] * (LIMIT - 2) + [429] * 2


def test_an_address_has_a_ceiling_however_many_students_it_is(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ADDRESS_CEILING", 2)
    app = make()
    tokens = [student(app, number) for number in range(1, 5)]
    asked = [get(app, token) for _ in range(LIMIT) for token in tokens]
    assert asked.count(200) == 2 * LIMIT


def test_invented_tokens_are_counted_by_address_and_their_401_too(make: Make) -> None:
    app = make()
    assert [get(app, "s" + strangers_token()[1:]) for _ in range(LIMIT + 1)] == [401] * LIMIT + [429]
    assert app.test_client().get("/api/v1/fine").status_code == 429


def test_invented_tokens_cost_a_read_of_the_database_no_oftener_than_the_ceiling(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ADDRESS_CEILING", 2)
    app = make()
    read: list[str] = []
    monkeypatch.setattr(sessions, "_read", lambda: read.append(cookie()))
    assert [get(app, "s" + strangers_token()[1:]) for _ in range(4 * LIMIT)] == [401] * LIMIT + [429] * 3 * LIMIT
    assert len(read) == 2 * LIMIT


def test_who_asks_while_the_database_is_away_is_counted_by_address(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    app = make()
    token = student(app, 1)
    with monkeypatch.context() as away:
        away.setattr(sessions, "_read", lambda: pool.Pool("host=/nowhere", share=1).read("SELECT 1"))
        assert [get(app, token) for _ in range(LIMIT)] == [503] * LIMIT
    assert app.test_client().get("/api/v1/fine").status_code == 429
    assert get(app, token) == 200, "and is a student again when it is back"


def test_real_sessions_of_a_school_are_proved_before_they_are_counted(dsn: str, tmp_path: Path) -> None:
    fill(dsn)
    settings = read_api_settings({"LECTERN_DATA": str(tmp_path), "DATABASE_URL": dsn})
    with closing(open_store(settings.shared.store)) as store:
        app = create_app(replace(settings, requests_per_window=LIMIT), store)
        students = [Student(dsn, app) for _ in range(2 * LIMIT)]
        assert [one.get("/overlay?videos=1").status_code for one in students] == [200] * 2 * LIMIT
        app.extensions[pool.EXTENSION].close()


def test_a_session_that_ended_spends_nobodys_count(make: Make) -> None:
    app = make()
    token = student(app, 3)
    get(app, token)
    app.config["VALID"].clear()
    get(app, token)  # the last that is the student's
    assert [get(app, token) for _ in range(LIMIT + 1)] == [401] * LIMIT + [429]


def test_only_failed_attempts_count_so_a_whole_class_logs_in(make: Make) -> None:
    app = make(requests_per_window=1000)
    assert [attempt(app, f"student{n}@school.example", right=True) for n in range(60)] == [200] * 60
    assert [attempt(app, f"student{n}@school.example") for n in range(LIMIT + 1)] == [401] * LIMIT + [429]
    assert attempt(app, "student1@school.example", right=True) == 429
    assert attempt(app, "student1@school.example", right=True, REMOTE_ADDR="192.0.2.9") == 200


def test_an_account_that_strangers_have_spent_opens_where_its_owner_logged_in_before(make: Make) -> None:
    app = make(requests_per_window=1000)
    assert attempt(app, "ann@school.example", right=True, REMOTE_ADDR="192.0.2.1") == 200
    for number in range(LIMIT):
        assert attempt(app, "ann@school.example", REMOTE_ADDR=f"198.51.100.{number}") == 401
    assert attempt(app, "ann@school.example", right=True, REMOTE_ADDR="198.51.100.77") == 429
    assert attempt(app, "ann@school.example", right=True, REMOTE_ADDR="192.0.2.1") == 200
    assert attempt(app, "bob@school.example", right=True, REMOTE_ADDR="198.51.100.77") == 200


@pytest.mark.parametrize("url", [None, *redises.KINDS])
def test_no_body_makes_the_limit_forget(make: Make, url: str | None) -> None:
    with redises.server() if url else ExitStack() as redis_url:
        app = make(requests_per_window=1000, **({"redis_url": redis_url} if url else {}))
        for _ in range(LIMIT):
            assert attempt(app, "ann@school.example") == 401
        for data in (b"{", b"\xff", b"", b"[" * 60_000):
            assert app.test_client().post("/api/v1/auth/try", data=data, content_type="application/json").status_code == 429
        assert attempt(app, "ann@school.example") == 429


def test_a_refusal_bears_the_security_headers(client: FlaskClient) -> None:
    for _ in range(LIMIT):
        client.get("/api/v1/fine")
    answer = client.get("/api/v1/fine")
    assert answer.status_code == 429
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_route_of_auth_outside_its_blueprint_keeps_the_server_from_starting(make: Make) -> None:
    app = make()
    with pytest.raises(ServeError, match="/api/v1/auth/try"):
        limits.check(app)


def test_what_is_done_before_counting_keeps_the_server_from_starting(tmp_path: Path) -> None:
    app = Flask("x")
    limits.init_app(app, limits.Limits(requests=1, auth_attempts=1))
    limits.check(app)
    app.before_request_funcs[None].insert(0, lambda: None)
    with pytest.raises(ServeError, match="before requests are counted"):
        limits.check(app)


def test_several_processes_of_one_instance_are_one_count_without_redis(make: Make, tmp_path: Path) -> None:
    with counter_files.removed(tmp_path):
        one, other = make(processes=2), make(processes=2)
        asked = [(one, other)[n % 2].test_client().get("/api/v1/fine").status_code for n in range(LIMIT + 1)]
        assert asked == [200] * LIMIT + [429]


@pytest.mark.parametrize("kind", redises.KINDS)
def test_redis_counts_for_all_who_ask_it(make: Make, kind: str) -> None:
    with redises.running(kind) as url:
        apps = make(redis_url=url), make(redis_url=url)
        for app in apps:
            redises.wait_for(app.extensions[limits.EXTENSION]._storage._shared)
        one, other = (app.test_client() for app in apps)
        assert [(one if n % 2 else other).get("/api/v1/fine").status_code for n in range(LIMIT + 1)] == [200] * LIMIT + [429]
        assert redises.keys(url) == ["lectern:requests 127.0.0.1"]
        told = one.get("/api/v1/fine").headers
        assert told["RateLimit"].startswith('"requests";r=0;t=')
        assert 800 < int(told["Retry-After"]) <= 900


@pytest.mark.parametrize("kind", redises.KINDS[:1])
def test_in_redis_the_window_moves_too(kind: str) -> None:
    with redises.server() as url:
        shared = SharedRedis(url)
        storage = RedisCounter(shared=shared)
        assert [storage.hit("a", 2, 1).allowed for _ in range(3)] == [True, True, False]
        assert storage.look("a", 2, 1).left == 0
        wait_until(lambda: storage.look("a", 2, 1).left == 2, within_s=5)
        assert storage.hit("a", 2, 1).allowed
        shared.close()


@pytest.mark.parametrize("kind", [*redises.KINDS, "silent"])
def test_without_redis_each_limit_goes_on_in_the_process_within_a_moment(
        make: Make, caplog: pytest.LogCaptureFixture, kind: str) -> None:
    with ExitStack() as stack:
        if kind == "silent":
            url = stack.enter_context(redises.silent())
        else:
            with redises.running(kind) as url:
                pass
        app = make(redis_url=url, requests_per_window=1000)
        begun = time.monotonic()
        assert attempt(app, "ann@school.example") == 401
        assert time.monotonic() - begun < 0.5
        begun = time.monotonic()
        assert [attempt(app, "ann@school.example") for _ in range(LIMIT)] == [401] * (LIMIT - 1) + [429]
        assert app.test_client().get("/api/v1/fine").status_code == 200  # the total is another limit still
        assert time.monotonic() - begun < 0.5  # nobody asks again in a request
        assert [record.message for record in caplog.records if record.name == "lectern.shared"] == ["shared.away"]


@pytest.mark.parametrize("kind", redises.KINDS[:1])
def test_redis_counts_again_once_it_is_back(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    with redises.server() as url:
        port = int(url.rpartition(":")[2])
        shared = SharedRedis(url, check_every_s=0.05)
        storage = RedisCounter(shared=shared)
        storage.hit("a", LIMIT, 100)
    caplog.set_level(logging.WARNING)
    assert storage.hit("a", LIMIT, 100).left == LIMIT - 1  # a count of this process's own
    assert shared.away
    with redises.server(port):
        wait_until(lambda: not shared.away, within_s=10)
        storage.hit("b", LIMIT, 100)
        assert redises.keys(url) == ["lectern:b"]
        shared.close()


def student(app: Flask, account: int) -> str:
    """The token of a session that holds."""
    token = "s" + strangers_token()[1:]
    app.config["VALID"][token] = account
    return token


def get(app: Flask, token: str) -> int:
    client = app.test_client()
    client.set_cookie("session", token, domain="localhost")
    return client.get("/api/v1/fine").status_code


def attempt(app: Flask, account: str, *, right: bool = False, **base: str) -> int:
    path = f"/api/v1/auth/try{'?right=1' if right else ''}"
    return app.test_client().post(path, json={"account": account}, environ_base=base).status_code
