"""Receipts: what an edge really shows, in every coding, and how long after the edit; or that a purge had no effect."""
from __future__ import annotations

import gzip
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial

import brotli  # type: ignore[import-untyped]
import psycopg2
import pytest

from builder import lease, publishing, receipt
from builder.probe import Answer, Edge
from builder.receipt import Receipts
from edge.cdn.varnish import Varnish
from edge.origin import Origin
from edge.store.port import Object
from edge.store.sqlite import SQLiteStore
from tests.builder.purging import Recorder
from tests.builder.watching import LONG_S, NOWHERE, SITE, until, watching
from tests.edge.fakes.server import Api, Reply, Request
from tests.edge.fakes.server import served as run_api
from tests.edge.fakes.varnish import served, varnish
from tests.site import Built, Inline, fill


@pytest.fixture
def full(site: Built) -> Built:
    fill(site)
    site.build(site=SITE)
    return site


def receipts(site: Built) -> list[tuple[str, str, int | None, str]]:
    return site.sql("SELECT kind, encoding, lag_ms, served_by FROM live.receipt ORDER BY release, kind, encoding")


def owed(site: Built) -> list[tuple[int, list[str]]]:
    return site.sql("SELECT release, what FROM live.debt WHERE kind = 'receipt' ORDER BY id")


def owe(site: Built, release: int = 1) -> None:
    with closing(psycopg2.connect(site.dsn)) as connection, connection:
        receipt.owe(connection, release)


@contextmanager
def asking(site: Built, url: str, wait_s: float = 30.0) -> Iterator[Callable[[], float | None]]:
    """A step of receipts from that edge."""
    with closing(SQLiteStore(site._file)) as store, closing(psycopg2.connect(site.dsn)) as connection:
        paid = Receipts(Edge(url), store, wait_s=wait_s)
        yield lambda: paid.step(connection)


def test_through_a_real_varnish_each_kind_is_seen_in_each_coding_after_the_edit(full: Built) -> None:
    with closing(SQLiteStore(full._file)) as store, varnish(Origin(store), "127.0.0.1") as edge:
        site = SITE._replace(base_url=edge.url)
        full.build(site=site)
        old = edge.get("/videos/lecture-1/")
        assert edge.get("/videos/lecture-1/").hit
        with watching(full, purgers=[Varnish([edge.url], edge.url)], made_for=site):
            full.sql("UPDATE catalog.video SET title = 'Seen at the edge' WHERE id = 1")
            until(lambda: len(receipts(full)) >= 6 and not owed(full))
        found = receipts(full)
        assert {encoding for _, encoding, _, _ in found} == {"gzip", "br", ""}
        assert {"video", "batch", "home"} <= {kind for kind, _, _, _ in found}
        assert all(lag_ms is not None and lag_ms < 20_000 for _, _, lag_ms, _ in found)
        assert all("arnish" in served_by for _, _, _, served_by in found)
        assert "Seen at the edge" in edge.get("/videos/lecture-1/").text != old.text


def test_a_purge_that_had_no_effect_is_told_by_a_receipt_without_a_time(full: Built) -> None:
    with closing(SQLiteStore(full._file)) as store, varnish(Origin(store), "127.0.0.1") as edge:
        assert Edge(edge.url).ask("/videos/lecture-1/", "")  # now Varnish holds the old one
        full.sql("UPDATE catalog.video SET title = 'Never seen' WHERE id = 1")
        full.build(site=SITE)
        ((last,),) = full.sql("SELECT max(number) FROM live.release")
        full.sql("INSERT INTO live.debt (kind, release, what) VALUES ('receipt', %s, '{/videos/lecture-1/}')", last)
        with asking(full, edge.url, 0.3) as step:
            until(lambda: step() is None)
    assert [(kind, encoding, lag_ms) for kind, encoding, lag_ms, _ in receipts(full)] == [
        ("video", "", None), ("video", "br", None), ("video", "gzip", None)]


def test_an_edge_that_nobody_reaches_is_no_error(full: Built) -> None:
    owe(full)
    with asking(full, NOWHERE, 0.1) as step:
        until(lambda: step() is None)
    found = receipts(full)
    assert found
    assert {(lag_ms, served_by) for _, _, lag_ms, served_by in found} == {(None, "")}
    assert owed(full) == []


def test_one_page_of_each_kind_is_owed_and_twenty_at_most(full: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    owe(full)
    ((_, paths),) = owed(full)
    assert {"/", "/videos/lecture-1/"} & {*paths}
    kinds = full.sql("SELECT kind, count(*) FROM live.object WHERE path = ANY(%s) GROUP BY kind", paths)
    assert len(kinds) == len(paths) <= 20
    assert all(count == 1 for _, count in kinds)
    assert not any(path.startswith("/assets/") for path in paths)
    full.sql("DELETE FROM live.debt")
    monkeypatch.setattr(receipt, "PAGES", 3)
    owe(full)
    assert len(owed(full)[0][1]) == 3


def test_only_who_pays_receipts_owes_them(full: Built) -> None:
    full.sql("UPDATE catalog.video SET title = 'By a build' WHERE id = 1")
    full.build(site=SITE)
    assert owed(full) == []


def test_a_crash_between_release_and_receipt_loses_none(full: Built) -> None:
    with closing(SQLiteStore(full._file)) as store, closing(psycopg2.connect(full.dsn)) as connection:
        full.sql("UPDATE catalog.video SET title = 'Then it died' WHERE id = 1")
        with lease.held(connection, 0):
            publishing.Publisher(full.dsn, connection, store, SITE, "100k", _inline, receipts=True).release()
        before = owed(full)
        assert before
        with served(Origin(store)) as port:
            dying = Receipts(Edge(f"http://127.0.0.1:{port}"), _Dies())  # type: ignore[arg-type]
            with pytest.raises(RuntimeError):
                dying.step(connection)
            connection.rollback()
            assert owed(full) == before
            with asking(full, f"http://127.0.0.1:{port}") as step:
                assert step() is None
    assert owed(full) == []
    found = receipts(full)
    assert found
    assert all(lag_ms is not None for _, _, lag_ms, _ in found)


def test_nothing_is_asked_before_the_purge_is_acknowledged(full: Built) -> None:
    owe(full)
    full.sql("INSERT INTO live.debt (kind, release, cdn, what) VALUES ('purge', 1, 'varnish', '{tag:a}')")
    with asking(full, NOWHERE, 0.0) as step:
        assert step() is None
        assert owed(full)
        full.sql("UPDATE live.debt SET again = true WHERE kind = 'purge'")  # the second one is not waited for
        assert step() is None
    assert owed(full) == []


def test_a_redirect_and_a_gone_page_are_seen_too(full: Built) -> None:
    full.sql("UPDATE catalog.video SET slug = 'renamed' WHERE id = 1")
    full.sql("UPDATE catalog.video SET status = 'withdrawn' WHERE id = 2")
    full.build(site=SITE)
    ((last,),) = full.sql("SELECT max(number) FROM live.release")
    owe(full, last)
    with closing(SQLiteStore(full._file)) as store, served(Origin(store)) as port, asking(full, f"http://127.0.0.1:{port}") as step:
        assert step() is None
    seen = {kind: lag_ms for kind, _, lag_ms, _ in receipts(full)}
    assert seen["redirect"] is not None
    assert seen["gone"] is not None


@pytest.mark.parametrize(("coding", "pack"), [("gzip", gzip.compress), ("br", brotli.compress), ("", bytes)])
def test_an_edge_may_pack_anew_and_what_is_cut_short_is_not_taken_for_the_page(coding: str, pack: Callable[[bytes], bytes]) -> None:
    page = b"<!doctype html>" + b"a page " * 200
    thing = Object("x", b"", "text/html", "", "", "", 1, True)
    edge = _Packs(coding, pack(page))
    with run_api(edge):
        answer = Edge(edge.url).ask("/x", coding)
        assert answer is not None
        assert answer.shows(thing, page)
        assert not answer.shows(thing, page + b"!")
        assert answer.served_by == "cache-1"
        edge.body = edge.body[:-30]
        answer = Edge(edge.url).ask("/x", coding)
        assert answer is None or not answer.shows(thing, page)
    assert [request.headers.get("accept-encoding", "") for request in edge.seen] == [coding, coding]


def test_a_redirect_elsewhere_or_an_old_page_is_not_the_redirect() -> None:
    thing = Object("x", b"", "text/html", "", "", "", 1, True, 301, "/videos/new/")
    assert Answer(301, "https://lectures.example/videos/new/", b"", "").shows(thing, b"moved")
    assert not Answer(301, "/videos/other/", b"moved", "").shows(thing, b"moved")
    assert not Answer(200, "", b"the old page", "").shows(thing, b"moved")
    assert Answer(200, "", b"moved", "").shows(thing, b"moved")  # a bucket knows no statuses


def test_an_edge_that_hangs_delays_no_release(full: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builder.worker.Edge", partial(Edge, timeout_s=3 * LONG_S))  # longer than anything here is waited for
    with socket.create_server(("127.0.0.1", 0)) as hangs:  # it takes the connection, and says nothing
        site = SITE._replace(base_url=f"http://127.0.0.1:{hangs.getsockname()[1]}")
        full.build(site=site)
        with watching(full, purgers=[Recorder()], made_for=site):
            for n in range(3):
                full.sql("UPDATE catalog.video SET title = %s WHERE id = 1", f"Edit {n}")
                until(lambda: f"Edit {n}" in full.text("/videos/lecture-1/"))  # noqa: B023
            until(lambda: len({release for release, _ in owed(full)}) >= 3)  # a word that leaves is retired by one more


@contextmanager
def _inline() -> Iterator[Inline]:
    yield Inline()


class _Dies:
    def get(self, key: str) -> None:
        raise RuntimeError("killed")


class _Packs(Api):
    """An edge that sends what it is given, in that coding."""

    def __init__(self, coding: str, body: bytes) -> None:
        super().__init__()
        self.coding, self.body = coding, body

    def answer(self, request: Request) -> Reply:
        named = (("Content-Encoding", self.coding),) if self.coding else ()
        return Reply(200, self.body, (("X-Served-By", "cache-1"), ("Server", "other"), *named))


def test_releases_that_go_on_lengthen_no_older_one_s_time_at_a_deaf_edge(full: Built) -> None:
    class Deaf:
        url = "https://deaf.example"

        def ask(self, path: str, encoding: str) -> Answer:
            return Answer(200, "", b"the old page", "cache-ams1")

    now = 0.0
    with closing(SQLiteStore(full._file)) as store, closing(psycopg2.connect(full.dsn)) as connection:
        paid = Receipts(Deaf(), store, wait_s=30.0, clock=lambda: now)
        for second in range(0, 40, 2):  # one release each two seconds
            now = float(second)
            with connection, connection.cursor() as cursor:
                cursor.execute("INSERT INTO live.debt (kind, release, what) VALUES ('receipt', %s, '{/videos/lecture-1/}')", (second + 1,))
            paid.step(connection)
    unseen = [row[0] for row in full.sql("SELECT DISTINCT release FROM live.receipt WHERE lag_ms IS NULL ORDER BY 1")]
    assert unseen == [1, 3, 5, 7, 9]
    assert owed(full)[0][0] == 11
