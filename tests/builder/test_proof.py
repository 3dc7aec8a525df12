"""The proof of a takedown: each address of it says so, in each encoding, at store and edge; and silence proves nothing."""
from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from types import SimpleNamespace

import psycopg2
import pytest
from click.testing import CliRunner, Result

from build import main
from builder import lease, proof, purge, takedown
from builder.desk import deeds
from builder.pages.page import Site
from builder.probe import ENCODINGS, Edge
from edge.address import Key
from edge.cdn.port import Name, PurgeError, Purger
from edge.cdn.varnish import Varnish
from edge.origin import Origin
from edge.store.port import Object, Put
from edge.store.sqlite import SQLiteStore
from tests.builder.desking import desk_of
from tests.builder.purging import Recorder
from tests.builder.watching import NOWHERE
from tests.edge.fakes.varnish import Varnish as Running
from tests.edge.fakes.varnish import varnish
from tests.site import SITE, Built, fill

PICTURE = "pictures/1/b.jpg"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is never proven is not waited for so long."""
    monkeypatch.setattr(proof, "PROOF_S", 0.5)
    monkeypatch.setattr(takedown, "PURGE_WAIT_S", 0.1)


def _take_down(site: Built, base_url: str, *purgers: Purger, kind: str = "video") -> takedown.Takedown:
    with site.publisher(purgers=purgers) as (publisher, store, connection):
        return takedown.take_down(site.dsn, connection, publisher, store, purgers, base_url, kind, 1)


@contextmanager
def _behind_varnish(site: Built, videos: int = 2) -> Iterator[tuple[Running, Site]]:
    """A site with a picture behind a real Varnish, which holds every address of video 1 in each encoding."""
    fill(site, videos=videos)
    site.sql("INSERT INTO catalog.caption (video_id, language, body) VALUES (1, 'en', 'WEBVTT')")
    site.sql("UPDATE catalog.video SET picture = %s WHERE id = 1", PICTURE)
    site.sql("INSERT INTO live.refresh_picture (key, video_id) VALUES (%s, 1)", PICTURE)
    with closing(SQLiteStore(site._file)) as store, varnish(Origin(store), "127.0.0.1") as running:
        made_for = SITE._replace(base_url=running.url)
        site.build(site=made_for)
        store.put([Put(Object(Key(PICTURE), b"x", "image/jpeg", "public, max-age=60, s-maxage=86400", "video:1 all", "0" * 32, 0, False))])
        with closing(Edge(running.url)) as edge:
            for path in ("/videos/lecture-1/", "/data/video/1.json", "/captions/1/en.vtt", f"/{PICTURE}"):
                for encoding in ENCODINGS:
                    answer = edge.ask(path, encoding)
                    assert answer is not None
                    assert answer.status == 200, path
        yield running, made_for


def test_a_real_varnish_says_of_every_address_in_every_encoding_that_it_is_gone(site: Built) -> None:
    with _behind_varnish(site) as (edge, _):
        done = _take_down(site, edge.url, Varnish([edge.url], edge.url))
    said = {(one.where, one.encoding): one.status for one in done.proof}
    for path in (*done.paths, f"/{PICTURE}"):
        status = 404 if path == f"/{PICTURE}" else 410
        assert said.pop((f"store {path}", "identity")) == status
        assert {said.pop((edge.url + path, encoding)) for encoding in ("gzip", "br", "identity")} == {status}
    assert said == {}
    assert {"/videos/lecture-1/", "/data/video/1.json", "/captions/1/en.vtt"} <= set(done.paths)
    assert (done.holds, done.owed) == (True, 0)


def test_an_edge_that_acknowledged_and_forgot_nothing_is_found_out(site: Built) -> None:
    with _behind_varnish(site) as (edge, _):
        done = _take_down(site, edge.url, Recorder())
    assert not done.holds
    there = {(one.where.removeprefix(edge.url), one.encoding) for one in done.unproven}
    page = "/videos/lecture-1/"
    assert {(f"/{PICTURE}", "gzip"), (page, "gzip"), (page, "br"), (page, "identity")} <= there
    assert {one.status for one in done.unproven} == {200}


def test_an_edge_that_nobody_reaches_has_proven_nothing_and_without_one_the_store_s_word_is_enough(site: Built) -> None:
    fill(site, videos=2)
    site.build()
    done = _take_down(site, NOWHERE, Recorder())
    assert {one.status for one in done.unproven} == {0}
    assert len(done.unproven) == 3 * len(done.paths)
    assert not done.holds
    assert _take_down(site, NOWHERE).holds


def test_a_purge_that_no_cdn_acknowledged_stays_owed_and_the_takedown_unproven_until_one_does(site: Built) -> None:
    away = True

    def answer(names: Sequence[Name]) -> None:
        if away:
            raise PurgeError("The CDN is away.")

    cdn = Recorder(answer=answer)
    fill(site, videos=2)
    with closing(SQLiteStore(site._file)) as store, varnish(Origin(store), "127.0.0.1") as edge:
        site.build(site=SITE._replace(base_url=edge.url))
        done = _take_down(site, edge.url, cdn)
        assert done.unproven == []
        assert (done.owed > 0, done.holds) == (True, False)
        away = False
        site.sql("UPDATE live.debt SET due_at = now() WHERE NOT again")
        purge.settle(site.dsn, [cdn])  # as the worker does
        assert "tag:video:1" in cdn.names
        assert _take_down(site, edge.url, cdn).holds


def test_every_address_of_a_whole_batch_is_asked_however_many_they_are(site: Built) -> None:
    with _behind_varnish(site, videos=40) as (edge, _):
        done = _take_down(site, edge.url, Varnish([edge.url], edge.url), kind="batch")
    assert len(done.paths) > 80
    assert {one.where for one in done.proof if one.where.startswith(edge.url)} == {edge.url + path for path in (*done.paths, f"/{PICTURE}")}
    assert len(done.proof) == 4 * (len(done.paths) + 1)


def test_what_could_not_be_asked_in_time_is_not_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []  # each takes a second, by the clock that is looked at

    def ask(edge: Edge, path: str) -> list[proof.Proof]:
        asked.append(path)
        return [proof.Proof(edge.url + path, "gzip", 410)]

    monkeypatch.setattr(proof, "ask_edge", ask)
    monkeypatch.setattr(proof, "time", SimpleNamespace(monotonic=lambda: float(len(asked))))
    paths = [f"/{n}/" for n in range(1_000)]
    found = proof.at_edge(NOWHERE, paths, again=True, wait_s=100.0)
    answered = {one.where for one in found if one.gone}
    assert answered == {NOWHERE + path for path in asked}
    assert 100 <= len(answered) < 100 + proof.ASKERS
    assert {one.where for one in found} - answered == {one.where for one in found if one.status == 0}


def test_no_publish_waits_while_the_desk_asks_for_the_proof(site: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def ask(edge: Edge, path: str) -> list[proof.Proof]:
        with closing(psycopg2.connect(site.dsn)) as connection, lease.held(connection, 0):
            asked.append(path)
        return [proof.Proof(edge.url + path, "gzip", 503)]

    fill(site, videos=2)
    site.build()
    monkeypatch.setattr(proof, "ask_edge", ask)
    monkeypatch.setattr(proof, "ASKERS", 1)
    with desk_of(site) as desk:
        told = desk.ask("takedown", {"kind": "video", "id": 1})
    assert (told.state, told.answer["holds"], told.answer["owed"]) == ("answered", False, 0)
    assert len(asked) == told.answer["paths"]
    assert {one["status"] for one in told.answer["proof"][: len(asked)]} == {503}, "what still answers comes first"


def test_the_desk_says_that_it_is_on_its_way_where_another_builder_is_at_work(site: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(site, videos=2)
    site.build()
    monkeypatch.setattr(deeds, "LEASE_WAIT_S", 0.1)
    with desk_of(site) as desk, closing(psycopg2.connect(site.dsn)) as busy, lease.held(busy, 0):
        told = desk.ask("takedown", {"kind": "video", "id": 1})
    assert told.state == "failed"
    assert "out of the catalog" in told.answer["why"]
    assert site.sql("SELECT v.status, t.done_at FROM catalog.video v, live.takedown t WHERE v.id = 1 AND t.id = 1") == [("withdrawn", None)]


def _withdraw(key: str, *more: str, **environ: str) -> Result:
    return CliRunner().invoke(main, ["withdraw", key, "--now", *more], env=environ, catch_exceptions=False)


def test_the_command_ends_with_0_when_it_is_proven_and_with_1_and_a_sentence_when_it_is_not(site: Built) -> None:
    with _behind_varnish(site) as (edge, _):
        settings = {"DATABASE_URL": site.dsn, "LECTERN_STORE": f"sqlite://{site._file}", "LECTERN_BASE_URL": edge.url,
                    "LECTERN_CDN": "varnish", "LECTERN_VARNISH_URL": edge.url}
        good = _withdraw("video:1", "--json", **settings)
        assert (good.exit_code, json.loads(good.stdout)["holds"]) == (0, True)
    bad = _withdraw("video:2", **settings)  # the Varnish has ended
    assert bad.exit_code == 1
    assert f"questions to {edge.url} had no answer" in bad.stderr
    assert "purges of it are not acknowledged" in bad.stderr
    again = _withdraw("video:2", "--json", **settings)
    assert (again.exit_code, json.loads(again.stdout)["holds"]) == (1, False)
    assert json.loads(again.stdout)["owed"] > 0
    assert site.sql("SELECT count(*) > 0 FROM live.debt WHERE NOT again AND what @> '{tag:video:2}'") == [(True,)]
    alone = _withdraw("video:2", **{**settings, "LECTERN_CDN": "", "LECTERN_BASE_URL": NOWHERE})
    assert alone.exit_code == 0, "no edge is set: nothing but the store may hold it"
