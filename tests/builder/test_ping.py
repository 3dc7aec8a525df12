"""What is told, to whom, and when: feeds and pages that an edit changed, once the purges are acknowledged, as debts."""
from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import closing

import psycopg2
import pytest

from builder import owed as owed_rows
from builder import ping, tidying
from builder.pages import KINDS
from builder.pages.page import Site
from builder.status import status
from edge.cdn.port import Name, PurgeError
from edge.ping import indexnow
from edge.ping.port import Pinger, PingError
from edge.store.sqlite import SQLiteStore
from tests.builder.purging import Recorder, all_due
from tests.builder.test_release import Memory
from tests.builder.watching import until, watching
from tests.edge.fakes.hub import Hub
from tests.edge.fakes.indexnow import IndexNowApi
from tests.edge.fakes.server import Reply, served
from tests.site import SITE as PLAIN
from tests.site import Built, fill

KEY = "0123456789abcdef"
TOLD = PLAIN._replace(hub="https://hub.example/", indexnow_key=KEY)
BASE = TOLD.base_url


class Listener:
    """A pinger that keeps what it was told. *answer* is called with each request's URLs and may raise or block."""

    def __init__(self, name: str, told_of: str, answer: Callable[[Sequence[str]], None] = lambda urls: None) -> None:
        self.name, self.told_of, self.at_once = name, told_of, 10
        self.answer = answer
        self.told: list[list[str]] = []

    def ping(self, urls: Sequence[str]) -> None:
        """Keep them, once they are answered."""
        self.answer(urls)
        self.told.append(list(urls))


@pytest.fixture
def listeners(monkeypatch: pytest.MonkeyPatch) -> dict[str, Listener]:
    """Who is told in place of the hub and the engines, where a site has them set."""
    found = {"websub": Listener("websub", "feeds"), "indexnow": Listener("indexnow", "pages")}

    def opened(base_url: str, hub: str, indexnow_key: str) -> list[Pinger]:
        named = [*(["websub"] if hub else []), *(["indexnow"] if indexnow_key else [])]
        return [found[name] for name in named]  # type: ignore[misc]

    monkeypatch.setattr(ping, "open_pingers", opened)
    return found


@pytest.fixture
def full(site: Built, listeners: dict[str, Listener]) -> Built:
    fill(site)
    site.build(site=TOLD)
    for listener in listeners.values():
        listener.told.clear()
    return site


def owed(site: Built) -> list[tuple[str, list[str], int, bool]]:
    return site.sql("SELECT cdn, what, tries, given_up FROM live.debt WHERE kind = 'ping' ORDER BY id")


def paths(listener: Listener) -> list[str]:
    return sorted(url.removeprefix(BASE) for urls in listener.told for url in urls)


# what is told -----------------------------------------------------------------------------------

def test_a_first_build_tells_engines_of_each_page_that_a_sitemap_names_and_hubs_of_no_feed(
        site: Built, listeners: dict[str, Listener]) -> None:
    fill(site)
    site.build(site=TOLD)
    named = [f"{BASE}{path}" for path in paths(listeners["indexnow"])]
    maps = "".join(text for path, text in site.texts(".xml") if path.startswith("/sitemaps/"))
    assert sorted(maps.count(f"<loc>{url}</loc>") for url in named) == [1] * len(named)
    assert maps.count("<loc>") == len(named)
    assert all(len(urls) <= 10 for urls in listeners["indexnow"].told), "no more than a request holds"
    assert listeners["websub"].told == []
    assert owed(site) == []


def test_no_page_of_an_indexed_kind_bears_noindex_and_every_document_of_another_does(full: Built) -> None:
    for path, kind in full.sql("SELECT path, kind FROM live.object WHERE kind <> 'asset'"):
        if KINDS[kind].content_type.startswith("text/html"):
            assert KINDS[kind].indexed == ('<meta name="robots" content="noindex' not in full.text(path)), path


def test_an_edit_tells_of_the_pages_and_feeds_that_it_changed_and_of_no_others(full: Built, listeners: dict[str, Listener]) -> None:
    full.sql("UPDATE catalog.video SET title = 'Limits' WHERE id = 2")
    full.build(site=TOLD)
    assert {"/videos/lecture-2/", "/batches/batch/", "/", "/videos/"} <= set(paths(listeners["indexnow"]))
    assert not {"/about/", "/courses/", "/account/settings/"} & set(paths(listeners["indexnow"]))
    assert not any("." in path for path in paths(listeners["indexnow"])), "pages, not their data"
    assert paths(listeners["websub"]) == ["/courses/course/feed.xml", "/feed.xml", "/subjects/subject/feed.xml"]


def test_a_page_that_comes_and_one_that_leaves_or_moves_are_told(full: Built, listeners: dict[str, Listener]) -> None:
    full.sql("INSERT INTO catalog.video (id, slug, title, status, batch_id) VALUES (9, 'new', 'New', 'published', 1)")
    full.sql("UPDATE catalog.video SET status = 'withdrawn' WHERE id = 1")
    full.sql("UPDATE catalog.video SET slug = 'moved' WHERE id = 2")
    full.build(site=TOLD)
    assert {"/videos/new/", "/videos/lecture-1/", "/videos/lecture-2/", "/videos/moved/"} <= set(paths(listeners["indexnow"]))


def test_a_page_that_comes_back_where_its_gone_stood_is_told(full: Built, listeners: dict[str, Listener]) -> None:
    full.sql("UPDATE catalog.video SET status = 'withdrawn' WHERE id = 1")
    full.build(site=TOLD)
    listeners["indexnow"].told.clear()
    full.sql("UPDATE catalog.video SET status = 'published' WHERE id = 1")
    full.build(site=TOLD)
    assert "/videos/lecture-1/" in paths(listeners["indexnow"])


def test_a_build_that_only_makes_pages_anew_tells_nobody(full: Built, listeners: dict[str, Listener]) -> None:
    assert full.build(site=TOLD._replace(hue=100)).uploaded > 10
    assert [listener.told for listener in listeners.values()] == [[], []]


def test_nobody_is_owed_anything_who_is_not_set(site: Built, listeners: dict[str, Listener]) -> None:
    fill(site)
    site.build()
    site.sql("UPDATE catalog.video SET title = 'Limits' WHERE id = 2")
    site.build()
    assert (owed(site), [listener.told for listener in listeners.values()]) == ([], [[], []])


def test_a_page_that_could_not_be_rendered_is_not_told(
        full: Built, listeners: dict[str, Listener], monkeypatch: pytest.MonkeyPatch) -> None:
    from builder.render import Renderer

    usual = Renderer.text
    monkeypatch.setattr(Renderer, "text", lambda self, page: _broken() if page.path == "/videos/broken/" else usual(self, page))
    full.sql("INSERT INTO catalog.video (id, slug, title, status, batch_id) VALUES (9, 'broken', 'Broken', 'published', 1)")
    assert [failure.path for failure in full.build(site=TOLD).set_aside] == ["/videos/broken/"]
    assert full.text("/videos/broken/")
    assert "/videos/broken/" not in paths(listeners["indexnow"])
    assert "/batches/batch/" in paths(listeners["indexnow"])


def _broken() -> str:
    raise ValueError("cannot be rendered")


# the site's side --------------------------------------------------------------------------------

def test_feeds_name_the_hub_and_themselves_and_the_key_stands_at_the_root(full: Built) -> None:
    feed = full.text("/feed.xml")
    assert '<link rel="hub" href="https://hub.example/"/>' in feed
    assert f'<link rel="self" type="application/atom+xml" href="{BASE}/feed.xml"/>' in feed
    assert full.text(f"/{KEY}.txt") == KEY


def test_without_the_settings_there_is_no_hub_and_no_key_and_a_key_that_was_leaves(full: Built) -> None:
    done = full.build(site=PLAIN)
    assert (done.held_back, full.objects()[f"/{KEY}.txt"].status) == ([], 410)
    assert 'rel="hub"' not in full.text("/feed.xml")


def test_a_hostile_hub_stays_an_attribute(site: Built, listeners: dict[str, Listener]) -> None:
    fill(site)
    site.build(site=TOLD._replace(hub='https://hub.example/?a&"<b>'))
    assert '<link rel="hub" href="https://hub.example/?a&amp;&#34;&lt;b&gt;"/>' in site.text("/feed.xml")


# owing and paying -------------------------------------------------------------------------------

def test_who_is_away_is_told_later_and_the_build_is_done_all_the_same(full: Built, listeners: dict[str, Listener]) -> None:
    listeners["indexnow"].answer = lambda urls: _raise(PingError("IndexNow is away."))
    full.sql("UPDATE catalog.video SET title = 'Limits' WHERE id = 2")
    assert full.build(site=TOLD).release == 2
    ((to, urls, tries, given_up),) = owed(full)
    assert (to, tries, given_up) == ("indexnow", 1, False)
    assert listeners["websub"].told
    listeners["indexnow"].answer = lambda urls: None
    ping.settle(full.dsn, ping.pingers(TOLD))
    assert owed(full), "not before its time"
    all_due(full.dsn)
    ping.settle(full.dsn, ping.pingers(TOLD))
    assert (owed(full), listeners["indexnow"].told) == ([], [urls])


def test_of_one_who_answers_slowly_the_rest_waits_for_the_next_turn(
        full: Built, listeners: dict[str, Listener], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owed_rows, "TURN_S", 0.0)
    listeners["indexnow"].at_once = 1
    full.sql("UPDATE catalog.video SET title = 'Limits' WHERE id = 2")
    full.build(site=TOLD)
    left = owed(full)
    assert [len(listener.told) for listener in listeners.values()] == [1, 1]
    assert left
    while owed(full):
        ping.settle(full.dsn, ping.pingers(TOLD))
        assert len(listeners["indexnow"].told) == 1 + len(left) - len(owed(full))


def test_the_wait_grows_with_each_try_and_half_of_it_is_chance(full: Built, listeners: dict[str, Listener]) -> None:
    listeners["websub"].answer = lambda urls: _raise(PingError("The hub is away."))
    full.sql("UPDATE catalog.video SET title = 'Limits' WHERE id = 2")
    full.build(site=TOLD)
    waits: list[float] = []
    for _ in range(12):
        all_due(full.dsn)
        ping.settle(full.dsn, ping.pingers(TOLD))
        waits += full.sql("SELECT extract(epoch FROM due_at - clock_timestamp())::float8 FROM live.debt WHERE kind = 'ping'")[0]
    assert waits[0] <= 2
    assert 149 < waits[-1] <= 300


@pytest.mark.parametrize("lasting", [True, False])
def test_what_is_refused_for_good_or_for_a_day_is_given_up_loudly(lasting: bool, full: Built, listeners: dict[str, Listener]) -> None:
    listeners["indexnow"].answer = lambda urls: _raise(PingError("IndexNow did not take the ping (422).", lasting=lasting))
    full.sql("UPDATE catalog.video SET title = 'Limits' WHERE id = 2")
    full.build(site=TOLD)
    lost: list[str] = []
    if not lasting:
        assert not owed(full)[0][3]
        full.sql("UPDATE live.debt SET owed_since = owed_since - interval '1 day', due_at = clock_timestamp()")
        ping.settle(full.dsn, ping.pingers(TOLD), given_up=lost.append)
        assert lost == ["IndexNow did not take the ping (422)."]
    ((_, _, tries, given_up),) = owed(full)
    assert (tries, given_up) == (1 if lasting else 2, True)
    full.sql("UPDATE live.debt SET due_at = clock_timestamp()")
    assert ping.settle(full.dsn, ping.pingers(TOLD)) == (0, 0, ())
    alarm = look(full)
    assert "given up: IndexNow did not take the ping (422)." in alarm
    full.sql(alarm.split("`")[1])
    assert owed(full) == []


def test_an_hour_in_vain_is_an_alarm_and_so_is_one_in_which_nobody_sent_it(full: Built, listeners: dict[str, Listener]) -> None:
    listeners["websub"].answer = lambda urls: _raise(PingError("The hub is away."))
    full.sql("UPDATE catalog.video SET title = 'Limits' WHERE id = 2")
    full.build(site=TOLD)
    full.sql("UPDATE live.debt SET owed_since = owed_since - interval '2 hours'")
    assert "for 120 minutes: The hub is away." in look(full)
    full.sql("UPDATE live.debt SET why = ''")
    alarm = look(full)
    assert "build.py watch" in alarm
    full.sql(alarm.split("`")[3])
    assert owed(full) == []


def test_what_was_given_up_is_forgotten_after_a_week(full: Built, listeners: dict[str, Listener]) -> None:
    listeners["websub"].answer = lambda urls: _raise(PingError("no", lasting=True))
    full.sql("UPDATE catalog.video SET title = 'Limits' WHERE id = 2")
    full.build(site=TOLD)
    for days, left in ((6, 1), (2, 0)):
        full.sql("UPDATE live.debt SET owed_since = owed_since - %s * interval '1 day'", days)
        with closing(SQLiteStore(full._file)) as store, closing(psycopg2.connect(full.dsn)) as connection:
            tidying.tidy(connection, store, TOLD, "100k")
        assert len(owed(full)) == left


def test_nobody_is_told_before_the_purge_is_acknowledged(full: Built, listeners: dict[str, Listener]) -> None:
    away = threading.Event()
    order: list[str] = []

    def purged(names: Sequence[Name]) -> None:
        if not away.is_set():
            raise PurgeError("The CDN is away.")
        order.append("purge")

    for listener in listeners.values():
        listener.answer = lambda urls: order.append("ping")
    with watching(full, purgers=[Recorder(answer=purged)], made_for=TOLD) as seen:
        full.sql("UPDATE catalog.video SET title = 'Limits' WHERE id = 2")
        until(lambda: seen.said("purge.owed"), why=seen.lines)
        until(lambda: owed(full))
        assert order == []
        away.set()
        full.sql("UPDATE live.debt SET due_at = clock_timestamp() WHERE kind = 'purge'")
        for thread in seen.worker._threads:
            thread.poke()
        until(lambda: not owed(full), why=seen.lines)
    assert order[0] == "purge"
    assert "ping" in order


def test_a_listener_that_hangs_keeps_no_publish_and_no_purge_waiting(full: Built, listeners: dict[str, Listener]) -> None:
    held, reached = threading.Event(), threading.Event()

    def hang(urls: Sequence[str]) -> None:
        reached.set()
        held.wait(60)

    listeners["indexnow"].answer = hang
    cdn = Recorder()
    with watching(full, purgers=[cdn], made_for=TOLD) as seen:
        full.sql("UPDATE catalog.video SET title = 'Limits' WHERE id = 2")
        until(reached.is_set, why=seen.lines)
        full.sql("UPDATE catalog.video SET title = 'Series' WHERE id = 3")
        until(lambda: "Series" in full.text("/videos/lecture-3/"), why=seen.lines)
        until(lambda: full.sql("SELECT FROM live.debt WHERE kind = 'purge' AND NOT again") == [], why=seen.lines)
        held.set()
        until(lambda: not owed(full), why=seen.lines)
    assert len(listeners["indexnow"].told) == 2


def test_the_worker_says_what_is_given_up(full: Built, listeners: dict[str, Listener]) -> None:
    listeners["websub"].answer = lambda urls: _raise(PingError("The hub did not take the ping (400).", lasting=True))
    with watching(full, made_for=TOLD) as seen:
        full.sql("UPDATE catalog.video SET title = 'Limits' WHERE id = 2")
        until(lambda: seen.said("ping.given_up"), why=seen.lines)
    assert seen.said("ping.given_up") == ["ping.given_up why='The hub did not take the ping (400).'"]


def test_a_worker_tells_a_hub_and_an_engine_by_their_own_protocols(site: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(site)
    hub, engine = Hub("lectures.example"), IndexNowApi(lambda url: site.text(url.removeprefix(BASE)))
    with served(hub), served(engine):
        monkeypatch.setattr(indexnow, "API", engine.url)
        told: Site = TOLD._replace(hub=hub.url + hub.path)
        site.build(site=told)
        assert len(engine.told) == 1
        with watching(site, made_for=told) as seen:
            hub.fault = Reply(503)
            site.sql("UPDATE catalog.video SET title = 'Limits' WHERE id = 2")
            until(lambda: len(engine.told) == 2, why=seen.lines)
            assert f"{BASE}/videos/lecture-2/" in engine.told[1]
            until(lambda: seen.said("ping.owed"), why=seen.lines)
            hub.fault = None
            until(lambda: f"{BASE}/feed.xml" in hub.told, why=seen.lines)
            until(lambda: not owed(site), why=seen.lines)


def look(site: Built) -> str:
    with closing(psycopg2.connect(site.dsn)) as connection:
        (alarm,) = status(connection, Memory()).alarms
    return alarm


def _raise(error: Exception) -> None:
    raise error
