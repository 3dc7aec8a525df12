"""How often one reader may make a cache ask the origin: a real Varnish and a real nginx say 429, and others are served meanwhile."""
from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import closing
from email.message import Message
from http.client import HTTPConnection
from urllib.parse import urlsplit
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from edge.config import files
from edge.config.cache_node import CacheNode, Upstream
from edge.policy import page_headers
from tests.edge.fakes.nginx import lacks, running_nginx
from tests.edge.fakes.varnish import Varnish, running_vcl, served

HOST = "lectures.example"
FEW = 5
HEADERS = page_headers(https=False)


def _origin(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """Has every page; also robots.txt, by which it is seen to be well."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2"), ("Cache-Control", "public, max-age=60")])
    return [b"ok"]


@pytest.fixture(scope="module")
def edge() -> Iterator[Varnish]:
    """Before an origin that has every page; its limits are FEW."""
    with served(_origin) as port:
        behind = Upstream("http", "127.0.0.1", port)
        text = files("varnish", CacheNode(f"http://{HOST}", "100k", HEADERS, behind, behind))["default.vcl"]
        text, changed = re.subn(r'(is_denied\("(?:api|miss) " \+ req\.http\.lectern-client, )\d+', rf"\g<1>{FEW}", text)
        assert changed == 2
        with running_vcl(text, HOST) as running:
            yield running


def _status(edge: Varnish, client: str, target: str) -> int:
    """What *client* gets, whose address is told by the PROXY protocol."""
    family = "TCP6 {} ::1" if ":" in client else "TCP4 {} 127.0.0.1"
    with socket.create_connection(("127.0.0.1", edge.proxied_port), timeout=10) as line:
        line.sendall(f"PROXY {family.format(client)} 1024 80\r\n".encode())
        line.sendall(f"GET {target} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
        got = b""
        while chunk := line.recv(65536):
            got += chunk
        if got.startswith(b"HTTP/1.1 429"):
            assert b"Retry-After:" in got
            assert b"no-store" in got
    return int(got.split()[1])


@pytest.mark.parametrize("what", ["/page-{}/", "/api/v1/{}"])
def test_who_asks_too_often_waits_and_others_do_not(edge: Varnish, what: str) -> None:
    name = what[1:4]
    got = [_status(edge, "192.0.2.1", what.format(f"{name}{n}")) for n in range(FEW + 2)]
    assert got == [200] * FEW + [429] * 2
    assert _status(edge, "192.0.2.2", what.format(f"{name}other")) == 200


def test_what_is_kept_is_never_refused(edge: Varnish) -> None:
    assert _status(edge, "192.0.2.7", "/kept/") == 200
    assert [_status(edge, "192.0.2.8", "/kept/") for _ in range(3 * FEW)] == [200] * (3 * FEW)


@pytest.mark.parametrize(("mine", "others"), [
    ("2001:db8::{}", "2001:db8:0:1::1"), ("2001:db8:a:b::{}", "2001:db8:a:c::1"), ("2001:db8:a:d:1:2:3:{}", "2001:db8:a:e:1:2:3:4"),
    ("2001:db9::1:2:3:{}", "2001:db9:0:1:5:2:3:4"), ("2001::9:1:2:3:{}", "2001:0:0:8:1:2:3:4"), ("2001:dba:0:5::{}", "2001:dba:0:6::1")])
def test_all_addresses_of_a_network_of_64_bits_are_one_reader(edge: Varnish, mine: str, others: str) -> None:
    pages = mine.replace(":", "-").replace("{}", "x")
    got = [_status(edge, mine.format(f"{n:x}"), f"/{pages}-{n}/") for n in range(1, FEW + 3)]
    assert got == [200] * FEW + [429] * 2
    assert _status(edge, others, f"/{pages}-others/") == 200


def test_nginx_refuses_who_asks_the_api_too_often() -> None:
    if binary := lacks():
        pytest.skip(f"{binary} is not installed")

    def few(text: str) -> str:
        text, changed = re.subn(r"zone=api burst=\d+", f"zone=api burst={FEW}", re.sub(r"rate=\d+r/m", "rate=1r/m", text))
        assert changed == 1
        return text

    with served(_origin) as port:
        behind = Upstream("http", "127.0.0.1", port)
        with running_nginx(CacheNode(f"http://{HOST}", "100k", HEADERS, behind, behind), few) as edge:
            got = [_asked(edge, f"/api/v1/{n}") for n in range(FEW + 3)]
            assert [status for status, _ in got] == [200] * (FEW + 1) + [429] * 2
            assert got[-1][1]["Retry-After"]
            assert got[-1][1]["Cache-Control"] == "no-store"
            assert [_asked(edge, f"/page-{n}/")[0] for n in range(3 * FEW)] == [200] * (3 * FEW), "pages are not counted"


def _asked(edge: Varnish, target: str) -> tuple[int, Message]:
    with closing(HTTPConnection(urlsplit(edge.url).netloc, timeout=10)) as line:
        line.request("GET", target, headers={"Host": HOST})
        answer = line.getresponse()
        answer.read()
        return answer.status, answer.headers
