"""Fastly and Cloudflare: batches, quotas, wrong tokens; what any of them says that is no acknowledgement."""
from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from edge.cdn.cloudflare import RATES, Cloudflare
from edge.cdn.fastly import Fastly
from edge.cdn.port import ALL, PurgeError, QuotaError, Rate, tag, url
from edge.origin import Origin
from edge.store.sqlite import SQLiteStore
from tests.edge.cdn.stands import BASE_URL, HOST, api_of, purger_of
from tests.edge.fakes.cache import Cache
from tests.edge.fakes.cloudflare import TOKEN as CLOUDFLARE_TOKEN
from tests.edge.fakes.cloudflare import ZONE, CloudflareApi
from tests.edge.fakes.fastly import SERVICE
from tests.edge.fakes.fastly import TOKEN as FASTLY_TOKEN
from tests.edge.fakes.server import Reply, served


def test_a_fastly_request_holds_256_keys_and_is_hard(store: SQLiteStore, credentials: Callable[[str], None]) -> None:
    with served(api_of("fastly", Cache(Origin(store)))) as api:
        purger = purger_of("fastly", api, credentials)
        purger.purge([tag(f"p{n}") for n in range(purger.can.tags_a_request)])
        assert len(api.seen) == 1
        with pytest.raises(PurgeError, match="256") as caught:
            purger.purge([tag(f"p{n}") for n in range(257)])
        assert caught.value.lasting


def test_fastly_must_acknowledge_each_key(store: SQLiteStore, credentials: Callable[[str], None]) -> None:
    with served(api_of("fastly", Cache(Origin(store)))) as api:
        api.fault = Reply(200, json.dumps({"p1": "108-1"}).encode())
        with pytest.raises(PurgeError, match="1 of 2"):
            purger_of("fastly", api, credentials).purge([tag("p1"), tag("p2")])


@pytest.mark.parametrize("name", ["fastly", "cloudflare"])
def test_a_wrong_token_names_the_setting_and_never_shows_the_token(name: str, store: SQLiteStore) -> None:
    with served(api_of(name, Cache(Origin(store)))) as api:
        purger: Fastly | Cloudflare = Fastly(SERVICE, "wrong-secret", BASE_URL, api=api.url)
        if name == "cloudflare":
            purger = Cloudflare(ZONE, "wrong-secret", BASE_URL, api=f"{api.url}/client/v4")
        with pytest.raises(PurgeError, match=f"LECTERN_{name.upper()}_TOKEN") as caught:
            purger.purge([tag("p1")])
    assert "wrong-secret" not in str(caught.value)
    assert not caught.value.lasting, "somebody mends the token, and then the same request passes"


@pytest.mark.parametrize("name", ["fastly", "cloudflare"])
@pytest.mark.parametrize("reply", [Reply(0), Reply(500), Reply(503, b"", (("Retry-After", "7"),)), Reply(200, b"<html>sign in</html>")])
def test_an_answer_that_is_no_acknowledgement_is_an_error(
        name: str, reply: Reply, store: SQLiteStore, credentials: Callable[[str], None]) -> None:
    with served(api_of(name, Cache(Origin(store)))) as api:
        api.fault = reply
        for names in ([tag("p1")], [url("/x/")], [ALL]):
            with pytest.raises(PurgeError) as caught:
                purger_of(name, api, credentials).purge(names)
            assert not caught.value.lasting
            assert caught.value.retry_after_s == (7 if reply.headers else None)


def test_a_cloudflare_answer_of_200_without_success_is_an_error(store: SQLiteStore, credentials: Callable[[str], None]) -> None:
    with served(api_of("cloudflare", Cache(Origin(store)))) as api:
        api.fault = Reply(200, b'{"success": false, "errors": [{"code": 1, "message": "not today"}]}')
        with pytest.raises(PurgeError, match="not today"):
            purger_of("cloudflare", api, credentials).purge([tag("p1")])


def test_cloudflare_is_not_asked_past_its_bucket_and_says_when(store: SQLiteStore) -> None:
    now = [0.0]
    with served(CloudflareApi(Cache(Origin(store)), HOST, a_second=5 / 60, burst=25, clock=lambda: now[0])) as api:
        purger = Cloudflare(ZONE, CLOUDFLARE_TOKEN, BASE_URL, plan="free", api=f"{api.url}/client/v4", clock=lambda: now[0])
        for n in range(25):
            purger.purge([tag(f"p{n}")])
        with pytest.raises(QuotaError) as caught:
            purger.purge([tag("p")])
        assert caught.value.retry_after_s == pytest.approx(12)
        now[0] += 12.1
        purger.purge([tag("p")])
    assert isinstance(api, CloudflareApi)
    assert (len(api.seen), api.refused) == (26, 0)


def test_a_429_of_cloudflare_empties_our_bucket_too_since_others_spent_from_it(store: SQLiteStore) -> None:
    now = [0.0]
    with served(CloudflareApi(Cache(Origin(store)), HOST, a_second=1, burst=1, clock=lambda: now[0])) as api:
        purger = Cloudflare(ZONE, CLOUDFLARE_TOKEN, BASE_URL, rate=Rate(1, 25), api=f"{api.url}/client/v4", clock=lambda: now[0])
        purger.purge([tag("p1")])
        with pytest.raises(PurgeError, match="429") as caught:
            purger.purge([tag("p2")])
        assert caught.value.retry_after_s == 1
        with pytest.raises(QuotaError):
            purger.purge([tag("p2")])
        assert len(api.seen) == 2
        now[0] += 1
        purger.purge([tag("p2")])


def test_the_plans_have_the_numbers_of_the_document() -> None:
    assert {plan: (round(rate.a_second * 60), rate.burst) for plan, rate in RATES.items()} == {
        "free": (5, 25), "pro": (300, 25), "business": (600, 50), "enterprise": (3000, 500)}


def test_fastly_urls_have_host_and_no_scheme(store: SQLiteStore, credentials: Callable[[str], None]) -> None:
    with served(api_of("fastly", Cache(Origin(store)))) as api:
        purger_of("fastly", api, credentials).purge([url("/videos/na%C3%AFve/")])
    assert [(r.method, r.target) for r in api.seen] == [("POST", f"/purge/{HOST}/videos/na%C3%AFve/")]
    assert api.seen[0].headers["fastly-key"] == FASTLY_TOKEN
