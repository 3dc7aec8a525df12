"""After a purge of much, a real Varnish holds what most readers ask for before any of them does."""
from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import pairwise

import psycopg2
import pytest

from builder import warming
from builder.pages.page import Site
from builder.probe import Answer, Edge
from builder.warming import Noticed, Warmer, pages
from edge.cdn.port import ALL, tag
from edge.cdn.varnish import Varnish
from edge.origin import Origin
from edge.store.sqlite import SQLiteStore
from edge.tiers import PROFILES
from tests.builder.purging import Recorder
from tests.builder.watching import until, watching
from tests.edge.fakes.varnish import served, varnish_before, with_robots
from tests.site import Built, fill


@pytest.fixture
def filled(site: Built) -> Built:
    fill(site, videos=30)
    site.build()
    return site


def _pages(site: Built) -> list[str]:
    with closing(psycopg2.connect(site.dsn)) as connection:
        return pages(connection)


@contextmanager
def _at_work(warmer: Warmer) -> Iterator[Warmer]:
    warmer.start()
    try:
        yield warmer
    finally:
        warmer.end()


class _Silent:
    """An edge that answers nobody, or everybody with nothing."""

    def __init__(self, *, answers: bool) -> None:
        self.url, self.asked, self.answers = "http://edge.example", list[tuple[float, str, str]](), answers

    def ask(self, path: str, encoding: str) -> Answer | None:
        """Note when."""
        self.asked.append((time.monotonic(), path, encoding))
        return Answer(200, "", b"", "") if self.answers else None


def test_home_and_what_it_needs_come_first_then_lists_and_the_newest_lectures(filled: Built) -> None:
    found = _pages(filled)
    assert found[0] == "/"
    assert max(n for n, path in enumerate(found) if path.startswith("/assets/")) < found.index("/courses/")
    lectures = [path for path in found if path.startswith("/videos/") and path.count("/") == 3 and "/page/" not in path]
    newest = [f"/videos/{slug}/" for (slug,) in filled.sql(
        "SELECT v.slug FROM live.list_number n JOIN catalog.video v ON v.id = n.item_id WHERE n.list = 11 ORDER BY n.number DESC")]
    assert lectures == newest
    assert len(found) == len(set(found)) <= warming.PAGES


def test_after_a_purge_of_everything_the_most_read_pages_are_hits(filled: Built) -> None:
    lines: list[str] = []
    with (closing(SQLiteStore(filled._file)) as store, served(with_robots(Origin(store))) as port,
          varnish_before(port, "lectures.example") as edge):
        warmer = Warmer(filled.dsn, Edge(edge.url), "1m", lines.append)
        purger = Noticed(Varnish([edge.url], "http://lectures.example"), warmer.purged)
        with _at_work(warmer):
            purger.purge([tag("p0123456789abcdef")])  # a lone page's is no reason
            purger.purge([ALL])
            until(lambda: lines)
        assert [line.split()[0] for line in lines] == ["warm.done"]
        for path in _pages(filled):
            for coding in ("gzip", "identity"):
                assert edge.get(path, **{"Accept-Encoding": coding}).hit, path


def test_the_worker_warms_after_a_release_that_changed_all(filled: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warming, "PAGES", 10)
    with closing(SQLiteStore(filled._file)) as store, served(Origin(store)) as port:
        made_for = Site("Another name", f"http://127.0.0.1:{port}", 255)
        with watching(filled, store=store, purgers=[Recorder(can=Varnish.can)], made_for=made_for) as at:
            until(lambda: at.said("release.live"))
            until(lambda: at.said("warm.done"))


@pytest.mark.parametrize("profile", ["100k", "1m"])
def test_the_origin_is_asked_at_most_so_often_a_second(filled: Built, profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warming, "PAGES", 10)
    edge, lines = _Silent(answers=True), list[str]()
    with _at_work(Warmer(filled.dsn, edge, profile, lines.append)) as warmer:
        warmer.purged([ALL])
        until(lambda: lines)
    assert len(edge.asked) == 20
    times = [at for at, _, _ in edge.asked]
    per_s = PROFILES[profile].origin_connections / warming.SHARE
    assert min(later - earlier for earlier, later in pairwise(times)) >= 0.9 / per_s


def test_an_edge_that_does_not_answer_is_left_alone_after_three_questions(filled: Built) -> None:
    edge, lines = _Silent(answers=False), list[str]()
    with _at_work(Warmer(filled.dsn, edge, "100k", lines.append)) as warmer:
        warmer.purged([tag(f"p{n:016x}") for n in range(warming.MUCH)])
        until(lambda: lines)
    assert len(edge.asked) == warming.GIVE_UP
    assert lines[0].startswith("warm.gave_up")
