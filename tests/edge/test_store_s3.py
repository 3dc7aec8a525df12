"""What a bucket does on a bad day: lost answers, refusals of every kind, bursts of 503, half a deletion."""
from __future__ import annotations

import http.client
import os
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from edge.errors import StoreError
from edge.store import open_store
from edge.store.port import Object, Put, Store
from edge.store.retry import Retrier
from edge.store.s3_bucket import _is_aws, _set_up
from tests.edge import servers
from tests.edge.faults import FaultyServer, faulty
from tests.edge.pages import page
from tests.edge.test_store_conformance import body_of, etag_of, keys_of, refusals

OpenBucket = Callable[..., Store]
LOST = ("drop after", "500 after")


@pytest.fixture
def upstream(s3_server: Callable[[str], servers.Server]) -> str:
    return s3_server("seaweedfs").url


@pytest.fixture
def server(upstream: str) -> Iterator[FaultyServer]:
    with faulty(upstream) as proxy:
        yield proxy


@pytest.fixture
def store(server: FaultyServer, open_bucket: OpenBucket) -> Iterator[Store]:
    store = open_bucket(server.url, retrier=impatient(), answer_s=0.5)
    server.seen.clear()
    yield store
    store.close()


def impatient() -> Retrier:
    """Waits for nothing: what would be time is counted in tries."""
    return Retrier(width=4, sleep=lambda s: None, budget=60)


@pytest.mark.parametrize("fault", LOST)
def test_a_create_whose_answer_is_lost_is_done(fault: str, store: Store, server: FaultyServer) -> None:
    server.decide = lambda method, path, number: fault if (method, number) == ("PUT", 1) else None
    assert store.put([Put(page("x", "mine"), "")]).refused == []
    assert body_of(store, "x") == page("x", "mine").body
    assert server.count("PUT") == 2


@pytest.mark.parametrize("fault", LOST)
def test_a_replacement_whose_answer_is_lost_is_done(fault: str, store: Store, server: FaultyServer) -> None:
    store.put([Put(page("x", "old", 1))])
    etag = etag_of(store, "x")
    server.seen.clear()
    server.decide = lambda method, path, number: fault if (method, number) == ("PUT", 1) else None
    assert store.put([Put(page("x", "mine", 2), etag)]).refused == []
    assert body_of(store, "x") == page("x", "mine", 2).body


@pytest.mark.parametrize("fault", LOST)
def test_a_lost_answer_does_not_open_the_fence(
        fault: str, store: Store, server: FaultyServer, upstream: str, open_bucket: OpenBucket) -> None:
    """Another builder wrote between the first try and the repeat: its bytes stay, and we are told."""
    store.put([Put(page("x", "old", 1))])
    etag = etag_of(store, "x")
    server.seen.clear()
    other = open_bucket(upstream)

    def decide(method: str, path: str, number: int) -> str | None:
        if (method, number) != ("PUT", 1):
            return None
        assert other.put([Put(page("x", "theirs", 3), etag)]).refused == []
        return fault

    server.decide = decide
    assert refusals(store, [Put(page("x", "mine", 2), etag)]) == [("x", "changed")]
    assert body_of(other, "x") == page("x", "theirs", 3).body


@pytest.mark.parametrize("if_match", [None, "", "etag"])
def test_a_conflict_of_the_moment_is_tried_again(if_match: str | None, store: Store, server: FaultyServer) -> None:
    if if_match:
        store.put([Put(page("x", "old", 1))])
        if_match = etag_of(store, "x")
        server.seen.clear()
    server.decide = lambda method, path, number: "409" if method == "PUT" and number < 3 else None
    assert store.put([Put(page("x", "mine", 2), if_match)]).refused == []
    assert body_of(store, "x") == page("x", "mine", 2).body


@pytest.mark.parametrize(("there", "if_match", "then", "answer"), [
    (*case, answer) for case in (
        (page("x", "old", 1), "its", []),  # unchanged: somebody else's write was under way, so it is sent again
        (page("x", "theirs", 3), "another", [("x", "changed")]),
        (page("x", "mine", 2), "another", []),  # our own: an answer was lost
        (None, "another", [("x", "missing")]),
        (page("x", "mine", 3), "", [("x", "exists")]),  # the same text, by another attempt
        (page("x", "mine", 2), "", []),
        (None, "", []),
    ) for answer in ("404", "409", "412") if answer != "404" or case[1]  # which no create is answered
])
def test_what_a_refusal_means_is_decided_by_what_stands_there(
        there: Object | None, if_match: str, then: list[tuple[str, str]], answer: str, store: Store,
        server: FaultyServer) -> None:
    """AWS says 404 or 409 where others say 412, and each driver has its own error for each."""
    etag = ""
    if there is not None:
        store.put([Put(there)])
        etag = etag_of(store, "x")
    mine = page("x", "mine", 2)
    server.seen.clear()
    server.decide = lambda method, path, number: answer if (method, number) == ("PUT", 1) else None
    assert refusals(store, [Put(mine, etag if if_match == "its" else if_match and f'"{1:032x}"')]) == then
    found = store.get("x")
    assert (found[0] if found else None) == (there if then else mine)


def test_a_dropped_request_is_sent_again(store: Store, server: FaultyServer) -> None:
    server.decide = lambda method, path, number: "drop" if number == 1 else None
    assert store.put([Put(page("x", "mine"), "")]).refused == []
    assert store.head("x") is not None
    assert keys_of(store) == ["x"]
    assert store.delete(["x"]) == []


def test_an_answer_that_does_not_come_is_not_waited_for(store: Store, server: FaultyServer) -> None:
    server.decide = lambda method, path, number: "slow" if number == 1 else None
    assert store.put([Put(page("x", "mine"), "")]).refused == []
    assert body_of(store, "x") == page("x", "mine").body


def test_bursts_of_slow_down_slow_the_upload_and_do_not_end_it(store: Store, server: FaultyServer) -> None:
    server.decide = lambda method, path, number: "503" if method == "PUT" and number % 10 < 3 else None
    puts = [Put(page(f"k/{n:03}", str(n)), "") for n in range(150)]
    assert store.put(iter(puts)).refused == []
    assert keys_of(store) == [put.object.key for put in puts]


def test_what_lasts_is_an_error_in_bounded_tries(store: Store, server: FaultyServer) -> None:
    server.decide = lambda method, path, number: "503"
    with pytest.raises(StoreError, match="goes on failing"):
        store.put([Put(page("x"))])
    assert server.count("PUT") < 100


def test_missing_rights_are_an_error_at_once(store: Store, server: FaultyServer) -> None:
    server.decide = lambda method, path, number: "403"
    with pytest.raises(StoreError, match="credentials"):
        store.put([Put(page("x"))])
    assert server.count("PUT") == 1


def test_a_failed_upload_stops_those_that_wait(store: Store, server: FaultyServer) -> None:
    server.decide = lambda method, path, number: "403" if path.endswith("/k/000") else None
    with pytest.raises(StoreError):
        store.put(Put(page(f"k/{n:03}")) for n in range(500))
    before = server.count("PUT")
    assert before < 50
    assert store.head("k/499") is None
    assert server.count("PUT") == before


def test_a_deletion_that_is_refused_for_one_key_names_that_key(store: Store, server: FaultyServer) -> None:
    """A 200 with an Errors list."""
    key = full_key(store, "b")
    server.decide = lambda method, path, number: errors(key, "AccessDenied") if method == "POST" else None
    assert store.delete(["a", "b", "c"]) == ["b"]


def test_a_deletion_that_fails_for_the_moment_is_tried_again_for_that_key(store: Store, server: FaultyServer) -> None:
    store.put(Put(page(key)) for key in "abc")
    key = full_key(store, "b")
    server.seen.clear()
    server.decide = lambda method, path, number: errors(key, "SlowDown") if (method, number) == ("POST", 1) else None
    assert store.delete(["b"]) == []
    assert keys_of(store) == ["a", "c"]
    assert server.count("POST") == 2


def test_a_deletion_that_goes_on_failing_leaves_its_key(store: Store, server: FaultyServer) -> None:
    key = full_key(store, "b")
    server.decide = lambda method, path, number: errors(key, "InternalError") if method == "POST" else None
    assert store.delete(["a", "b"]) == ["b"]


def test_the_bytes_on_the_wire_are_the_bytes_that_were_put(
        s3_server: Callable[[str], servers.Server], open_bucket: OpenBucket) -> None:
    """No frame of trailing checksums inside the body, no ``aws-chunked`` among its codings."""
    url = s3_server("moto").url
    store = open_bucket(url)
    one = page("videos/x/index.html", "<h1>Hi</h1>", 9, tags="p1 video:1")
    store.put([Put(one)])
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    where = {"Bucket": "lectern-tests", "Key": full_key(store, one.key)}
    signed = store._client.generate_presigned_url("get_object", Params=where)  # type: ignore[attr-defined]
    connection.request("GET", signed.removeprefix(url), headers={"Accept-Encoding": "gzip"})
    answer = connection.getresponse()
    assert answer.read() == one.body
    wanted = {"Content-Type": one.content_type, "Content-Encoding": "gzip", "Cache-Control": one.cache_control,
              "x-amz-meta-cache-tag": "p1,video:1", "x-amz-meta-digest": one.digest, "x-amz-meta-write-number": "9"}
    assert {name: answer.headers[name] for name in wanted} == wanted
    assert answer.headers["Transfer-Encoding"] is None
    connection.close()
    store.close()


def test_a_forked_child_is_told_and_does_not_hang(store: Store) -> None:
    store.put([Put(page("x"))])
    if (child := os.fork()) == 0:
        try:
            store.head("x")
        except StoreError as error:
            os._exit(0 if "spawn" in str(error) else 2)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


KEYS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}
NOBODY = "http://127.0.0.1:1"  # nothing listens there


@pytest.mark.parametrize(("environ", "bucket", "named"), [
    ({**KEYS, "AWS_ENDPOINT_URL": NOBODY}, "b", "look at AWS_ENDPOINT_URL"),
    ({**KEYS, "AWS_ENDPOINT_URL": "localhost:9000"}, "b", "write AWS_ENDPOINT_URL"),
    ({**KEYS, "AWS_ENDPOINT_URL": "ftp://127.0.0.1"}, "b", "write AWS_ENDPOINT_URL"),
    ({**KEYS, "AWS_ENDPOINT_URL": NOBODY}, "no!name", "write LECTERN_STORE"),
    ({**KEYS}, "b", "set AWS_REGION"),
    ({**KEYS, "AWS_REGION": "eu__west"}, "b", "set AWS_REGION"),
    ({**KEYS, "AWS_PROFILE": "nonesuch"}, "b", "mend AWS_PROFILE"),
    ({**KEYS, "AWS_CONFIG_FILE": __file__}, "b", "AWS_CONFIG_FILE"),
    ({"AWS_ENDPOINT_URL": NOBODY, "AWS_ACCESS_KEY_ID": "x"}, "b", "AWS_SECRET_ACCESS_KEY"),
    ({"AWS_ENDPOINT_URL": NOBODY}, "b", "set AWS_ACCESS_KEY_ID"),
])
def test_a_setting_that_is_missing_or_wrong_is_named(
        environ: dict[str, str], bucket: str, named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    none = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_CONFIG_FILE": os.devnull}
    for name, value in {**none, **environ}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StoreError, match=named) as caught:
        open_store(f"s3://{bucket}/prefix")
    assert caught.value.exit_code == 2
    assert len(str(caught.value)) < 300


def test_a_bucket_of_aws_in_another_region_is_said() -> None:
    class Elsewhere:
        def head_bucket(self, **_: str) -> dict[str, str]:
            return {"BucketRegion": "eu-west-1"}

    client: Any = Elsewhere()
    with pytest.raises(StoreError, match="set AWS_REGION=eu-west-1"):
        _set_up(client, "b", "us-east-1", aws=True)
    _set_up(client, "b", "eu-west-1", aws=True)
    _set_up(client, "b", "us-east-1", aws=False)  # such servers say what they like


def test_refused_credentials_are_said(upstream: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": upstream}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StoreError, match=r"40[03].*look at AWS_ACCESS_KEY_ID"):
        open_store("s3://lectern-tests")


@pytest.mark.parametrize("url", [
    "", "site.db", "sqlite://", "sqlite:///", "sqlite://site.db", "s3://", "s3:///x", "gs://x"])
def test_what_is_no_store_is_said(url: str) -> None:
    with pytest.raises(StoreError, match="is no store"):
        open_store(url)


def test_aws_is_known_by_its_host_only() -> None:
    assert _is_aws("https://s3.eu-west-1.amazonaws.com")
    assert _is_aws("https://s3.cn-north-1.amazonaws.com.cn")
    assert not _is_aws("https://amazonaws.com.evil.example")
    assert not _is_aws("http://127.0.0.1:9000")


def full_key(store: Store, key: str) -> str:
    return str(store._prefix) + key  # type: ignore[attr-defined]


def errors(key: str, code: str) -> str:
    return f"<DeleteResult><Error><Key>{key}</Key><Code>{code}</Code></Error></DeleteResult>"
