"""The command `serve` as a real process on a real port: one line, real HTTP, a quick end."""
from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from edge.store import open_store
from edge.store.port import Put
from tests.edge.pages import page
from tests.edge.servers import free_port, wait_until

TOP = Path(__file__).parents[2]
STOP_S = 10


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("data")
    with closing(open_store(f"sqlite:///{data}/site.db")) as store:
        store.put(Put(o) for o in (
            page("index.html", "<!doctype html><html><h1>home</h1>" + "word " * 500 + "</html>"),
            page("404.html", "<html>nobody</html>"), page("videos/na\u00efve/index.html", "a video")))
    return data


@pytest.fixture(scope="module")
def port(data: Path) -> Iterator[int]:
    """The port of a server that runs as long as this module's tests."""
    with serving(data) as (_, port):
        yield port


@contextmanager
def serving(data: Path, **more: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    port = free_port()
    process = start(data, port, **more)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == f"ready http://127.0.0.1:{port}/\n"
        yield process, port
    finally:
        process.kill()
        process.communicate()


def start(data: Path, port: int, **more: str) -> subprocess.Popen[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("LECTERN_", "DATABASE_"))}
    environ |= {"LECTERN_DATA": str(data), "LECTERN_PORT": str(port), **more}
    return subprocess.Popen([sys.executable, "build.py", "serve"], cwd=TOP, env=environ, text=True, process_group=0,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("group", [False, True])
def test_a_signal_to_it_or_to_its_group_ends_it_and_frees_the_port(
        how: signal.Signals, group: bool, data: Path) -> None:
    with serving(data) as (process, port):
        keep = http.client.HTTPConnection("127.0.0.1", port)  # an idle connection holds nothing up
        keep.request("GET", "/")
        keep.getresponse().read()
        begun = time.monotonic()
        os.killpg(process.pid, how) if group else process.send_signal(how)
        out, err = process.communicate(timeout=STOP_S)
        assert (process.returncode, out, err) == (0, "", "")
        assert time.monotonic() - begun < STOP_S
        keep.close()
        with closing(socket.socket()) as again:
            again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            again.bind(("127.0.0.1", port))


def test_a_taken_port_is_one_sentence_and_exit_code_2(data: Path, port: int) -> None:
    process = start(data, port)
    out, err = process.communicate(timeout=STOP_S)
    assert (process.returncode, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert f"Port {port}" in err
    assert "LECTERN_PORT" in err


def test_a_wrong_setting_is_one_sentence_and_exit_code_2(data: Path) -> None:
    process = start(data, 0)
    out, err = process.communicate(timeout=STOP_S)
    assert (process.returncode, out) == (2, "")
    assert "LECTERN_PORT" in err
    assert len(err.splitlines()) == 1


def test_one_connection_serves_many_requests(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.connect()
    first = connection.sock
    for method, path, status in (("GET", "/", 200), ("HEAD", "/", 200), ("GET", "/nobody/", 404), ("POST", "/", 405),
                                 ("GET", "/index.html", 301), ("GET", "/healthz", 200), ("GET", "/%00", 400)):
        connection.request(method, path)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
        assert connection.sock is first
    etag = asked(port, "/").headers["ETag"]
    connection.request("GET", "/", headers={"If-None-Match": etag})
    answer = connection.getresponse()
    assert (answer.status, answer.read(), connection.sock is first) == (304, b"", True)
    connection.close()


@pytest.mark.parametrize(("target", "status", "location"), [
    ("/videos/na%C3%AFve/", 200, None), ("/videos/na%c3%afve/", 301, "/videos/na%C3%AFve/"),
    ("/videos/na%C3%AFve", 301, "/videos/na%C3%AFve/"), ("/%76ideos/na%C3%AFve/", 301, "/videos/na%C3%AFve/"),
    ("/index.html", 301, "/"), ("/../../etc/passwd", 400, None), ("/%2e%2e/%2e%2e/etc/passwd", 400, None),
    ("/..%2f..%2fetc/passwd", 400, None), ("/assets/..%5c..%5c", 400, None), ("//etc/passwd", 400, None),
    ("/%c0%ae%c0%ae/", 400, None), ("/.git/config", 404, None), ("/videos%2Fna%C3%AFve/", 400, None),
])
def test_the_path_is_read_as_it_was_written(port: int, target: str, status: int, location: str | None) -> None:
    """A server that decodes it first would hide an encoded slash and each odd spelling."""
    answer = asked(port, target)
    assert (answer.status, answer.headers.get("Location")) == (status, location)


def test_ranges_and_codings_come_through_the_server(port: int) -> None:
    part = asked(port, "/", Range="bytes=0-9")
    assert (part.status, part.headers["Content-Range"][:11], part.read()) == (206, "bytes 0-9/2", b"<!doctype ")
    assert asked(port, "/", Range="bytes=99999999-").status == 416
    packed = asked(port, "/", Accept_Encoding="gzip")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["ETag"].startswith('"')
    assert packed.headers["ETag"] != part.headers["ETag"]
    assert "Server" not in packed.headers


def test_clients_that_stop_half_way_hold_nobody_up(port: int) -> None:
    """More of them than there are threads: half a head, and half a body."""
    halves = [b"GET / HTTP/1.1\r\nHost: x\r\n", b"POST /api/v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nhalf"]
    stuck = [socket.create_connection(("127.0.0.1", port)) for _ in range(12)]
    for number, one in enumerate(stuck):
        one.sendall(halves[number % 2])
    begun = time.monotonic()
    assert asked(port, "/").status == 200
    assert time.monotonic() - begun < 2
    for one in stuck:
        one.close()


def test_a_header_with_underscores_does_not_pose_as_a_proxys(port: int) -> None:
    with closing(socket.create_connection(("127.0.0.1", port))) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nIf_None_Match: *\r\nConnection: close\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 200")


def test_a_request_with_two_lengths_is_refused(port: int) -> None:
    with closing(socket.create_connection(("127.0.0.1", port))) as raw:
        raw.sendall(b"POST /api/v1/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: +3\r\n\r\nabc")
        assert raw.recv(100).startswith(b"HTTP/1.1 400")


def test_a_page_that_is_built_while_it_serves_is_there(data: Path, port: int) -> None:
    assert asked(port, "/late/").status == 404
    with closing(open_store(f"sqlite:///{data}/site.db")) as store:
        store.put([Put(page("late/index.html", "late"), "")])
        assert asked(port, "/late/").read() == b"late"
        store.delete(["late/index.html"])
    wait_until(lambda: asked(port, "/late/").status == 404)


def asked(port: int, target: str, **headers: str) -> http.client.HTTPResponse:
    """The answer on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest("GET", target, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.putheader("Connection", "close")
    connection.endheaders()
    return connection.getresponse()


def test_large_bodies_come_in_where_there_is_a_desk_alone(data: Path) -> None:
    for desk, status in (("no", 413), ("yes", 403)):  # 403: no form's token
        with serving(data, LECTERN_DESK=desk) as (_, port), closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as client:
            body = b"x" * (3 << 20)
            client.putrequest("POST", "/api/v1/desk/imports?name=a.csv")
            client.putheader("Sec-Fetch-Site", "same-origin")
            client.putheader("Content-Length", str(len(body)))
            client.endheaders()
            client.send(body if status == 403 else body[:1000])  # what is too large is refused by its length, and not read
            assert client.getresponse().status == status
