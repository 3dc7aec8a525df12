"""What runs the API sees of it: readiness, a quiet end, metrics on a port of their own, a log that holds no person."""
from __future__ import annotations

import http.client
import io
import json
import logging
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from flask import Flask

from api import logs, metrics, pool
from api.app import create_app
from api.auth.sessions import Session
from api.errors import ServeError
from api.settings import read_api_settings
from edge.store import open_store
from tests.edge.servers import free_port, wait_until

TOP = Path(__file__).parents[2]
Make = Callable[..., Flask]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    with ExitStack() as stack:
        def made(**more: str) -> Flask:
            settings = read_api_settings({"LECTERN_DATA": str(tmp_path), **more})
            app: Flask = create_app(settings, stack.enter_context(closing(open_store(settings.shared.store))))
            app.add_url_rule("/api/v1/fine", "fine", lambda: "fine")
            app.add_url_rule("/api/v1/bad", "bad", bad)
            return app

        yield made


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What was logged, line by line."""
    stream = io.StringIO()
    root, ours = logging.getLogger(), logging.getLogger("lectern")
    before, level, own = root.handlers[:], root.level, ours.level
    logs.start(stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:] = before
    root.setLevel(level)
    ours.setLevel(own)


def bad() -> str:
    ann = "ann@school.example"
    raise LookupError(f"no row for {ann} with token s3cret")


def test_after_sigterm_it_says_so_and_finishes_what_is_under_way(tmp_path: Path) -> None:
    port = free_port()
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("LECTERN_", "DATABASE_"))}
    process = subprocess.Popen([sys.executable, "-m", "tests.api.leaving"], cwd=TOP, text=True, stdout=subprocess.PIPE,
                               env=environ | {"LECTERN_DATA": str(tmp_path), "LECTERN_PORT": str(port)})
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        with ThreadPoolExecutor(1) as other:
            slow = other.submit(asked, port, "/api/v1/slow")
            assert process.stdout.readline() == "begun\n"
            process.send_signal(signal.SIGTERM)
            wait_until(lambda: asked(port, "/readyz")[0] == 503, within_s=5)
            assert asked(port, "/healthz")[0] == 200
            assert asked(port, "/api/v1/end") == (200, b"ended")
            assert slow.result(10) == (200, b"x" * 1_000_000)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.communicate()


def test_readiness_asks_the_database_once_however_many_want_to_know(make: Make, dsn: str) -> None:
    app = make(DATABASE_URL=dsn)
    for _ in range(20):
        assert app.test_client().get("/readyz").status_code == 200
    figures = app.extensions[pool.EXTENSION].figures
    assert (figures.opened, figures.in_use, figures.idle) == (1, 0, 1)
    app.extensions[pool.EXTENSION].close()


def test_every_answer_bears_an_id_of_its_own(make: Make) -> None:
    client = make().test_client()
    paths, given = ("/api/v1/fine", "/api/v1/bad"), {"X-Request-ID": "chosen-by-client"}
    ids = [client.get(path, headers=given).headers["X-Request-ID"] for path in paths]
    assert len({*ids, "chosen-by-client"}) == 3
    behind = make(LECTERN_TRUSTED_PROXIES="1").test_client()
    told = [behind.get("/api/v1/fine", headers={"X-Request-ID": given, "X-Forwarded-For": "192.0.2.1"}).headers["X-Request-ID"]
            for given in ("from-the-proxy", "bad id", "x" * 65, "")]
    assert told[0] == "from-the-proxy"
    assert all(re.fullmatch("[0-9a-f]{16}", one) for one in told[1:])


def test_a_failure_is_a_line_with_its_places_and_nothing_of_a_person(make: Make, lines: Callable[[], list[dict[str, Any]]]) -> None:
    app = make()
    answer = app.test_client().get("/api/v1/bad?email=ann@school.example", headers={"Cookie": "session=s3cret"},
                                   environ_base={"REMOTE_ADDR": "192.0.2.77"})
    assert answer.status_code == 500
    failed, answered = lines()
    assert (failed["event"], failed["error"], failed["level"], failed["route"]) == ("api.failed", "LookupError", "error", "bad")
    assert any(place.startswith("tests/api/test_ops.py:") and place.endswith(" bad") for place in failed["places"])
    assert (answered["event"], answered["status"], answered["method"]) == ("api.answered", 500, "GET")
    assert failed["request"] == answered["request"] == answer.headers["X-Request-ID"]
    assert not any(secret in json.dumps(lines()) for secret in ("ann", "s3cret", "192.0.2.77", "school"))


def test_a_line_holds_no_field_that_is_not_listed_and_no_value_of_a_librarys(lines: Callable[[], list[dict[str, Any]]]) -> None:
    careless = {"why": "x" * 999, "email": "ann@school.example", "token": "s3cret", "ms": 3}
    logging.getLogger("lectern.try").warning("try.event", extra=careless)
    logging.getLogger("waitress").error("Exception while serving %s", "/reset?token=s3cret")
    logging.getLogger("some.library").info("chatter")
    ours, library = lines()
    assert ours == {"at": ours["at"], "level": "warning", "event": "try.event", "why": "x" * 200, "ms": 3}
    assert (library["event"], library["library"], library["template"]) == ("library.said", "waitress", "Exception while serving %s")
    assert "s3cret" not in json.dumps(library)


def test_a_line_outside_a_request_knows_nothing_of_the_last(make: Make, lines: Callable[[], list[dict[str, Any]]]) -> None:
    make().test_client().get("/api/v1/bad")
    logging.getLogger("lectern.try").warning("try.event")
    assert set(lines()[-1]) == {"at", "level", "event"}


def test_good_answers_cost_no_line(make: Make, lines: Callable[[], list[dict[str, Any]]]) -> None:
    client = make().test_client()
    for path in ("/api/v1/fine", "/api/v1/nobody", "/", "/healthz"):
        client.get(path)
    assert lines() == []


def test_every_field_that_the_code_logs_is_listed() -> None:
    used = set()
    for file in (TOP / "api").rglob("*.py"):
        for extra in re.findall(r"extra=\{([^}]*)\}", file.read_text()):
            used |= set(re.findall(r'"(\w+)":', extra))
    assert used <= logs.FIELDS


def test_an_event_is_a_name_alone_for_of_a_sentence_the_values_would_be_lost() -> None:
    calls = [(file, match) for file in (TOP / "api").rglob("*.py")
             for match in re.finditer(r"\b_?log\.(?:info|warning|error)\((.*)", file.read_text())]
    assert len(calls) > 20
    for file, call in calls:
        assert re.match(r'"[a-z_]+\.[a-z_]+"( if \w+ else "[a-z_]+\.[a-z_]+")?(\)|, (extra=|exc_info=))', call[1]), f"{file}: {call[0]}"


def test_metrics_stand_on_a_port_of_their_own(make: Make, dsn: str) -> None:
    app, port, stop = make(DATABASE_URL=dsn), free_port(), threading.Event()
    client = app.test_client()
    for path in ("/api/v1/fine", "/api/v1/fine", "/api/v1/bad", "/api/v1/nobody-1", "/api/v1/nobody-2", "/readyz"):
        client.get(path)
    client.open("/api/v1/fine", method="BREW")
    with app.app_context():
        pool.current().read("SELECT 1")
        app.extensions["lectern.cache"].get_or_make("a", lambda: b"x", 9)
        app.extensions["lectern.cache"].get_or_make("a", lambda: b"x", 9)
        app.extensions["lectern.limits"]._learn(Session(1, "student", 1, b"x", "tag"))
        with psycopg2.connect(dsn) as writer, writer.cursor() as cursor:
            cursor.execute("INSERT INTO student.mail (recipient, kind) VALUES ('x', 'x')")
        writer.close()
        metrics.serve(app, port, every_s=0.05, stop=stop)
    try:
        wait_until(lambda: "lectern_mail_owed 1.0" in scraped(port), within_s=5)
        said = scraped(port)
    finally:
        stop.set()
    for line in ('lectern_request_seconds_count{method="GET",route="fine",status="2xx"} 2.0',
                 'lectern_request_seconds_count{method="GET",route="bad",status="5xx"} 1.0',
                 'lectern_request_seconds_count{method="GET",route="unknown",status="4xx"} 2.0',
                 'lectern_request_seconds_count{method="other",route="unknown",status="4xx"} 1.0',
                 'lectern_pool_share{server="primary"} 50.0', 'lectern_pool_in_use{server="primary"} 0.0',
                 'lectern_cache_total{result="hit"} 1.0', 'lectern_cache_total{result="miss"} 1.0',
                 "lectern_active_users 1.0", "lectern_active_sessions 1.0"):
        assert line in said
    for name in ("lectern_query_seconds_count", "lectern_process_rss_bytes", "lectern_process_heap_bytes",
                 'lectern_process_cpu_seconds_total{mode="user"}'):
        assert float(next(line.rpartition(" ")[2] for line in said.splitlines() if line.startswith(name))) > 0
    assert client.get("/metrics").text == client.get("/nobody/").text  # readers find none
    app.extensions[pool.EXTENSION].close()


def test_made_up_methods_and_paths_make_no_series(make: Make) -> None:
    app = make()
    for number in range(50):
        app.test_client().open(f"/api/v1/nobody-{number}", method=f"M{number}")
    assert len(app.extensions["lectern.metrics"]._children) == 1


def test_a_taken_port_for_metrics_keeps_the_server_from_starting(make: Make) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ServeError, match="LECTERN_METRICS_PORT"):
        metrics.serve(make(), taken.getsockname()[1])


def test_several_processes_without_the_folder_keep_the_server_from_starting(make: Make) -> None:
    with pytest.raises(ServeError, match="PROMETHEUS_MULTIPROC_DIR"):
        metrics.serve(make(), free_port(), processes=2)


def test_several_processes_are_told_as_one_and_dead_ones_leave_no_gauge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "metrics"
    folder.mkdir()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(folder))
    spawn, port = multiprocessing.get_context("spawn"), free_port()
    parts = [spawn.Pipe() for _ in range(2)]
    processes = [spawn.Process(target=part, args=(str(tmp_path), port, theirs)) for _, theirs in parts]
    for process in processes:
        process.start()
    try:
        for ours, _ in parts:
            assert ours.recv() == "counted"
        both = 'lectern_request_seconds_count{method="GET",route="fine",status="2xx"} 6.0'
        wait_until(lambda: both in scraped(port), within_s=10)
        assert "lectern_active_users 2.0" in scraped(port)
        parts[0][0].send("end")
        processes[0].join(10)
        wait_until(lambda: "lectern_active_users 1.0" in scraped(port), within_s=10, what="the other process's answer")
        assert both in scraped(port)  # what was counted stays counted
        assert len(list(folder.glob("gauge_live*"))) == len(list(folder.glob(f"gauge_live*_{processes[1].pid}.db")))
    finally:
        for process in processes:
            process.kill()
            process.join()


def part(data: str, port: int, told: Any) -> None:
    """One of several processes of the API: three requests, one student, until it is told to end."""
    settings = read_api_settings({"LECTERN_DATA": data, "LECTERN_API_PROCESSES": "2", "REDIS_URL": "redis://127.0.0.1:1"})
    app = create_app(settings, open_store(settings.shared.store))
    app.add_url_rule("/api/v1/fine", "fine", lambda: "fine")
    for _ in range(3):
        app.test_client().get("/api/v1/fine")
    app.extensions["lectern.limits"]._learn(Session(os.getpid(), "student", 1, b"x", "tag"))
    metrics.serve(app, port, processes=2, every_s=0.05)
    told.send("counted")
    told.recv()


def test_every_metric_stands_in_the_runbook() -> None:
    told = (TOP / "docs" / "operations.md").read_text()
    names = {family.name for family in metrics.Metrics().registry.collect()}
    assert len(names) > 15
    assert {name for name in names if f"`{name}`" not in told} == set()


def asked(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def scraped(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""
