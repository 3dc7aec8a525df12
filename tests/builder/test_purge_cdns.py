"""Releases against real and faked CDNs: quotas, prices, late fetches, and errors from before a page existed."""
from __future__ import annotations

import dataclasses
import json
import random
import threading
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from builder.folding import Changed, cost
from builder.purge import announce, settle
from edge.address import Path as SitePath
from edge.address import key_of, own_tag
from edge.cdn.cloudflare import Cloudflare
from edge.cdn.cloudfront import USD_A_RELEASE, CloudFront
from edge.cdn.port import Rate
from edge.cdn.varnish import Varnish
from edge.origin import Origin
from edge.store.port import Put
from edge.store.sqlite import SQLiteStore
from tests.builder.purging import all_due, changed, owe, sql
from tests.edge.cdn.stands import BASE_URL, HOST
from tests.edge.fakes import cloudflare, cloudfront
from tests.edge.fakes.cache import Cache
from tests.edge.fakes.server import Reply, served
from tests.edge.fakes.varnish import varnish, varnish_before
from tests.edge.pages import page
from tests.edge.servers import wait_until

HOUR_S = 3_600.0


def _cloudfront(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFRONT", url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "lectern")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "lectern-secret")


def _nothing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("404 Not Found", [])
    return []


def test_a_big_release_and_a_day_of_refreshes_drain_at_cloudfront_within_a_budget(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    chance = random.Random(7)
    with served(cloudfront.CloudFrontApi(Cache(_nothing), takes_s=60, clock=lambda: now[0])) as api:
        assert isinstance(api, cloudfront.CloudFrontApi)
        _cloudfront(monkeypatch, api.url)
        purger = CloudFront(cloudfront.DISTRIBUTION)
        expected = 0.0
        for release in range(25):
            # First a template of 10,000 of 40,000 pages, then each hour what thirty videos show, on three pages each.
            objects = [changed(n) for n in range(10_000)] if not release else [
                changed(n + i) for n in chance.sample(range(40_000), 30) for i in range(3)]
            expected += cost(purger, objects, 40_000)[1]
            owe(dsn, [purger], release, objects, live=40_000)
            settle(dsn, [purger])
            all_due(dsn)
            settle(dsn, [purger])
            now[0] += HOUR_S
        assert sql(dsn, "SELECT count(*) FROM live.debt") == [(0,)]
        assert api.refused == 0
        assert api.paid * cloudfront.USD_A_PATH <= expected + 1e-9 <= 25 * USD_A_RELEASE
        assert api.usd <= 8.0


def test_ten_thousand_names_past_the_budget_wait_for_their_turn_at_cloudfront_and_none_is_lost(
        dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    with served(cloudfront.CloudFrontApi(Cache(_nothing), takes_s=60, clock=lambda: now[0])) as api:
        assert isinstance(api, cloudfront.CloudFrontApi)
        _cloudfront(monkeypatch, api.url)
        purger = CloudFront(cloudfront.DISTRIBUTION)
        purger.can = dataclasses.replace(purger.can, budget_names=20_000)
        owe(dsn, [purger], 1, [changed(n) for n in range(10_000)])
        rounds = 0
        while sql(dsn, "SELECT 1 FROM live.debt WHERE NOT again LIMIT 1"):
            rounds += 1
            assert rounds < 10
            sql(dsn, "UPDATE live.debt SET due_at = clock_timestamp() WHERE NOT again")
            settle(dsn, [purger])
            now[0] += 61
        assert (rounds, api.refused) == (4, 3)
        assert len({item for items in api.invalidations for item in items}) == 10_000


def test_a_thousand_purges_at_cloudflare_are_delayed_and_not_lost(dsn: str) -> None:
    with served(cloudflare.CloudflareApi(Cache(_nothing), HOST, a_second=60, burst=8)) as api:
        assert isinstance(api, cloudflare.CloudflareApi)
        purger = Cloudflare(cloudflare.ZONE, cloudflare.TOKEN, BASE_URL, rate=Rate(38, 4), api=f"{api.url}/client/v4")
        purger.can = dataclasses.replace(purger.can, budget_names=2_000)
        assert owe(dsn, [purger], 1, [changed(n) for n in range(1_000)]) == 1_000
        done = settle(dsn, [purger], wait_s=30)
        assert (done.sent, done.left, done.errors) == (1_000, 0, ())
        assert (len(api.seen), api.refused) == (10, 0), "a hundred a request, none of them refused"
        assert sorted(name for request in api.seen for name in json.loads(request.body)["tags"]) == sorted(
            changed(n).tags.split()[0] for n in range(1_000))


def test_two_processes_that_share_an_account_at_cloudflare_lose_nothing_to_its_429(dsn: str) -> None:
    with served(cloudflare.CloudflareApi(Cache(_nothing), HOST, a_second=100, burst=3)) as api:
        assert isinstance(api, cloudflare.CloudflareApi)
        # Each believes that the whole bucket is its own.
        purgers = [Cloudflare(cloudflare.ZONE, cloudflare.TOKEN, BASE_URL, rate=Rate(100, 50), api=f"{api.url}/client/v4")
                   for _ in range(2)]
        owe(dsn, purgers[:1], 1, [changed(n) for n in range(1_000)])
        threads = [threading.Thread(target=settle, args=(dsn, [purger]), kwargs={"wait_s": 30}) for purger in purgers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sql(dsn, "SELECT count(*) FROM live.debt WHERE NOT again") == [(0,)]
        assert api.refused > 0


def test_a_cdn_down_for_an_hour_gets_all_that_it_missed(dsn: str) -> None:
    with served(cloudflare.CloudflareApi(Cache(_nothing), HOST, burst=10_000)) as api:
        purger = Cloudflare(cloudflare.ZONE, cloudflare.TOKEN, BASE_URL, rate=Rate(1, 1_000), api=f"{api.url}/client/v4")
        api.fault = Reply(0)
        for release in range(1, 16):  # one in four minutes
            owe(dsn, [purger], release, [changed(release)])
            assert settle(dsn, [purger]).sent == 0
            sql(dsn, "UPDATE live.debt SET due_at = due_at - interval '4 minutes'")
        api.fault = None
        api.seen.clear()
        all_due(dsn)
        settle(dsn, [purger])
        assert sql(dsn, "SELECT count(*) FROM live.debt") == [(0,)]
        assert {name for r in api.seen for name in json.loads(r.body)["tags"]} == {
            changed(n).tags.split()[0] for n in range(1, 16)}


class Held:
    """An origin that reads an answer at once and gives it when it is let go."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self.hold, self.read, self.go = False, threading.Event(), threading.Event()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = list(self._origin(environ, start_response))
        if self.hold:
            self.hold = False
            self.read.set()
            assert self.go.wait(14)
        return body


def test_an_old_fetch_that_is_stored_after_the_first_purge_leaves_with_the_second(dsn: str, tmp_path: Path) -> None:
    path = "/videos/one/"
    with closing(SQLiteStore(tmp_path / "site.db")) as store:
        origin = Held(Origin(store))
        with varnish(origin, HOST) as edge:
            purger = Varnish([edge.url], BASE_URL, again_after_s=0.5)
            _store(store, path, "old")
            origin.hold = True
            late = threading.Thread(target=edge.get, args=(path,))
            late.start()
            assert origin.read.wait(10)
            _store(store, path, "new")
            owe(dsn, [purger], 1, [_as_changed(path)])
            assert settle(dsn, [purger]).sent == 1
            origin.go.set()
            late.join()
            assert edge.get(path).text == "old", "the hazard: stored after the purge"
            wait_until(lambda: settle(dsn, [purger]).sent == 1, what="the second purge")
            assert edge.get(path).text == "new"


def test_two_tiers_under_load_all_converge_in_every_encoding(dsn: str, tmp_path: Path) -> None:
    paths = [f"/videos/{n}/" for n in range(4)]
    codings: tuple[dict[str, str], ...] = ({"Accept-Encoding": "gzip"}, {"Accept-Encoding": "br"}, {})
    done = threading.Event()
    with (closing(SQLiteStore(tmp_path / "site.db")) as store, varnish(Origin(store), HOST) as shield,
          varnish_before(int(shield.url.rpartition(":")[2]), HOST, shield=True) as edge):
        purger = Varnish([shield.url, edge.url], BASE_URL, again_after_s=0.3)

        def read(headers: dict[str, str]) -> None:
            while not done.is_set():
                for path in paths:
                    edge.get(path, **headers)

        readers = [threading.Thread(target=read, args=(headers,)) for headers in codings[:2]]
        for reader in readers:
            reader.start()
        try:
            for release in range(100):
                path = paths[release % len(paths)]
                _store(store, path, f"release {release}")
                owe(dsn, [purger], release, [_as_changed(path)._replace(new=release < len(paths))])
                settle(dsn, [purger])
            wait_until(lambda: (settle(dsn, [purger]), sql(dsn, "SELECT count(*) FROM live.debt"))[1] == [(0,)], what="the second purges")
        finally:
            done.set()
            for reader in readers:
                reader.join()
        for number, path in enumerate(paths):
            for headers in codings:
                assert edge.get(path, **headers).text == f"release {96 + number}", (path, headers)


def test_the_error_of_a_page_that_was_asked_for_too_early_leaves_with_its_publish(dsn: str, tmp_path: Path) -> None:
    with closing(SQLiteStore(tmp_path / "site.db")) as store, varnish(Origin(store), HOST) as edge:
        purger = Varnish([edge.url], BASE_URL)
        for path, tell in (("/videos/soon/", "announced"), ("/videos/%D8%A8/", "owed")):
            assert edge.get(path).status == 404
            assert edge.get(path).hit
            _store(store, path, "here")
            if tell == "announced":
                announce([purger], [path])
                wait_until(lambda path=path: edge.get(path).status == 200, what="the announced page")  # type: ignore[misc]
            else:
                owe(dsn, [purger], 1, [_as_changed(path)._replace(new=True)])
                settle(dsn, [purger])
                assert edge.get(path).text == "here"


def _store(store: SQLiteStore, path: str, text: str) -> None:
    store.put([Put(page(key_of(SitePath(path)), text, tags=_as_changed(path).tags))])


def _as_changed(path: str) -> Changed:
    return Changed(path, f"{own_tag(SitePath(path))} video:1 all", False)
