"""What is replaced may be kept: once, before the write, and only the version that the write replaces."""
from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from edge.errors import StoreError
from edge.store.port import RETAINED, Put, Store
from edge.store.retry import Retrier
from tests.edge import servers
from tests.edge.faults import FaultyServer, faulty
from tests.edge.pages import page
from tests.edge.test_store_conformance import KINDS, ODD_KEYS, UNSTORABLE_KEYS, body_of, etag_of, keys_of, refusals

Open = Callable[..., Store]

ALL_KINDS = (*KINDS, "rclone")
BUCKETS = ("seaweedfs", "rclone")  # one refuses, the other does not
KEPT = f"{RETAINED}0a1b.1"

OLD = [
    page("videos/na\u00efve/index.html", "<h1>H\u00e4llo</h1>" * 50, tags="p1 video:1 all"),
    page("old/index.html", "moved", status=301, location="/vid%C3%A9o/%F0%9F%8E%93/"),
    page("gone/index.html", "gone", 4_000_000_000, status=410, tags=""),
    page("cards/1.png", "\x89PNG", gzipped=False, content_type="image/png"),
    page("sitemap.xml", "<urlset/>", content_type="application/xml", cache_control="public, max-age=1"),
]


@pytest.fixture(params=ALL_KINDS)
def store(request: pytest.FixtureRequest, open_named: Open) -> Store:
    return open_named(request.param)


@pytest.mark.parametrize("conditional", [True, False])
def test_what_is_replaced_is_kept_to_the_letter(conditional: bool, store: Store) -> None:
    store.put(Put(old) for old in OLD)
    puts = [Put(page(old.key, "new", 4_000_000_001), etag_of(store, old.key) if conditional else None, f"{RETAINED}{n}")
            for n, old in enumerate(OLD)]
    assert store.put(iter(puts)).refused == []
    for n, (old, put) in enumerate(zip(OLD, puts, strict=True)):
        kept, new = store.get(f"{RETAINED}{n}"), store.get(old.key)
        assert kept is not None
        assert new is not None
        assert kept[0] == old._replace(key=f"{RETAINED}{n}")
        assert new[0] == put.object
    assert keys_of(store) == sorted([*(old.key for old in OLD), *(put.keep_as for put in puts)], key=str.encode)


@pytest.mark.parametrize("kind", KINDS)
def test_what_stands_under_an_odd_key_is_kept_too(kind: str, open_named: Open) -> None:
    store = open_named(kind)
    store.put(Put(page(key, key)) for key in ODD_KEYS)
    puts = [Put(page(key, "new", 2), etag_of(store, key), f"{RETAINED}{key}") for key in ODD_KEYS]
    assert store.put(iter(puts)).refused == []
    assert [body_of(store, put.keep_as) for put in puts] == [page(key, key).body for key in ODD_KEYS]


def test_where_nothing_is_replaced_nothing_is_kept(store: Store) -> None:
    assert store.put([Put(page("x"), "", KEPT), Put(page("y"), None, f"{KEPT}b")]).refused == []
    assert keys_of(store) == ["x", "y"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_refused_write_keeps_nothing(kind: str, open_named: Open) -> None:
    store = open_named(kind)
    store.put(Put(page(key, "first", 1)) for key in ("changed", "missing", "exists"))
    puts = [Put(page("changed", "mine", 3), etag_of(store, "changed"), f"{KEPT}a"),
            Put(page("missing", "mine", 3), etag_of(store, "missing"), f"{KEPT}b"),
            Put(page("exists", "mine", 3), "", f"{KEPT}c")]
    store.put([Put(page("changed", "theirs", 2))])
    store.delete(["missing"])
    assert refusals(store, puts) == [("changed", "changed"), ("exists", "exists"), ("missing", "missing")]
    assert keys_of(store, RETAINED) == []


def test_a_version_that_is_not_the_expected_one_is_not_kept_where_writes_are_not_refused_either(open_named: Open) -> None:
    store = open_named("rclone")
    store.put([Put(page("x", "first", 1))])
    etag = etag_of(store, "x")
    store.put([Put(page("x", "theirs", 2))])
    store.put([Put(page("x", "mine", 3), etag, KEPT)])
    assert keys_of(store) == ["x"]


@pytest.mark.parametrize("conditional", [True, False])
def test_the_same_put_a_second_time_leaves_what_the_first_kept(conditional: bool, store: Store) -> None:
    """As a builder does that died before it knew of the first."""
    store.put([Put(page("x", "old", 1))])
    put = Put(page("x", "new", 2), etag_of(store, "x") if conditional else None, KEPT)
    for _ in range(2):
        assert store.put([put]).refused == []
    assert body_of(store, KEPT) == page("x", "old", 1).body
    assert body_of(store, "x") == put.object.body


def test_a_kept_one_can_come_back(store: Store) -> None:
    """A rollback: what was kept goes to its old key, with a write number of its own."""
    old = page("x", "old", 1)
    store.put([Put(old)])
    store.put([Put(page("x", "new", 2), etag_of(store, "x"), KEPT)])
    kept = store.get(KEPT)
    assert kept is not None
    assert store.put([Put(page("x", "old", 3), etag_of(store, "x"), f"{KEPT}b")]).refused == []
    assert kept[0] == old._replace(key=KEPT)
    assert body_of(store, f"{KEPT}b") == page("x", "new", 2).body
    assert store.delete([KEPT, f"{KEPT}b"]) == []
    assert keys_of(store) == ["x"]


@pytest.mark.parametrize("key", UNSTORABLE_KEYS[1:])  # "" is to keep nothing
def test_a_key_to_keep_under_must_be_one_that_every_store_keeps(key: str, open_named: Open) -> None:
    for kind in ("sqlite", "seaweedfs"):
        store = open_named(kind)
        store.put([Put(page("x"))])
        with pytest.raises(StoreError, match="no key"):
            store.put([Put(page("x", "new", 2), None, key)])
        assert keys_of(store) == ["x"]
        store.delete(["x"])


@pytest.mark.parametrize("kind", ["seaweedfs", "moto"])
def test_what_is_kept_is_the_same_on_the_wire(kind: str, open_named: Open) -> None:
    store = open_named(kind)
    old = page("videos/x/index.html", "<h1>Hi</h1>", 9, tags="p1 video:1")
    store.put([Put(old)])
    before = _raw(store, old.key)
    store.put([Put(page(old.key, "new", 10), etag_of(store, old.key), KEPT)])
    assert before[0] == old.body
    assert {"content-encoding", "cache-control", "x-amz-meta-cache-tag", "x-amz-meta-digest"} <= before[1].keys()
    assert _raw(store, KEPT) == before


# on a bad day -----------------------------------------------------------------------------------


@pytest.fixture(params=BUCKETS)
def server(request: pytest.FixtureRequest, s3_server: Callable[[str], servers.Server]) -> Iterator[FaultyServer]:
    with faulty(s3_server(request.param).url) as proxy:
        yield proxy


@pytest.fixture
def bucket(server: FaultyServer, open_bucket: Open) -> Iterator[Store]:
    """A store with one page, "old", at the key "x"."""
    with closing(open_bucket(server.url, retrier=Retrier(width=4, sleep=lambda s: None, budget=60), answer_s=1.0)) as store:
        store.put([Put(page("x", "old", 1))])
        yield store
        server.decide = lambda method, path, number: None
        store.delete(["x", KEPT])


@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize("step", ["look", "keep", "write"])
def test_a_lost_answer_keeps_the_old_one_and_never_the_new(
        step: str, conditional: bool, bucket: Store, server: FaultyServer) -> None:
    for number, fault in enumerate(("drop after", "500 after", "drop", "503", "409"), start=2):
        old = body_of(bucket, "x")
        put = Put(page("x", "new", number), etag_of(bucket, "x") if conditional else None, KEPT)
        server.decide = _once(fault, step)
        written = bucket.put([put])
        assert written.refused == [], fault
        assert body_of(bucket, KEPT) == old, fault
        assert body_of(bucket, "x") == put.object.body, fault
        assert written.etags == {"x": etag_of(bucket, "x")}, fault


@pytest.mark.parametrize("step", ["keep", "write"])
def test_nothing_is_kept_again_once_the_write_may_have_happened(step: str, bucket: Store, server: FaultyServer) -> None:
    etag = etag_of(bucket, "x")
    server.seen.clear()
    server.decide = _once("500 after", step)
    bucket.put([Put(page("x", "new", 2), etag, KEPT)])
    steps = [_step(method, path) for method, path in server.seen if method != "HEAD"]
    assert steps == (["look", "keep", "look", "keep", "write"] if step == "keep" else ["look", "keep", "write", "write"])


@pytest.mark.parametrize("step", ["look", "keep"])
def test_what_cannot_be_kept_is_not_replaced(step: str, bucket: Store, server: FaultyServer) -> None:
    put = Put(page("x", "new", 2), etag_of(bucket, "x"), KEPT)
    server.decide = _once("403", step)
    with pytest.raises(StoreError, match="rights"):
        bucket.put([put])
    assert body_of(bucket, "x") == page("x", "old", 1).body
    assert bucket.head(KEPT) is None


@pytest.mark.parametrize("kind", ["seaweedfs", "moto"])
def test_a_builder_that_writes_between_keeping_and_writing_is_not_overwritten(
        kind: str, s3_server: Callable[[str], servers.Server], open_bucket: Open) -> None:
    url = s3_server(kind).url
    with faulty(url) as proxy, closing(open_bucket(proxy.url)) as mine, closing(open_bucket(url)) as theirs:
        mine.put([Put(page("x", "old", 1))])
        etag = etag_of(mine, "x")
        done = threading.Event()

        def decide(method: str, path: str, number: int) -> None:
            if method == "PUT" and path.endswith("/x") and not done.is_set():
                done.set()
                assert theirs.put([Put(page("x", "theirs", 3), etag)]).refused == []

        proxy.decide = decide
        assert refusals(mine, [Put(page("x", "mine", 2), etag, KEPT)]) == [("x", "changed")]
        assert done.is_set()
        assert body_of(mine, KEPT) == page("x", "old", 1).body
        assert body_of(mine, "x") == page("x", "theirs", 3).body


def _once(fault: str, step: str) -> Callable[[str, str, int], str | None]:
    """*fault* at the first request that looks what stands there, that keeps it, or that writes."""
    waiting = [fault]

    def decide(method: str, path: str, number: int) -> str | None:
        return waiting.pop() if waiting and step == _step(method, path) else None

    return decide


def _step(method: str, path: str) -> str:
    return "look" if method == "GET" else "keep" if KEPT in path else "write"


def _raw(store: Store, key: str) -> tuple[bytes, dict[str, str]]:
    """Body and headers as the server sends them, but for what tells the time or the request."""
    where = {"Bucket": "lectern-tests", "Key": f"{store._prefix}{key}"}  # type: ignore[attr-defined]
    url = urlsplit(store._client.generate_presigned_url("get_object", Params=where))  # type: ignore[attr-defined]
    with closing(http.client.HTTPConnection(url.netloc)) as connection:
        connection.request("GET", f"{url.path}?{url.query}", headers={"Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        told = {name.lower(): value for name, value in answer.headers.items()}
    changing = ("date", "last-modified", "x-amz-request-id", "x-amz-id-2", "x-amzn-requestid")
    return body, {name: value for name, value in told.items() if name not in changing}
