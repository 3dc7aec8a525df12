"""Own media through every edge: ranges of big files, segments that are kept, a body that is not waited for, and what a signature opens."""
from __future__ import annotations

import http.client
import threading
import time
from contextlib import closing

import pytest

from edge.media_signature import sign
from edge.tiers import cache_control
from tests.edge.conformance.site import SECRET
from tests.edge.conformance.stands import HOST, PROFILE, Stand

BIG = "0123456789abcdef" * (8 << 16)  # 8 MB
PART = slice(4_000_000, 5_000_000)


def _film(edge: Stand, path: str, text: str = BIG) -> None:
    edge.publish(path, text, tier="media", gzipped=False, content_type="video/mp4")


def test_a_range_of_a_film_is_that_part_and_the_film_is_fetched_once(edge: Stand) -> None:
    _film(edge, "/media/film.mp4")
    asked = f"bytes={PART.start}-{PART.stop - 1}"
    for _ in range(2):
        answer = edge.get("/media/film.mp4", range=asked)
        assert (answer.status, answer.text) == (206, BIG[PART])
        assert answer.headers["content-range"] == f"bytes {PART.start}-{PART.stop - 1}/{len(BIG)}"
    etag = answer.headers["etag"]
    assert edge.get("/media/film.mp4", range="bytes=-16", if_range=etag).text == BIG[-16:]
    assert edge.get("/media/film.mp4", range="bytes=0-3", if_range='"another"').text == BIG
    assert edge.name == "origin" or edge.site.count("/media/film.mp4") == 1


def test_a_film_begins_to_arrive_before_an_edge_has_all_of_it(cache: Stand) -> None:
    path = "/media/long.mp4"
    _film(cache, path)
    rest = cache.site.halved[path] = threading.Event()
    with closing(http.client.HTTPConnection("127.0.0.1", cache.port, timeout=5)) as line:
        line.request("GET", path, headers={"Host": HOST})
        answer = line.getresponse()
        begun = answer.read(1 << 20)
        assert not rest.is_set()
        rest.set()
        assert begun + answer.read() == BIG.encode()


def test_a_playlist_and_its_segments_are_kept_for_their_tier_and_come_over_one_connection(cache: Stand) -> None:
    folder = "/media/hls"
    names = ["list.m3u8", *(f"segment-{n}.ts" for n in range(5))]
    for name in names:
        cache.publish(f"{folder}/{name}", name * 1000, tier="media", gzipped=False, content_type="video/mp2t")
    with closing(http.client.HTTPConnection("127.0.0.1", cache.port, timeout=5)) as line:
        for _ in range(2):
            for name in names:
                line.request("GET", f"{folder}/{name}", headers={"Host": HOST})
                answer = line.getresponse()
                assert answer.read() == name.encode() * 1000
                assert answer.headers["Cache-Control"] == cache_control("media", PROFILE)
                assert not answer.will_close
    assert [cache.site.count(f"{folder}/{name}") for name in names] == [1] * len(names)


def test_a_picture_is_kept_for_a_day(cache: Stand) -> None:
    cache.publish("/pictures/1/thumb.0123.webp", "picture", tier="named", gzipped=False, content_type="image/webp")
    answer = cache.warm("/pictures/1/thumb.0123.webp")
    assert answer.headers["cache-control"] == "public, max-age=86400, immutable"


def _signed(until_s: float, name: str = "video-1/film.mp4", opens: str = "batch-1/video-1/") -> str:
    return f"/protected/{sign(SECRET, opens, int(until_s))}/batch-1/{name}"


@pytest.mark.parametrize("target", [
    "/protected/batch-1/video-1/film.mp4", "/%70rotected/batch-1/video-1/film.mp4", _signed(1), _signed(4e9).replace(".2.", ".1."),
    _signed(4e9, "video-2/film.mp4"), _signed(4e9)[:-9] + "/../video-2/film.mp4"])
def test_protected_media_are_refused_without_a_signature_that_holds(edge: Stand, target: str) -> None:
    _film(edge, "/protected/batch-1/video-1/film.mp4", "secret")
    _film(edge, "/protected/batch-1/video-2/film.mp4", "secret")
    assert edge.get(_signed(time.time() + 60)).text == "secret", "whoever may has it fetched first"
    for _ in range(2):
        answer = edge.get(target)
        assert answer.status in (400, 403, 404)
        assert "secret" not in answer.text


def test_what_a_signature_opens_is_kept_by_nobody(edge: Stand) -> None:
    _film(edge, "/protected/batch-1/video-1/film.mp4")
    target = _signed(time.time() + 60)
    before = edge.site.count(target)
    for _ in range(2):
        answer = edge.get(target, range="bytes=16-31")
        assert (answer.status, answer.text, answer.headers["cache-control"]) == (206, BIG[16:32], "no-store")
        assert not answer.hit
    assert edge.site.count(target) - before == 2
    assert edge.site.last(target).headers["range"] == "bytes=16-31", "a film is not fetched whole for each of its parts"
