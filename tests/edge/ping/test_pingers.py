"""Pings keep to what hubs and IndexNow ask for, and what is no acknowledgement is an error."""
from __future__ import annotations

import pytest

from edge.errors import SettingsError
from edge.http_client import Answer
from edge.ping import open_pingers
from edge.ping.indexnow import IndexNow
from edge.ping.port import PingError
from edge.ping.settings import Pings, read_pings
from edge.ping.websub import WebSub
from tests.edge.fakes.hub import Hub
from tests.edge.fakes.indexnow import IndexNowApi
from tests.edge.fakes.server import Reply, served

HOST = "lectures.example"
BASE_URL = f"https://{HOST}"
KEY = "0123-abcdEFGH"
FEEDS = [f"{BASE_URL}/feed.xml", f"{BASE_URL}/subjects/na%C3%AFve/feed.xml"]
PAGES = [f"{BASE_URL}/", f"{BASE_URL}/videos/na%C3%AFve-%E0%A4%B9%E0%A4%BF/"]


def shows(url: str) -> str | None:
    return KEY if url == f"{BASE_URL}/{KEY}.txt" else None


def test_a_hub_is_told_of_each_feed_at_its_own_address_query_and_all() -> None:
    hub = Hub(HOST)
    with served(hub):
        WebSub(hub.url + hub.path).ping(FEEDS)
    assert hub.told == FEEDS


def test_a_feed_that_a_hub_refuses_for_good_keeps_no_other_from_it() -> None:
    hub = Hub(HOST)
    with served(hub), pytest.raises(PingError, match=r"422.*elsewhere\.example") as caught:
        WebSub(hub.url + hub.path).ping([FEEDS[0], "https://elsewhere.example/feed.xml", FEEDS[1]])
    assert caught.value.lasting
    assert hub.told == FEEDS


def test_a_hub_that_is_not_there_names_the_setting() -> None:
    hub = Hub(HOST)
    with served(hub), pytest.raises(PingError, match="LECTERN_WEBSUB_HUB") as caught:
        WebSub(f"{hub.url}/elsewhere").ping(FEEDS)
    assert not caught.value.lasting, "somebody mends the setting, and then the same request passes"
    assert len(hub.seen) == 1


def test_indexnow_is_told_of_pages_in_one_request_and_202_is_an_acknowledgement() -> None:
    api = IndexNowApi(shows)
    with served(api):
        pinger = IndexNow(KEY, BASE_URL, api=api.url)
        pinger.ping(PAGES)
        pinger.ping(PAGES[:1])
    assert api.told == [PAGES, PAGES[:1]]


def test_indexnow_takes_ten_thousand_at_once_and_no_more() -> None:
    api = IndexNowApi(shows)
    with served(api):
        pinger = IndexNow(KEY, BASE_URL, api=api.url)
        pinger.ping([f"{BASE_URL}/videos/{n}/" for n in range(pinger.at_once)])
        assert len(api.told[0]) == pinger.at_once == 10_000
        with pytest.raises(PingError) as caught:
            pinger.ping([f"{BASE_URL}/videos/{n}/" for n in range(pinger.at_once + 1)])
    assert caught.value.lasting


def test_a_key_whose_file_is_not_shown_yet_is_no_lasting_refusal_and_the_file_is_named() -> None:
    api = IndexNowApi(lambda url: None)
    with served(api), pytest.raises(PingError, match=f"{BASE_URL}/{KEY}.txt") as caught:
        IndexNow(KEY, BASE_URL, api=api.url).ping(PAGES)
    assert not caught.value.lasting


def test_urls_of_another_host_are_refused_for_good() -> None:
    api = IndexNowApi(shows)
    with served(api), pytest.raises(PingError, match="422") as caught:
        IndexNow(KEY, BASE_URL, api=api.url).ping(["https://elsewhere.example/"])
    assert caught.value.lasting


@pytest.mark.parametrize("reply", [Reply(0), Reply(500, b"\x1b[31m"), Reply(429, b"", (("Retry-After", "7"),)), Reply(302)])
def test_an_answer_that_is_no_acknowledgement_is_an_error_that_shows_no_escape(reply: Reply) -> None:
    api = IndexNowApi(shows)
    with served(api):
        api.fault = reply
        for pinger in (IndexNow(KEY, BASE_URL, api=api.url), WebSub(api.url)):
            with pytest.raises(PingError) as caught:
                pinger.ping(PAGES)
            assert not caught.value.lasting
            assert caught.value.retry_after_s == (7 if reply.headers else None)
            assert str(caught.value).isprintable()


def test_who_is_not_set_is_not_told() -> None:
    assert open_pingers(BASE_URL, "", "") == []
    assert [pinger.name for pinger in open_pingers(BASE_URL, "https://hub.example/", KEY)] == ["websub", "indexnow"]


def test_settings_are_read() -> None:
    values = {"LECTERN_WEBSUB_HUB": "https://hub.example/?of=me", "LECTERN_INDEXNOW_KEY": KEY}
    assert read_pings(values, BASE_URL) == Pings("https://hub.example/?of=me", KEY)
    assert read_pings({}, "http://127.0.0.1:8000") == Pings()


@pytest.mark.parametrize(("name", "value"), [
    ("LECTERN_WEBSUB_HUB", "hub.example"), ("LECTERN_WEBSUB_HUB", "ftp://hub.example/"), ("LECTERN_WEBSUB_HUB", "https://a:b@hub.example/"),
    ("LECTERN_WEBSUB_HUB", 'https://hub.example/" onclick="'), ("LECTERN_WEBSUB_HUB", "https://hub.example:port/"),
    ("LECTERN_WEBSUB_HUB", "https://[::1"), ("LECTERN_INDEXNOW_KEY", "short"), ("LECTERN_INDEXNOW_KEY", "../../secret"),
    ("LECTERN_INDEXNOW_KEY", "x" * 129),
])
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        read_pings({name: value}, BASE_URL)


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000"])
def test_no_search_engine_is_told_of_this_machine(base_url: str) -> None:
    with pytest.raises(SettingsError, match="LECTERN_BASE_URL"):
        read_pings({"LECTERN_INDEXNOW_KEY": KEY}, base_url)


@pytest.mark.parametrize("said", ["\u00b2", "soon", "Sat, 28 Nov 2026 21:00:00 -0000", "-1", ""])
def test_a_retry_after_that_is_none_is_taken_for_none(said: str) -> None:
    assert Answer(503, {"retry-after": said, "date": "Sat, 28 Nov 2026 20:59:00 GMT"}, b"").retry_after_s is None


def test_a_host_that_is_no_name_is_one_that_gives_no_answer() -> None:
    with pytest.raises(PingError, match="gave no answer"):
        WebSub(f"http://{'a' * 64}.example/").ping([f"{BASE_URL}/feed.xml"])
