"""Each CDN in front of an origin with a small site, and the purger that is asked to have it forget."""
from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from edge.address import Path as SitePath
from edge.address import key_of, own_tag
from edge.cdn.cloudflare import Cloudflare
from edge.cdn.cloudfront import CloudFront
from edge.cdn.fastly import Fastly
from edge.cdn.port import Purger
from edge.cdn.varnish import Varnish
from edge.origin import Origin
from edge.store.port import Put
from edge.store.sqlite import SQLiteStore
from tests.edge.fakes import cloudflare, cloudfront, fastly
from tests.edge.fakes.cache import Cache, Edge
from tests.edge.fakes.server import Api, Reply, served
from tests.edge.fakes.varnish import varnish
from tests.edge.pages import page

HOST = "lectures.example"
BASE_URL = f"https://{HOST}"
CDNS = ("varnish", "cloudfront", "fastly", "cloudflare")


@dataclass
class Stand:
    """One CDN before a site."""

    store: SQLiteStore
    edge: Edge
    purger: Purger

    def publish(self, path: str, text: str, groups: str = "video:1 batch:1") -> None:
        """Store a page, as a release would."""
        tags = f"{own_tag(SitePath(path))} {groups} all"
        self.store.put([Put(page(key_of(SitePath(path)), text, tags=tags))])


@contextmanager
def stand_of(name: str, store: SQLiteStore, credentials: Callable[[str], None]) -> Iterator[Stand]:
    """A CDN by its name, before *store*; *credentials* is told where CloudFront's interface is."""
    origin = Origin(store)
    if name == "varnish":
        with varnish(origin, HOST) as running:
            yield Stand(store, running, Varnish([running.url], BASE_URL))
        return
    cache = Cache(origin)
    with served(api_of(name, cache)) as api:
        yield Stand(store, cache, purger_of(name, api, credentials))


def api_of(name: str, cache: Cache) -> Api:
    """The vendor's interface over *cache*."""
    if name == "cloudfront":
        return cloudfront.CloudFrontApi(cache)
    return fastly.FastlyApi(cache, HOST) if name == "fastly" else cloudflare.CloudflareApi(cache, HOST)


def purger_of(name: str, api: Api, credentials: Callable[[str], None]) -> Purger:
    """The purger that asks *api*."""
    if name == "cloudfront":
        credentials(api.url)
        return CloudFront(cloudfront.DISTRIBUTION)
    if name == "fastly":
        return Fastly(fastly.SERVICE, fastly.TOKEN, BASE_URL, api=api.url)
    if name == "cloudflare":
        return Cloudflare(cloudflare.ZONE, cloudflare.TOKEN, BASE_URL, api=f"{api.url}/client/v4")
    return Varnish([api.url], BASE_URL)


def agrees(name: str) -> Callable[..., Reply]:
    """What the vendor says when it has purged: for a CDN that says so and does nothing."""
    def reply(request: object) -> Reply:
        body = getattr(request, "body", b"")
        match name:
            case "fastly":
                keys = json.loads(body or b"{}").get("surrogate_keys", [])
                return Reply(200, json.dumps({"status": "ok"} | dict.fromkeys(keys, "1")).encode())
            case "cloudflare":
                return Reply(200, b'{"success": true, "errors": []}')
            case "cloudfront":
                return Reply(201, b"<Invalidation><Id>I1</Id><Status>InProgress</Status></Invalidation>")
        return Reply(200)

    return reply
