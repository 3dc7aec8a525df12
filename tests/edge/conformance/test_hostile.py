"""What strangers send: nothing of it changes what others get, reaches what is shut, or is read as two requests."""
from __future__ import annotations

import pytest

from tests.edge.conformance.stands import HOST, Stand

UNKEYED = ("x-forwarded-host", "x-host", "x-forwarded-server", "x-original-url", "x-rewrite-url", "x-forwarded-proto", "x-forwarded-prefix",
           "x-http-method-override", "forwarded", "origin", "referer", "user-agent", "accept-language", "x-amz-website-redirect-location",
           "x-accel-expires", "surrogate-key", "lectern-stale", "lectern-missing", "lectern-failed", "lectern-query", "lectern-fresh")


@pytest.mark.parametrize("name", UNKEYED)
def test_a_header_that_is_no_key_changes_nothing_that_is_kept(cache: Stand, name: str) -> None:
    path = f"/poison/{name}/"
    cache.publish(path, "clean")
    assert cache.get(path, **{name: "evil.example"}).text == "clean"
    assert name not in cache.site.last(path).headers, "the origin never sees it"
    answer = cache.get(path)
    assert (answer.hit, answer.text) == (True, "clean")
    assert not any("evil" in value for value in answer.headers.values())


def test_cookies_and_credentials_never_reach_a_page(cache: Stand) -> None:
    cache.publish("/poison/cookie/", "clean")
    assert cache.get("/poison/cookie/", cookie="sid=1", authorization="Bearer x").text == "clean"
    assert not {"cookie", "authorization"} & set(cache.site.last("/poison/cookie/").headers)
    assert cache.get("/poison/cookie/", cookie="sid=2").hit


def test_another_host_neither_parts_nor_poisons_a_page(cache: Stand) -> None:
    cache.publish("/poison/host/", "clean")
    for host in ("evil.example", HOST.upper(), f"{HOST}:80", f"{HOST}."):
        assert cache.get("/poison/host/", host=host).text == "clean"
    assert cache.get("/poison/host/").hit
    assert cache.site.count("/poison/host/") == 1
    assert cache.site.last("/poison/host/").headers["host"] == HOST


def test_a_host_in_the_request_line_neither_parts_nor_poisons_a_page(cache: Stand) -> None:
    cache.publish("/poison/absolute/", "clean")
    answer = cache.raw(f"GET http://evil.example/poison/absolute/ HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"evil" not in answer
    assert cache.get("/poison/absolute/").text == "clean"
    assert cache.site.last("/poison/absolute/").headers["host"] == HOST


@pytest.mark.parametrize("query", ["?utm=1", "?a=1;b=2", "?a=1&a=2", "?a%3db=1", "?callback=alert", "?%0d%0aX:1", "?", "?x=/../", "??"])
def test_no_query_is_a_key_so_none_can_be_cloaked(cache: Stand, query: str) -> None:
    cache.publish("/cloak/", "clean")
    cache.warm("/cloak/")
    before = cache.site.count("/cloak/")
    answer = cache.get(f"/cloak/{query}")
    assert (answer.text, answer.hit) == ("clean", True)
    assert cache.site.count("/cloak/") == before


@pytest.mark.parametrize("target", [
    "/videos/x/..%2f", "/videos/..%2Fx/", "/videos//x/", "//videos/x/", "/videos/./x/", "/videos/../x/", "/videos/%2e%2e/x/",
    "/videos/.%2E/x/", "/videos/x%5c/", "/videos\\x/", "/videos/%00/", "/videos/%zz/", "/videos/%2/", "/api/..%2fvideos/x/",
    "/videos/..%2fapi/v1/me", "/../api/v1/me", "/videos/x/%2e", "/.."])
def test_a_path_that_two_servers_could_read_differently_is_refused(edge: Stand, target: str) -> None:
    if edge.name == "origin" and target.startswith("/api"):
        pytest.skip("the API's to answer")
    edge.publish("/videos/x/", "clean")
    for _ in range(2):
        answer = edge.get(target)
        assert answer.status == 400
        assert "no-store" in answer.headers["cache-control"] or edge.name == "nginx"
    assert edge.get("/videos/x/").text == "clean"


@pytest.mark.parametrize("target", ["/videos/x/;a=b/", "/videos/x;/", "/videos/x/style.css", "/videos/x/%0astyle.css", "/videos/x/%23a.css",
                                    "/videos/x/%3fa.css", "/account/x.css"])
def test_an_ending_that_looks_static_is_another_page_and_not_this_one(edge: Stand, target: str) -> None:
    edge.publish("/videos/x/", "clean")
    for _ in range(2):
        assert edge.get(target).status in (400, 404)


@pytest.mark.parametrize("target", ["/retained/abc.1", "/%72etained/abc.1", "/retaine%64/abc.1", "/protected/abc.mp4",
                                    "/%70rotected/abc.mp4", "/.env", "/videos/.git/config"])
def test_what_is_shut_stays_shut_in_every_spelling(edge: Stand, target: str) -> None:
    edge.publish("/retained/abc.1", "secret", gzipped=False)
    edge.publish("/protected/abc.mp4", "secret", gzipped=False)
    for _ in range(2):
        answer = edge.get(target)
        assert answer.status in (403, 404)
        assert "secret" not in answer.text
        assert not answer.hit or answer.status == 404


@pytest.mark.parametrize("target", ["/healthz", "/readyz", "/metrics"])
def test_what_operators_ask_is_not_asked_through_an_edge(cache: Stand, target: str) -> None:
    assert cache.get(target).status == 404
    assert cache.site.count(target) == 0


def test_the_api_sees_who_asked_and_no_header_that_poses_as_a_proxys(cache: Stand) -> None:
    asked = cache.raw(
        f"GET /api/v1/me HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\nX-Forwarded-For: 203.0.113.9\r\nX_Forwarded_For: 198.51.100.1\r\n"
        "X_Real_IP: 198.51.100.2\r\nForwarded: for=198.51.100.3\r\nX-Forwarded-Host: evil.example\r\n"
        "X-Real-IP: 198.51.100.4\r\nProxy: http://evil.example\r\n\r\n".encode())
    assert b"200" in asked.split(b"\r\n")[0]
    headers = cache.site.last("/api/v1/me").headers
    assert headers["x-forwarded-for"].split(", ") == ["203.0.113.9", "127.0.0.1"]
    assert not any("198.51.100" in value or "evil" in value for value in headers.values())


SMUGGLED = b"GET /smuggled/ HTTP/1.1\r\nHost: lectures.example\r\n\r\n"
LENGTH = len(SMUGGLED)
END = b"0\r\n\r\n"
HEAD = b"Host: lectures.example\r\n"
POST = b"POST /api/v1/x HTTP/1.1\r\n" + HEAD
CHUNKED = b"Transfer-Encoding: chunked\r\n"
SMUGGLING = {
    "CL.TE": POST + b"Content-Length: %d\r\n" % (len(END) + LENGTH) + CHUNKED + b"\r\n" + END + SMUGGLED,
    "TE.CL": POST + CHUNKED + b"Content-Length: 4\r\n\r\n%x\r\n" % LENGTH + SMUGGLED + b"\r\n" + END,
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % LENGTH + SMUGGLED,
    "a length with a sign": POST + b"Content-Length: +0\r\n\r\n" + SMUGGLED,
    "space before the colon": POST + b"Content-Length : %d\r\n\r\n" % LENGTH + SMUGGLED,
    "an odd coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n" + SMUGGLED,
    "two codings": POST + CHUNKED + b"Transfer-Encoding: x\r\n\r\n" + END + SMUGGLED,
    "a folded line": POST + b"Transfer-Encoding:\r\n chunked\r\nContent-Length: %d\r\n\r\n" % (len(END) + LENGTH) + END + SMUGGLED,
}


@pytest.mark.parametrize("attempt", SMUGGLING.values(), ids=SMUGGLING)
def test_two_lengths_or_codings_are_never_read_as_two_requests(cache: Stand, attempt: bytes) -> None:
    cache.publish("/smuggled/", "smuggled")
    cache.publish("/victim/", "victim")
    before = cache.site.count("/smuggled/")
    answer = cache.raw(attempt)
    status = answer.split(b"\r\n")[0]
    refused = status.split(b" ")[1:2] == [b"400"] or status.split(b" ")[1:2] == [b"501"]
    assert refused or not answer, status
    assert answer.count(b"HTTP/1.1 ") <= 1
    # Whoever comes next on the kept connections to the origin gets what was asked for.
    for _ in range(5):
        assert cache.get("/api/v1/after").json()["target"] == "/api/v1/after"
        assert cache.get("/victim/").text == "victim"
    assert cache.site.count("/smuggled/") == before


def test_a_body_on_a_get_is_not_the_next_request(cache: Stand) -> None:
    cache.publish("/bodied/", "clean")
    cache.publish("/victim/", "victim")
    before = cache.site.count("/smuggled/")
    answer = cache.raw(b"GET /bodied/ HTTP/1.1\r\n" + HEAD + b"Content-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED)
    assert b"smuggled" not in answer
    assert cache.get("/victim/").text == "victim"
    assert cache.site.count("/smuggled/") == before


@pytest.mark.parametrize("line", ["X-Long: " + "a" * 300_000, "\r\n".join(f"X-{n}: 1" for n in range(30_000))])
def test_headers_past_all_bounds_are_refused(edge: Stand, line: str) -> None:
    edge.publish("/victim/", "victim")
    answer = edge.raw(f"GET /victim/ HTTP/1.1\r\nHost: {HOST}\r\n{line}\r\nConnection: close\r\n\r\n".encode())
    assert not answer or answer.split(b" ")[1] in (b"400", b"431", b"413")
    assert edge.get("/victim/").text == "victim"
