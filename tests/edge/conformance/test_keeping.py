"""What is kept, how long, and what ends it: RFC 9111, stale answers (RFC 5861), Cache-Status (RFC 9211), purges."""
from __future__ import annotations

import asyncio
import http.client
import re
import threading
from collections import Counter
from contextlib import closing

import pytest

from edge.address import Path, own_tag
from edge.cdn.port import ALL, tag, url
from edge.tiers import ERROR_S
from tests.edge.conformance.stands import HOST, Stand
from tests.edge.servers import wait_until

CROWD = 1_000


def test_a_page_is_fetched_once_and_then_comes_from_the_cache(cache: Stand) -> None:
    cache.publish("/kept/")
    first, second = cache.get("/kept/"), cache.get("/kept/")
    assert "; fwd=uri-miss" in first.headers["cache-status"]
    assert not first.hit
    assert second.hit
    assert cache.name == "nginx" or int(second.headers["age"]) >= 0, "nginx tells no age: docs/edge.md"
    assert cache.site.count("/kept/") == 1


def test_gzip_and_plain_are_one_fetch(cache: Stand) -> None:
    cache.publish("/both/", "text " * 50)
    for accepts in ("gzip", "br", "gzip, br", "identity", "deflate, gzip;q=1.0"):
        assert cache.get("/both/", accept_encoding=accepts).text == "text " * 50
    assert cache.site.count("/both/") == 1


def test_an_error_is_kept_for_seconds_so_a_crowd_costs_one_fetch(cache: Stand) -> None:
    assert [cache.get("/early/").status for _ in range(5)] == [404] * 5
    assert cache.site.count("/early/") == 1
    if told := re.search(r"ttl=(-?\d+)$", cache.get("/early/").headers["cache-status"]):  # nginx tells none, and obeys the origin
        assert int(told[1]) <= ERROR_S


def test_a_page_past_its_time_is_shown_while_a_newer_one_is_fetched(cache: Stand) -> None:
    path = "/stale/while/"
    cache.publish(path, "old")
    cache.age(path)
    assert cache.get(path).text == "old"
    cache.expired(path)
    cache.publish(path, "new")
    cache.fresh(path)
    answer = cache.get(path)
    assert (answer.text, answer.hit) == ("old", True)
    wait_until(lambda: cache.get(path).text == "new", within_s=10, what="the newer page")


def test_a_page_far_past_its_time_is_fetched_before_it_is_shown(cache: Stand) -> None:
    if cache.name == "nginx":
        pytest.skip("nginx shows it once, however old: docs/edge.md")
    path = "/stale/far/"
    cache.publish(path, "old")
    cache.age_beyond_stale(path)
    assert cache.get(path).text == "old"
    cache.publish(path, "new")
    cache.fresh(path)
    answer = cache.get(path)
    assert answer.text == "new"
    assert "fwd=stale" in answer.headers["cache-status"].rpartition(",")[2]


def test_an_unchanged_page_is_made_fresh_by_a_304(cache: Stand) -> None:
    path = "/stale/same/"
    cache.publish(path, "same")
    cache.age(path)
    cache.get(path)
    cache.expired(path)
    cache.fresh(path)
    cache.get(path)
    wait_until(lambda: cache.site.count(path) >= 2, within_s=10, what="the second fetch")
    assert "if-none-match" in cache.site.last(path).headers
    wait_until(lambda: cache.is_fresh(path), within_s=10, what="the page made fresh")


@pytest.mark.parametrize("far", [False, True])
def test_a_failing_origin_is_covered_by_what_is_old(cache: Stand, far: bool) -> None:
    path = f"/stale/error/{far}/"
    cache.publish(path, "old")
    cache.age_beyond_stale(path) if far else cache.age(path)
    assert cache.get(path).text == "old"
    cache.expired(path)
    cache.site.failing.add(path)
    try:
        for _ in range(3):
            answer = cache.get(path)
            assert (answer.status, answer.text) == (200, "old")
    finally:
        cache.site.failing.discard(path)


def test_a_stopped_origin_is_covered_by_what_is_old_and_an_unknown_page_is_a_503(own_cache: Stand) -> None:
    own_cache.publish("/kept/", "old")
    own_cache.age_beyond_stale("/kept/")
    own_cache.publish("/gone/", "withdrawn")
    assert own_cache.get("/kept/").text == "old"
    own_cache.get("/gone/")
    own_cache.expired("/kept/")
    if own_cache.purger:
        own_cache.purger.purge([url("/gone/")])
    own_cache.origin.stop()
    for _ in range(3):
        assert own_cache.get("/kept/").text == "old"
    answer = own_cache.get("/gone/" if own_cache.purger else "/never/")
    assert answer.status in (502, 503, 504), "purged is purged: a withdrawn page is not shown for want of an origin"
    assert b"withdrawn" not in answer.body


@pytest.mark.parametrize("status", [410, 404])
def test_a_withdrawn_page_whose_purge_was_lost_is_gone_after_its_time(cache: Stand, status: int) -> None:
    path = f"/withdrawn/{status}/"
    cache.publish(path, "shown")
    cache.age(path)
    assert cache.get(path).text == "shown"
    cache.expired(path)
    if status == 410:
        cache.publish(path, "gone", tier="retired", status=410)
    else:
        cache.store.delete([f"{path[1:]}index.html"])
    cache.fresh(path)
    wait_until(lambda: cache.get(path).status == status, within_s=10, what="the end of the page")
    for _ in range(20):
        assert cache.get(path).status == status


def test_a_withdrawn_page_that_is_purged_is_never_shown_again(cache: Stand) -> None:
    if not cache.purger:
        pytest.skip("this edge takes no purge")
    path = "/withdrawn/purged/"
    cache.publish(path, "shown")
    cache.warm(path)
    cache.publish(path, "gone", tier="retired", status=410)
    cache.purger.purge(cache.names(path))
    assert [cache.get(path, accept_encoding=coding).status for coding in ("gzip", "br") for _ in range(3)] == [410] * 6


def test_a_thousand_who_miss_at_once_cost_one_fetch(cache: Stand) -> None:
    path = "/crowd/"
    cache.publish(path, "for all")
    go = cache.site.held[path] = threading.Event()
    request = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode()

    async def read(sent: asyncio.Semaphore) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", cache.port)
        writer.write(request)
        await writer.drain()
        sent.release()
        answer = await reader.read()
        writer.close()
        return answer[:12] + (b" for all" if b"for all" in answer else answer[-200:])

    async def crowd() -> list[bytes]:
        sent = asyncio.Semaphore(0)
        readers = [asyncio.create_task(read(sent)) for _ in range(CROWD)]
        for _ in range(CROWD):
            await sent.acquire()
        go.set()
        return await asyncio.gather(*readers)

    assert Counter(asyncio.run(crowd())) == {b"HTTP/1.1 200 for all": CROWD}
    assert cache.site.count(path) == 1


def test_answers_of_the_api_are_never_kept(cache: Stand) -> None:
    for number in range(3):
        answer = cache.get(f"/api/v1/me?n={number}", cookie=f"sid={number}")
        asked = answer.json()
        assert asked["target"] == f"/api/v1/me?n={number}"
        assert asked["headers"]["cookie"] == f"sid={number}"
        assert answer.headers["set-cookie"] == "sid=1"
        assert not answer.hit
    assert [cache.get("/api/v1/me").status for _ in range(3)] == [200] * 3
    assert cache.site.count("/api/v1/me") >= 6


def test_a_post_to_the_api_arrives_with_its_body(cache: Stand) -> None:
    asked = cache.post("/api/v1/echo", b"hello").json()
    assert (asked["method"], asked["body"]) == ("POST", "hello")


def test_a_page_that_sets_a_cookie_is_not_kept_and_the_cookie_goes_to_nobody(cache: Stand) -> None:
    path = "/cookie/"
    cache.publish(path)
    cache.site.more[path] = [("Set-Cookie", "sid=somebody")]
    answers = [cache.get(path) for _ in range(3)]
    assert not any(answer.hit or "set-cookie" in answer.headers for answer in answers)


@pytest.mark.parametrize("value", ["no-store", "private, max-age=60", "no-cache"])
def test_what_may_not_be_kept_is_not(cache: Stand, value: str) -> None:
    path = f"/unkept/{value.partition(',')[0]}/"
    cache.publish(path, control=value)
    assert not any(cache.get(path).hit for _ in range(3))
    assert cache.site.count(path) == 3


@pytest.mark.parametrize("by", ["tag", "group", "url", "all"])
def test_a_purge_takes_every_coding_and_spelling_of_a_page(cache: Stand, by: str) -> None:
    if not cache.purger or not cache.can(by):
        pytest.skip(f"this edge takes no purge by {by}")
    path, other = f"/purged/{by}/", f"/purged/other-{by}/"
    cache.publish(path, "old", groups=f"video:{len(by)}77")
    cache.publish(other, "other")
    for accepts in ("gzip", "br"):
        cache.get(path, accept_encoding=accepts)
    cache.warm(path)
    cache.warm(other)
    cache.publish(path, "new", groups=f"video:{len(by)}77")
    names = {"tag": tag(own_tag(Path(path))), "group": tag(f"video:{len(by)}77"), "url": url(path), "all": ALL}
    cache.purger.purge([names[by]])
    for accepts in ("gzip", "br", "identity"):
        assert cache.get(path, accept_encoding=accepts).text == "new"
    assert cache.get(other).hit is (by != "all")


def test_a_redirect_from_another_spelling_leaves_with_its_page(cache: Stand) -> None:
    if not cache.purger or not cache.can("tag"):
        pytest.skip("this edge takes no purge by tag")
    cache.publish("/spelt/", "here")
    assert cache.get("/spelt").status == 301
    cache.publish("/spelt/", "gone", tier="retired", status=410)
    cache.purger.purge([tag(own_tag(Path("/spelt/")))])
    assert cache.get("/spelt").status == 410


def test_a_404_from_before_a_page_was_published_leaves_by_its_url(cache: Stand) -> None:
    path = "/soon/"
    assert cache.warm(path).status == 404
    cache.publish(path, "here")
    if cache.purger:
        cache.purger.purge([url(path)])
        assert cache.get(path).text == "here"
    wait_until(lambda: cache.get(path).status == 200, within_s=8, what="the end of the 404")


def test_a_purge_from_elsewhere_is_refused(cache: Stand) -> None:
    cache.publish("/safe/")
    cache.warm("/safe/")
    for headers in ({"x_forwarded_for": "203.0.113.9"}, {"xkey-purge": "all", "x_forwarded_for": "127.0.0.1"}):
        assert cache.get("/safe/", "PURGE", **headers).status in (403, 405)
    assert cache.get("/safe/").hit


@pytest.mark.parametrize("headers", [{"cache_control": "no-cache"}, {"cache_control": "max-age=0"}, {"pragma": "no-cache"}])
def test_a_reload_does_not_pass_the_cache(cache: Stand, headers: dict[str, str]) -> None:
    cache.publish("/reload/")
    cache.warm("/reload/")
    assert cache.get("/reload/", "GET", **headers).hit


def test_a_purge_reaches_what_still_arrives(cache: Stand) -> None:
    if not cache.can("tag"):
        pytest.skip("nginx stores what arrives after a purge; the second purge finds it: docs/edge.md")
    path = "/purged/arriving/"
    cache.publish(path, "old " * 100_000, gzipped=False)
    rest = cache.site.halved[path] = threading.Event()
    with closing(http.client.HTTPConnection("127.0.0.1", cache.port, timeout=10)) as line:
        line.request("GET", path, headers={"Host": HOST})
        answer = line.getresponse()
        answer.read(1000)
        cache.publish(path, "new", gzipped=False)
        assert cache.purger
        cache.purger.purge(cache.names(path))
        del cache.site.halved[path]
        assert cache.get(path).text == "new"
        rest.set()
        answer.read()
    assert cache.get(path).text == "new", "the old one, whole by now, is not what is kept"
