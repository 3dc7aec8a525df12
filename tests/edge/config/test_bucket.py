"""Varnish before a bucket itself: it does what the origin would, from what stands in the objects' metadata."""
from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from typing import NamedTuple
from urllib.parse import urlsplit

import boto3
import pytest

from edge.address import Path, own_tag
from edge.cdn.port import tag
from edge.cdn.varnish import Varnish as Purger
from edge.config.cache_node import CacheNode, upstream
from edge.policy import page_headers
from edge.store.port import Object, Put, Store
from tests.edge import servers
from tests.edge.fakes.varnish import Varnish, running_varnish
from tests.edge.pages import page

HEADERS = page_headers(https=True)
HOST = "lectures.example"
GONE = "videos/gone/index.html"


class Stand(NamedTuple):
    """A bucket and the cache before it."""

    store: Store
    edge: Varnish

    def ask(self, target: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers with names in lower case, body."""
        with closing(HTTPConnection(urlsplit(self.edge.url).netloc, timeout=10)) as connection:
            connection.putrequest("GET", target, skip_host=True, skip_accept_encoding=True)
            for name, value in {"Host": HOST, **headers}.items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders()
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


@pytest.fixture
def stand(open_named: Callable[..., Store], s3_server: Callable[[str], servers.Server]) -> Iterator[Stand]:
    store = open_named("moto")
    objects: list[Object] = [
        page("index.html", "home"),
        page("videos/na\u00efve/index.html", "naive", tags=f"{own_tag(Path('/videos/na%C3%AFve/'))} video:1 all"),
        page(GONE, "gone", status=410), page("old/index.html", "moved", status=301, location="/videos/na%C3%AFve/"),
        page("assets/a.js", "a", content_type="text/javascript; charset=utf-8"), page("sw.js", "w", content_type="text/javascript"),
        page("robots.txt", "robots", content_type="text/plain"), page("404.html", "nobody"), page("retained/abc.1", "secret"),
        page("protected/a.mp4", "secret", gzipped=False)]
    store.put(Put(one) for one in objects)
    prefix = store.name.partition("s3://")[2].partition(" ")[0]
    name, _, folder = prefix.partition("/")
    # As an operator lets the caches read, and nobody list.
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
                                                      "Resource": f"arn:aws:s3:::{name}/{folder}*"}]}
    boto3.client("s3").put_bucket_policy(Bucket=name, Policy=json.dumps(policy))
    bucket = upstream(f"{s3_server('moto').url}/{prefix}", "--bucket")
    with running_varnish(CacheNode(f"https://{HOST}", "100k", HEADERS, bucket, bucket, bucket=True)) as edge:
        yield Stand(store, edge)


def test_a_buckets_objects_come_out_as_the_origin_would_send_them(stand: Stand) -> None:
    for coding in ("gzip", "br"):
        status, headers, _ = stand.ask("/videos/na%C3%AFve/", accept_encoding=coding)
        assert status == 200
        assert headers["content-type"] == "text/html; charset=utf-8"
        assert headers["vary"] == "Accept-Encoding"
        assert headers.get("content-encoding") == ("gzip" if coding == "gzip" else None)
        assert {name: headers[name.lower()] for name, _ in HEADERS} == dict(HEADERS)
        assert not [name for name in headers if name.startswith("x-amz-") or name in ("server", "surrogate-key", "xkey")]
    assert stand.ask("/")[2] == b"home"


def test_a_script_bears_less_than_a_worker_and_than_what_is_not_there(stand: Stand) -> None:
    names = {name.lower() for name, _ in HEADERS}
    assert names & set(stand.ask("/assets/a.js")[1]) == {"x-content-type-options", "strict-transport-security"}
    for target in ("/sw.js", "/assets/none.js"):
        assert names <= set(stand.ask(target)[1]), target


def test_retired_pages_are_real_redirects_and_real_410s(stand: Stand) -> None:
    for _ in range(2):
        status, headers, body = stand.ask("/videos/gone/")
        assert (status, body) == (410, b"gone")
        status, headers, _ = stand.ask("/old/?from=mail")
        assert (status, headers["location"]) == (301, "/videos/na%C3%AFve/?from=mail")


@pytest.mark.parametrize("spelling", ["/videos/na%C3%AFve", "/videos/na%C3%AFve/index.html"])
def test_other_spellings_lead_to_the_address(stand: Stand, spelling: str) -> None:
    status, headers, _ = stand.ask(f"{spelling}?from=mail")
    assert (status, headers["location"]) == (301, "/videos/na%C3%AFve/?from=mail")


def test_what_is_not_there_is_the_sites_404_for_seconds(stand: Stand) -> None:
    for _ in range(2):
        status, headers, body = stand.ask("/videos/none/")
        assert (status, body, headers["content-type"]) == (404, b"nobody", "text/html; charset=utf-8")
        assert "s-maxage" not in headers["cache-control"]
    assert "; hit; ttl=" in headers["cache-status"]
    assert int(headers["cache-status"].rpartition("=")[2]) <= 5
    stand.store.delete(["404.html"])
    status, headers, body = stand.ask("/videos/neither/")
    assert status == 404
    assert b"NoSuchKey" not in body


@pytest.mark.parametrize("target", ["/retained/abc.1", "/%72etained/abc.1", "/protected/a.mp4", "/%70rotected/a.mp4", "/../retained/abc.1",
                                    "/videos/..%2f..%2fretained/abc.1", "/?list-type=2", "/?acl"])
def test_what_is_shut_stays_shut_and_nothing_is_listed(stand: Stand, target: str) -> None:
    status, _, body = stand.ask(target)
    assert status in (400, 403, 404) or body == b"home"
    assert b"secret" not in body
    assert b"ListBucket" not in body


def test_its_tags_are_read_from_the_metadata(stand: Stand) -> None:
    purger = Purger([stand.edge.url], f"https://{HOST}")
    path = "/videos/na%C3%AFve/"
    stand.ask(path)
    assert stand.edge.get(path).hit
    purger.purge([tag("video:2")])
    assert stand.edge.get(path).hit
    purger.purge([tag("video:1")])
    assert not stand.edge.get(path).hit
