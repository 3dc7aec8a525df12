"""What an answer is, through every edge as from the origin alone: RFC 9110."""
from __future__ import annotations

import pytest

from edge.tiers import Tier, cache_control
from tests.edge.conformance.site import HEADERS
from tests.edge.conformance.stands import PROFILE, Stand

WORDS = "words and words " * 100
TIERS: tuple[Tier, ...] = ("catalog", "metadata", "media", "named", "asset")


@pytest.mark.parametrize("tier", TIERS)
def test_a_page_bears_its_tiers_header_from_origin_and_from_cache(edge: Stand, tier: Tier) -> None:
    path = f"/tiers/{tier}/"
    edge.publish(path, tier=tier)
    for answer in (edge.get(path), edge.get(path)):
        assert (answer.status, answer.headers["cache-control"]) == (200, cache_control(tier, PROFILE))


@pytest.mark.parametrize("status", [200, 404, 405, 400])
def test_every_answer_bears_the_security_headers(edge: Stand, status: int) -> None:
    edge.publish("/secure/")
    target, method = {200: ("/secure/", "GET"), 404: ("/nowhere/", "GET"), 405: ("/secure/", "POST"), 400: ("/a//b/", "GET")}[status]
    answer = edge.get(target, method)
    assert answer.status == status
    assert {name: answer.headers.get(name.lower()) for name, _ in HEADERS} == dict(HEADERS)


@pytest.mark.parametrize(("accepts", "coding"), [("gzip", "gzip"), ("br, gzip", "gzip"), ("gzip;q=0.5, br", "gzip"), ("br", None),
                                                 (None, None), ("identity", None), ("gzip;q=0", None), ("", None)])
def test_a_client_gets_a_coding_that_it_takes(edge: Stand, accepts: str | None, coding: str | None) -> None:
    edge.publish("/codings/", WORDS)
    for _ in range(2):
        answer = edge.get("/codings/", **({} if accepts is None else {"accept_encoding": accepts}))
        assert answer.headers.get("content-encoding") == coding
        assert answer.text == WORDS
        assert "accept-encoding" in answer.headers["vary"].lower()


def test_two_codings_never_share_a_strong_etag(edge: Stand) -> None:
    edge.publish("/etags/", WORDS)
    packed, plain = edge.get("/etags/", accept_encoding="gzip").headers["etag"], edge.get("/etags/").headers["etag"]
    assert not packed.startswith("W/")
    assert plain != packed


def test_head_is_a_get_without_its_body(edge: Stand) -> None:
    edge.publish("/head/", WORDS)
    got, head = edge.get("/head/", accept_encoding="gzip"), edge.get("/head/", "HEAD", accept_encoding="gzip")
    assert (head.status, head.body) == (200, b"")
    for name in ("etag", "cache-control", "content-type", "content-encoding", "content-length", "vary"):
        assert head.headers.get(name) == got.headers[name], name


def test_a_head_that_comes_first_is_answered_and_spoils_no_get(edge: Stand) -> None:
    edge.publish("/headfirst/", WORDS)
    assert edge.get("/headfirst/", "HEAD").status == 200
    assert edge.get("/headfirst/").text == WORDS


@pytest.mark.parametrize("field", ["{}", "W/{}", "*", '"other", {}'])
@pytest.mark.parametrize("accepts", ["gzip", "identity"])
def test_a_known_etag_is_answered_by_a_304_with_all_headers(edge: Stand, field: str, accepts: str) -> None:
    edge.publish("/known/", WORDS)
    whole = edge.get("/known/", accept_encoding=accepts)
    etag = whole.headers["etag"].removeprefix("W/")
    answer = edge.get("/known/", accept_encoding=accepts, if_none_match=field.format(etag))
    assert (answer.status, answer.body) == (304, b"")
    assert answer.headers["etag"].removeprefix("W/") == etag
    for name in ("cache-control", "vary", *(name.lower() for name, _ in HEADERS)):
        assert answer.headers.get(name) == whole.headers.get(name), name


def test_another_etag_is_answered_by_the_page(edge: Stand) -> None:
    edge.publish("/other/", WORDS)
    edge.get("/other/")
    assert edge.get("/other/", if_none_match='"other"').text == WORDS


@pytest.mark.parametrize(("asked", "status", "got"), [("bytes=0-3", 206, "0123"), ("bytes=4-", 206, "456789"), ("bytes=-2", 206, "89"),
                                                      ("bytes=20-30", 416, None), ("seats=1-2", 200, "0123456789"),
                                                      ("bytes=0-1,4-5", 200, "0123456789")])
def test_a_range_of_what_is_not_coded_is_a_part_of_it(edge: Stand, asked: str, status: int, got: str | None) -> None:
    edge.publish("/part.jpg", "0123456789", gzipped=False, content_type="image/jpeg")
    for _ in range(2):
        answer = edge.get("/part.jpg", range=asked)
        assert answer.status == status
        assert got is None or answer.text == got
        if status == 206:
            assert answer.headers["content-range"].endswith("/10")


def test_a_range_that_is_none_is_ignored_or_refused(edge: Stand) -> None:
    edge.publish("/nopart.jpg", "0123456789", gzipped=False, content_type="image/jpeg")
    answer = edge.get("/nopart.jpg", range="bytes=x")
    assert (answer.status, answer.text) == (200, "0123456789") or answer.status == 416


def test_a_range_of_another_version_is_the_whole(edge: Stand) -> None:
    edge.publish("/ranged.jpg", "0123456789", gzipped=False, content_type="image/jpeg")
    etag = edge.get("/ranged.jpg").headers["etag"]
    assert edge.get("/ranged.jpg", range="bytes=0-3", if_range='"old"').text == "0123456789"
    assert edge.get("/ranged.jpg", range="bytes=0-3", if_range=etag).text == "0123"


def test_a_range_that_comes_first_leaves_the_whole_for_others(edge: Stand) -> None:
    edge.publish("/rangefirst.jpg", "0123456789", gzipped=False, content_type="image/jpeg")
    assert edge.get("/rangefirst.jpg", range="bytes=0-3").text == "0123"
    assert edge.get("/rangefirst.jpg").text == "0123456789"


def test_a_missing_page_is_a_404_with_the_sites_own_page(edge: Stand) -> None:
    for accepts in ("gzip", "br"):
        answer = edge.get("/videos/none/", accept_encoding=accepts)
        assert (answer.status, answer.text, answer.headers["cache-control"]) == (404, "nobody", cache_control("error", PROFILE))


def test_a_gone_page_is_a_410_with_its_body(edge: Stand) -> None:
    edge.publish("/videos/gone/", "gone", tier="retired", status=410)
    for _ in range(2):
        answer = edge.get("/videos/gone/")
        assert (answer.status, answer.text) == (410, "gone")


def test_a_moved_page_is_a_301(edge: Stand) -> None:
    edge.publish("/videos/moved/", "moved", tier="retired", status=301, location="/videos/na%C3%AFve/")
    for _ in range(2):
        answer = edge.get("/videos/moved/")
        assert (answer.status, answer.headers["location"]) == (301, "/videos/na%C3%AFve/")


@pytest.mark.parametrize("spelling", ["/videos/na%C3%AFve", "/videos/na%C3%AFve/index.html", "/videos/na%c3%afve/", "/videos/nai%CC%88ve/"])
def test_other_spellings_lead_to_the_address_with_their_query(edge: Stand, spelling: str) -> None:
    edge.publish("/videos/na%C3%AFve/", "naive")
    assert edge.get("/videos/na%C3%AFve/").text == "naive"
    for query in ("", "?from=mail"):
        for _ in range(2):
            answer = edge.get(spelling + query)
            assert (answer.status, answer.headers["location"]) == (301, f"/videos/na%C3%AFve/{query}")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "TRACE", "BREW"])
def test_another_method_is_refused_and_changes_nothing(edge: Stand, method: str) -> None:
    edge.publish("/methods/", WORDS)
    answer = edge.get("/methods/", method)
    assert answer.status == 405
    assert answer.headers["allow"].split(", ") == ["GET", "HEAD"]
    assert edge.get("/methods/").text == WORDS
