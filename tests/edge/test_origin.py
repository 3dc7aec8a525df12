"""The origin answers as a bucket behind a CDN would: RFC 9110 and 9111, section by section."""
from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.errors import StoreError
from edge.origin import Origin
from edge.policy import page_headers
from edge.store.port import Object, Put
from edge.store.sqlite import SQLiteStore
from tests.edge.asking import Answer, ask
from tests.edge.pages import CONTROL, page

POLICY = page_headers(https=True)
HOME = "<!doctype html><html lang='en'><h1>Hällo</h1>" + "words and words " * 100 + "</html>"
VIDEO = "videos/na\u00efve/index.html"
MEDIA = bytes(range(256)) * 8


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    store = SQLiteStore(tmp_path / "site.db")
    store.put(Put(o) for o in (
        page("index.html", HOME, 7), page(VIDEO, "a video", 3, tags="pvid video:1 all"), page("robots.txt", "robots"),
        page("404.html", "<html>nobody</html>", cache_control="public, max-age=60"),
        page("cards/1.jpg", "", 5, gzipped=False, content_type="image/jpeg", tags="")._replace(body=MEDIA),
        page("video/481/old/index.html", "<a>moved</a>", 4, status=301, location="/videos/na%C3%AFve/"),
        page("videos/gone/index.html", "<html>gone</html>", 4, status=410),
        page("assets/a.js", "a", content_type="text/javascript; charset=utf-8"),
        page("sw.js", "w", content_type="text/javascript; charset=utf-8"),
        page("empty.txt", "", gzipped=False), page("a+b/index.html", "plus"),
    ))
    yield store
    store.close()


@pytest.fixture
def origin(store: SQLiteStore) -> Origin:
    return Origin(store, POLICY)


# 8.8.3 ETag, 9.3 methods -------------------------------------------------------------------------


def test_a_page_comes_with_all_its_headers(origin: Origin, store: SQLiteStore) -> None:
    answer = ask(origin, "/", accept_encoding="gzip")
    head = store.head("index.html")
    assert head is not None
    policy = {name.lower(): value for name, value in POLICY}
    assert answer.headers == policy | {
        "cache-control": CONTROL, "etag": f'"{head.digest}.7-gzip"', "accept-ranges": "bytes",
        "vary": "Accept-Encoding", "surrogate-key": "pabc video:1 all", "content-type": "text/html; charset=utf-8",
        "content-encoding": "gzip", "content-length": str(head.size_bytes)}
    assert answer.text == HOME


@pytest.mark.parametrize("target", ["/assets/a.js", "/cards/1.jpg"])
def test_a_part_of_a_page_bears_no_header_of_a_documents(origin: Origin, target: str) -> None:
    names = {name.lower() for name, _ in POLICY}
    assert names & set(ask(origin, target).headers) == {"x-content-type-options", "strict-transport-security"}


@pytest.mark.parametrize("target", ["/sw.js", "/assets/none.js", "/assets/%2f", "/cards/none.jpg"])
def test_a_worker_and_whatever_stands_in_a_parts_place_bear_them_all(origin: Origin, target: str) -> None:
    assert {name.lower() for name, _ in POLICY} <= set(ask(origin, target).headers)


def test_each_coding_has_a_strong_etag_of_its_own(origin: Origin) -> None:
    packed, plain = ask(origin, "/", accept_encoding="gzip"), ask(origin, "/")
    assert packed.text == plain.text == HOME
    assert plain.headers["content-length"] == str(len(HOME.encode()))
    assert packed.headers["etag"] == plain.headers["etag"][:-1] + '-gzip"'
    assert not plain.headers["etag"].startswith("W/")


@pytest.mark.parametrize("change", [
    page("index.html", "other", 8), page("index.html", HOME, 8), page("index.html", HOME, 8, tags="p1"),
    page("index.html", HOME, 8, cache_control="public, max-age=1"),
])
def test_the_etag_changes_with_body_headers_tags_and_each_write(
        origin: Origin, store: SQLiteStore, change: Object) -> None:
    before = ask(origin, "/").headers["etag"]
    store.put([Put(change)])
    after = ask(origin, "/", if_none_match=before)
    assert after.status == 200
    assert after.headers["etag"] != before


@pytest.mark.parametrize("target", ["/", "/videos/na%C3%AFve/", "/cards/1.jpg", "/robots.txt", "/nobody/",
                                    "/videos/gone/", "/robots.txt/", "/index.html", "/%00", "/video/481/old/"])
@pytest.mark.parametrize("coding", ["gzip", ""])
def test_head_answers_as_get_does_without_the_body(origin: Origin, target: str, coding: str) -> None:
    got, head = ask(origin, target, accept_encoding=coding), ask(origin, target, "HEAD", accept_encoding=coding)
    assert (head.status, head.headers, head.body) == (got.status, got.headers, b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("target", ["/", "/nobody/"])
def test_any_other_method_is_told_which_two_there_are(origin: Origin, method: str, target: str) -> None:
    answer = ask(origin, target, method)
    assert (answer.status, answer.headers["allow"], answer.headers["cache-control"]) == (405, "GET, HEAD", "no-store")


# 12.5.3 Accept-Encoding --------------------------------------------------------------------------


@pytest.mark.parametrize(("field", "packed"), [
    ("gzip", True), ("GZip", True), ("x-gzip", True), ("br, gzip", True), ("gzip, deflate, br, zstd", True),
    ("*", True), ("gzip;q=0.5", True), ("gzip ; q=0.001", True), ("gzip;q=1.000, identity;q=0.5", True),
    ("gzip;q=0.5, identity;q=0.5", True), ("identity;q=0, gzip", True), ("*;q=0.3", True), ("gzip,,br", True),
    ("", False), ("identity", False), ("br", False), ("gzip;q=0", False), ("gzip;q=0.000", False),
    ("*;q=0", False), ("*, gzip;q=0", False), ("gzip;q=0.4, identity;q=0.5", False), ("gzip;q=2", False),
    ("gzip;level=9", False), ("gzipped", False), ("identity;q=0, br", False),
])
def test_the_coding_follows_the_clients_weights(origin: Origin, field: str, packed: bool) -> None:
    answer = ask(origin, "/", accept_encoding=field)
    assert answer.status == 200
    assert ("content-encoding" in answer.headers) == packed
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.text == HOME


def test_a_client_that_says_nothing_gets_what_it_can_read(origin: Origin) -> None:
    assert ask(origin, "/").body == HOME.encode()


def test_what_is_stored_as_it_is_has_one_form(origin: Origin) -> None:
    answer = ask(origin, "/cards/1.jpg", accept_encoding="gzip")
    assert answer.body == MEDIA
    assert not {"content-encoding", "vary", "surrogate-key"} & set(answer.headers)


# 13 conditional requests -------------------------------------------------------------------------


@pytest.mark.parametrize("coding", ["gzip", ""])
@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', '"a,b",W/{} , "c"', "*", " * "])
def test_a_current_etag_in_any_form_is_answered_304(origin: Origin, coding: str, form: str) -> None:
    etag = ask(origin, "/", accept_encoding=coding).headers["etag"]
    assert ask(origin, "/", accept_encoding=coding, if_none_match=form.format(etag)).status == 304


def test_a_304_carries_all_headers_but_the_bodys_own(origin: Origin) -> None:
    """An edge merges them into what it holds (9111 3.2), so a missing tag or time would live on."""
    whole = ask(origin, "/", accept_encoding="gzip")
    again = ask(origin, "/", accept_encoding="gzip", if_none_match=whole.headers["etag"])
    own = {"content-type", "content-length", "content-encoding"}
    assert again.body == b""
    assert again.headers == {name: value for name, value in whole.headers.items() if name not in own}


def test_an_etag_of_the_other_coding_is_not_current(origin: Origin) -> None:
    packed = ask(origin, "/", accept_encoding="gzip").headers["etag"]
    assert ask(origin, "/", if_none_match=packed).status == 200


@pytest.mark.parametrize("field", ['"other"', "other", "", '"', '*, "other"', 'w/"x"', '"unclosed'])
def test_an_etag_that_is_not_current_or_none_is_answered_whole(origin: Origin, field: str) -> None:
    assert ask(origin, "/", if_none_match=field).status == 200


def test_an_unquoted_etag_is_none(origin: Origin) -> None:
    etag = ask(origin, "/").headers["etag"]
    assert ask(origin, "/", if_none_match=etag.strip('"')).status == 200


@pytest.mark.parametrize("target", ["/nobody/", "/videos/gone/", "/video/481/old/", "/index.html"])
def test_a_condition_changes_nothing_where_there_is_no_page(origin: Origin, target: str) -> None:
    """13.2.1: preconditions are ignored where the answer would not be 2xx."""
    assert ask(origin, target, if_none_match="*") == ask(origin, target)


def test_if_match_is_compared_strongly(origin: Origin) -> None:
    etag = ask(origin, "/").headers["etag"]
    statuses = [ask(origin, "/", if_match=field).status for field in (etag, f'"x", {etag}', "*", f"W/{etag}", '"x"')]
    assert statuses == [200, 200, 200, 412, 412]


def test_dates_are_ignored_since_none_is_sent(origin: Origin) -> None:
    """13.1.3 and 13.1.4."""
    date = "Thu, 01 Jan 2099 00:00:00 GMT"
    assert ask(origin, "/", if_modified_since=date).status == 200
    assert ask(origin, "/", if_unmodified_since="Thu, 01 Jan 1970 00:00:00 GMT").status == 200
    assert "last-modified" not in ask(origin, "/").headers


# 14 ranges ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("field", "first", "last"), [
    ("bytes=0-9", 0, 9), ("bytes=10-", 10, 2047), ("bytes=-5", 2043, 2047), ("bytes=-9999", 0, 2047),
    ("bytes=2000-9999", 2000, 2047), ("bytes=2047-2047", 2047, 2047), ("BYTES = 1 - 2", 1, 2),
])
def test_one_range_is_answered_206(origin: Origin, field: str, first: int, last: int) -> None:
    answer = ask(origin, "/cards/1.jpg", range=field)
    assert answer.status == 206
    assert answer.headers["content-range"] == f"bytes {first}-{last}/2048"
    assert answer.headers["content-length"] == str(last - first + 1)
    assert answer.body == MEDIA[first : last + 1]


@pytest.mark.parametrize("coding", ["gzip", ""])
def test_a_range_counts_the_bytes_of_the_chosen_coding(origin: Origin, coding: str) -> None:
    """15.3.7: a 206 carries the headers that the 200 would, and never a part under another coding's ETag."""
    whole = ask(origin, "/", accept_encoding=coding)
    parts = [ask(origin, "/", accept_encoding=coding, range=field) for field in ("bytes=0-49", "bytes=50-")]
    assert b"".join(part.body for part in parts) == whole.body
    for part in parts:
        assert part.status == 206
        same = set(whole.headers) - {"content-length"}
        assert {name: part.headers[name] for name in same} == {name: whole.headers[name] for name in same}


@pytest.mark.parametrize("field", [
    "bytes=0-1,5-6", "bytes=5-2", "bytes=", "bytes=-", "bytes=a-b", "items=0-5", "bytes 0-5", "bytes=0-1;x",
    "bytes=9999999999999999999999-", "bytes=\u0661-5",
])
def test_a_range_that_is_none_or_several_is_answered_whole(origin: Origin, field: str) -> None:
    answer = ask(origin, "/cards/1.jpg", range=field)
    assert (answer.status, answer.body) == (200, MEDIA)
    assert "content-range" not in answer.headers


@pytest.mark.parametrize("target", ["/cards/1.jpg", "/"])
@pytest.mark.parametrize("field", ["bytes=99999-", "bytes=99999999999-99999999999", "bytes=-0"])
def test_a_range_with_no_byte_in_it_is_answered_416(origin: Origin, target: str, field: str) -> None:
    size = len(ask(origin, target).body)
    answer = ask(origin, target, range=field)
    assert (answer.status, answer.headers["content-range"]) == (416, f"bytes */{size}")
    assert answer.headers["cache-control"] == "no-store"


def test_nothing_of_an_empty_body_can_be_asked_for(origin: Origin) -> None:
    assert [ask(origin, "/empty.txt", range=field).status for field in ("bytes=0-", "bytes=-1")] == [416, 416]


def test_a_range_is_for_get_only(origin: Origin) -> None:
    assert ask(origin, "/cards/1.jpg", "HEAD", range="bytes=0-9").status == 200


def test_a_range_of_another_version_is_answered_whole(origin: Origin) -> None:
    """13.1.5 If-Range."""
    etag = ask(origin, "/cards/1.jpg").headers["etag"]
    fields = (etag, f"W/{etag}", '"other"', "Thu, 01 Jan 2099 00:00:00 GMT")
    answers = [ask(origin, "/cards/1.jpg", range="bytes=0-9", if_range=field) for field in fields]
    assert [answer.status for answer in answers] == [206, 200, 200, 200]
    assert [len(answer.body) for answer in answers] == [10, 2048, 2048, 2048]


def test_a_current_page_is_not_sent_in_parts(origin: Origin) -> None:
    """13.2.2: If-None-Match is looked at before Range."""
    etag = ask(origin, "/cards/1.jpg").headers["etag"]
    assert ask(origin, "/cards/1.jpg", range="bytes=0-9", if_none_match=etag).status == 304


# addresses: RFC 3986 6.2.2 -----------------------------------------------------------------------


@pytest.mark.parametrize(("other", "address"), [
    ("/index.html", "/"), ("/videos/na%C3%AFve", "/videos/na%C3%AFve/"),
    ("/videos/na%C3%AFve/index.html", "/videos/na%C3%AFve/"), ("/videos/na%c3%afve/", "/videos/na%C3%AFve/"),
    ("/%76ideos/na%C3%AFve/", "/videos/na%C3%AFve/"), ("/videos/na\u00c3\u00afve/", "/videos/na%C3%AFve/"),
    ("/videos/nai%CC%88ve/", "/videos/na%C3%AFve/"), ("/robots%2Etxt", "/robots.txt"), ("/a+b/", "/a%2Bb/"),
    ("/a%2bb", "/a%2Bb/"), ("/robots.txt?", None), ("/?a=b", None),
])
def test_each_address_has_one_spelling_and_the_others_lead_to_it_in_one_step(
        origin: Origin, other: str, address: str | None) -> None:
    answer = ask(origin, other)
    if address is None:
        assert answer.status == 200
        return
    assert (answer.status, answer.headers["location"]) == (301, address)
    assert ask(origin, address).status == 200


def test_a_redirect_to_the_right_spelling_is_kept_a_minute_and_leaves_with_the_page(origin: Origin) -> None:
    answer = ask(origin, "/videos/na%C3%AFve")
    assert answer.headers["cache-control"] == "public, max-age=60, must-revalidate"
    assert answer.headers["surrogate-key"] == "pvid video:1 all"


def test_a_redirect_keeps_the_query(origin: Origin) -> None:
    assert ask(origin, "/index.html?t=1m2s&x=%20").headers["location"] == "/?t=1m2s&x=%20"


@pytest.mark.parametrize("query", ["a b", "a\u00e9b"])
def test_a_query_that_is_none_is_dropped(origin: Origin, query: str) -> None:
    assert ask(origin, f"/index.html?{query}").headers["location"] == "/"


def test_a_query_cannot_bring_markup_into_the_note_beside_a_redirect(origin: Origin) -> None:
    assert b"<script" not in ask(origin, '/index.html?"><script>alert(1)</script>').body


def test_a_server_that_hides_the_raw_path_is_served_all_the_same(origin: Origin) -> None:
    assert ask(origin, "/videos/na%C3%AFve/", raw=False).status == 200
    assert ask(origin, "/videos/na%C3%AFve", raw=False).headers["location"] == "/videos/na%C3%AFve/"
    assert ask(origin, "/%00", raw=False).status == 400
    assert ask(origin, "/..%2f..%2fetc/passwd", raw=False).status == 400


def test_a_target_in_absolute_form_is_understood(origin: Origin) -> None:
    """RFC 9112 3.2.2."""
    assert ask(origin, "http://127.0.0.1/robots.txt").text == "robots"


@pytest.mark.parametrize("target", [
    "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc/passwd", "/videos%2Fna%C3%AFve/", "/%00",
    "/assets/..%5c..%5c", "/a\\b", "//etc/passwd", "//evil.example/", "/videos//x", "/./", "/videos/.",
    "/%c0%ae%c0%ae/", "/%e0%80%af", "/%ff", "/%ed%a0%80", "/%", "/%zz", "/%2", "/a%0d%0aSet-Cookie:x", "/%7f",
    "/videos/../robots.txt", "*", "robots.txt",
])
def test_a_hostile_path_is_refused(origin: Origin, target: str) -> None:
    answer = ask(origin, target)
    assert answer.status == 400
    assert "location" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("target", ["/.git/config", "/.env", "/videos/.hidden/", "/.well-known/security.txt"])
def test_a_hidden_path_is_nobodys_even_where_the_store_holds_it(
        origin: Origin, store: SQLiteStore, target: str) -> None:
    store.put([Put(page(".env", "secret"))])
    answer = ask(origin, target)
    assert answer.status == 404
    assert "nobody" in answer.text


@pytest.mark.parametrize("target", [
    "/retained/x", "/retained/x/", "/%72etained/x", "/retained/0a.1", "/retained/moved", "/retained/", "/retained",
    "/retained/x/index.html"])
def test_what_is_kept_for_a_rollback_is_nobodys(origin: Origin, store: SQLiteStore, target: str) -> None:
    store.put(Put(page(f"retained/{key}", "withdrawn")) for key in ("x", "x/index.html", "0a.1", "index.html"))
    store.put([Put(page("retained/moved", "withdrawn", status=301, location="/videos/na%C3%AFve/"))])
    answer = ask(origin, target)
    assert answer.status == 404
    assert "nobody" in answer.text
    assert "location" not in answer.headers


def test_a_page_whose_name_only_begins_like_that_is_served(origin: Origin, store: SQLiteStore) -> None:
    store.put([Put(page("retained-earnings/index.html", "a lecture")), Put(page("videos/retained/x.html", "another"))])
    assert ask(origin, "/retained-earnings/").text == "a lecture"
    assert ask(origin, "/videos/retained/x.html").text == "another"


# 15.5.5 404, 15.5.11 410, 15.4.2 301 -------------------------------------------------------------


@pytest.mark.parametrize("target", ["/no/such/page-here/", "/nobody", "/videos/", "/404.html", "/robots.txt/",
                                    "/Robots.txt", "/index.html/", "/videos/na%C3%AFve/x"])
def test_an_unknown_address_gets_the_sites_own_page_for_seconds(origin: Origin, target: str) -> None:
    for coding in ("", "gzip"):
        answer = ask(origin, target, accept_encoding=coding)
        assert (answer.status, answer.text) == (404, "<html>nobody</html>")
        assert answer.headers["cache-control"] == "public, max-age=5, must-revalidate"
        assert answer.headers["vary"] == "Accept-Encoding"


def test_a_site_without_a_page_for_it_says_404_all_the_same(origin: Origin, store: SQLiteStore) -> None:
    store.delete(["404.html"])
    answer = ask(origin, "/nobody/")
    assert answer.status == 404
    assert "<html" in answer.text
    assert answer.headers["cache-control"] == "public, max-age=5, must-revalidate"


def test_a_page_that_is_published_after_its_404_is_there_at_once(origin: Origin, store: SQLiteStore) -> None:
    assert ask(origin, "/new/").status == 404
    store.put([Put(page("new/index.html", "new"), "")])
    assert ask(origin, "/new/").text == "new"


@pytest.mark.parametrize("target", ["/videos/gone/", "/videos/gone", "/videos/gone/index.html", "/videos/g%6fne/"])
def test_a_page_that_left_is_gone_in_every_spelling(origin: Origin, target: str) -> None:
    answer = ask(origin, target, accept_encoding="gzip")
    assert (answer.status, answer.text) == (410, "<html>gone</html>")
    assert answer.headers["cache-control"] == CONTROL
    assert answer.headers["surrogate-key"] == "pabc video:1 all"
    assert "etag" not in answer.headers


@pytest.mark.parametrize("target", [f"/video/481/{spelling}" for spelling in (
    "old/", "old", "old/index.html", "%6fld")])
def test_a_page_that_moved_leads_on_in_one_step_from_every_spelling(origin: Origin, target: str) -> None:
    answer = ask(origin, target)
    assert (answer.status, answer.headers["location"]) == (301, "/videos/na%C3%AFve/")
    assert "moved" in answer.text
    assert ask(origin, answer.headers["location"]).status == 200


# what never happens ------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["/", "/robots.txt", "/nobody/", "/%00", "/index.html", "/videos/gone/"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_every_answer_bears_the_security_headers_and_no_cookie(origin: Origin, target: str, method: str) -> None:
    answer = ask(origin, target, method)
    for name, value in POLICY:
        assert answer.headers[name.lower()] == value
    assert "set-cookie" not in answer.headers


def test_nothing_is_remembered_from_one_request_to_the_next(origin: Origin, store: SQLiteStore) -> None:
    assert ask(origin, "/").text == HOME
    store.put([Put(page("index.html", "second", 8))])
    assert ask(origin, "/").text == "second"
    store.delete(["index.html"])
    assert ask(origin, "/").status == 404


def test_a_store_that_fails_is_503_and_kept_by_nobody(origin: Origin, store: SQLiteStore) -> None:
    store.close()
    answer = ask(origin, "/")
    assert_unavailable(answer)


def test_a_body_that_does_not_unpack_is_503_for_who_needs_it_unpacked(origin: Origin, store: SQLiteStore) -> None:
    whole = page("index.html", HOME)
    store.put([Put(whole._replace(body=whole.body[:-8] + b"\0" * 8))])
    assert_unavailable(ask(origin, "/"))
    assert ask(origin, "/", accept_encoding="gzip").status == 200


def test_an_object_of_somebody_else_is_served_under_the_stores_own_etag(store: SQLiteStore) -> None:
    class Foreign:
        def get(self, key: str, most_bytes: int | None = None) -> object:
            found = store.get(key)
            return found and (found[0]._replace(digest=""), found[1]._replace(etag='"d41d8"', digest=""))

    assert ask(Origin(Foreign()), "/").headers["etag"] == '"d41d8"'  # type: ignore[arg-type]
    assert ask(Origin(Foreign()), "/", accept_encoding="gzip").headers["etag"] == '"d41d8-gzip"'  # type: ignore[arg-type]


def test_gzip_is_sent_as_it_is_stored(origin: Origin, store: SQLiteStore) -> None:
    found = store.get("index.html")
    assert found is not None
    assert ask(origin, "/", accept_encoding="gzip").body == found[0].body
    assert gzip.decompress(found[0].body).decode() == HOME


def assert_unavailable(answer: Answer) -> None:
    assert (answer.status, answer.headers["cache-control"]) == (503, "no-store")
    assert int(answer.headers["retry-after"]) > 0
    assert b"StoreError" not in answer.body


def test_a_failing_store_raises_store_errors(store: SQLiteStore) -> None:
    store.close()
    with pytest.raises(StoreError):
        store.get("index.html")
