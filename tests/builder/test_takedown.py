"""Takedowns: the thing, its side files and every body kept of it are gone at once, on hold too, and no rollback undoes that."""
from __future__ import annotations

import contextlib
import gzip
import math
from contextlib import closing, nullcontext
from pathlib import Path
from typing import NoReturn

import psycopg2
import pytest

from builder import journal, lease, proof, publishing, purge, rollback, takedown
from builder.pages import PARTS
from edge.address import Key
from edge.errors import StoreError
from edge.store.port import Object, Put
from edge.store.sqlite import SQLiteStore
from tests.builder.purging import Recorder
from tests.builder.watching import until, watching
from tests.site import SITE, Built, Inline, fill

NOWHERE = "http://127.0.0.1:9"  # the discard port: nobody answers


def _take_down(site: Built, kind: str, id: int) -> takedown.Takedown:
    with site.publisher() as (publisher, store, connection):
        return takedown.take_down(site.dsn, connection, publisher, store, (), NOWHERE, kind, id)


def _mentions(site: Built, *words: str) -> set[str]:
    """Every object, kept ones too, that says one of *words*."""
    found = set()
    with site.publisher() as (_, store, _):
        for head in store.list():
            thing = store.get(head.key)
            assert thing is not None
            text = (gzip.decompress(thing[0].body) if thing[0].gzipped else thing[0].body).decode("utf-8", "replace")
            if any(word in text for word in words):
                found.add(head.key)
    return found


def _secret(site: Built, videos: int = 5) -> None:
    fill(site, videos=videos)
    site.sql("UPDATE catalog.video SET title = 'Unspeakable', slug = 'unspeakable', description = 'Unspeakable words' WHERE id = 3")
    site.sql("INSERT INTO catalog.caption (video_id, language, body) VALUES (3, 'en', 'WEBVTT Unspeakable')")
    site.build()
    site.sql("UPDATE catalog.video SET description = 'More unspeakable words' WHERE id = 3")
    site.build()


def test_nothing_that_the_store_holds_speaks_of_it_any_more(site: Built) -> None:
    _secret(site)
    assert len(_mentions(site, "nspeakable")) > 10
    done = _take_down(site, "video", 3)
    assert _mentions(site, "nspeakable") == set()
    assert {"/videos/unspeakable/", "/data/video/3.json", "/captions/3/en.vtt"} <= set(done.paths)
    assert {site.objects()[path].status for path in done.paths} == {410}
    assert done.holds
    assert site.sql("SELECT status FROM catalog.video WHERE id = 3") == [("withdrawn",)]
    assert site.build(full=True).uploaded == 0


def test_no_rollback_goes_behind_it(site: Built) -> None:
    _secret(site)
    _take_down(site, "video", 3)
    site.sql("UPDATE catalog.video SET title = 'Later' WHERE id = 1")
    site.build()
    with site.publisher() as (publisher, _, _), pytest.raises(rollback.RollbackError, match="takedown"):
        publisher.back_to(2)
    newest = site.sql("SELECT max(number) FROM live.release WHERE state = 'live'")[0][0]
    before = site.sql("SELECT max(number) FROM live.release WHERE state = 'live' AND number < %s", newest)[0][0]
    with site.publisher() as (publisher, _, _):
        publisher.back_to(before)  # what came after it can be undone
    assert _mentions(site, "nspeakable") == set()
    assert "Later" not in site.text("/videos/lecture-1/")


def test_it_goes_on_while_publishing_is_on_hold(site: Built) -> None:
    _secret(site, videos=40)
    site.sql("UPDATE catalog.video SET title = 'Taken back' WHERE id = 1")
    site.build()
    with site.publisher() as (publisher, _, _):
        publisher.back_to(2)
    site.sql("UPDATE catalog.video SET title = 'Waiting' WHERE id = 30")
    _take_down(site, "video", 3)
    assert _mentions(site, "nspeakable") == set()
    assert "Waiting" not in site.text("/videos/lecture-30/")  # it links to nothing that was taken down


@pytest.mark.parametrize("kind", ["batch", "course", "subject", "instructor"])
def test_a_whole_thing_goes_with_all_that_is_its_own(site: Built, kind: str) -> None:
    fill(site, videos=5)
    name = "name" if kind == "instructor" else "title"
    site.sql(f"UPDATE catalog.{kind} SET {name} = 'Unspeakable', slug = 'unspeakable'")
    site.build()
    done = _take_down(site, kind, 1)
    assert _mentions(site, "nspeakable") == set()
    folder = {"batch": "batches"}.get(kind, f"{kind}s")
    assert f"/{folder}/unspeakable/" in done.paths
    assert site.build(full=True).uploaded == 0


def test_what_is_not_there_is_refused(site: Built) -> None:
    fill(site)
    site.build()
    with pytest.raises(takedown.TakedownError, match="no video:99"):
        _take_down(site, "video", 99)


def test_one_that_died_before_its_purge_is_purged_by_the_next(site: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything was written already, so the second one makes no release of its own."""
    _secret(site)

    def die(*_: object) -> NoReturn:
        raise StoreError("The store went away.")

    monkeypatch.setattr(takedown, "_forget_kept", die)
    with pytest.raises(StoreError):
        _take_down(site, "video", 3)
    monkeypatch.undo()
    cdn = Recorder()
    with site.publisher(purgers=[cdn]) as (publisher, store, connection):
        monkeypatch.setattr(proof, "PROOF_S", 0.1)
        done = takedown.take_down(site.dsn, connection, publisher, store, [cdn], NOWHERE, "video", 3)
    assert done.release is None
    assert {"tag:video:3", "url:/videos/unspeakable/"} <= set(cdn.names)


def test_another_store_than_the_site_s_is_refused_before_anything_is_withdrawn(site: Built, tmp_path: Path) -> None:
    _secret(site)
    with (site.publisher() as (publisher, _, connection), closing(SQLiteStore(tmp_path / "another.db")) as another,
          pytest.raises(journal.OtherStoreError, match="LECTERN_STORE")):
        takedown.take_down(site.dsn, connection, publisher, another, (), NOWHERE, "video", 3)
    assert site.sql("SELECT status FROM catalog.video WHERE id = 3") == [("published",)]


def _dies_at(monkeypatch: pytest.MonkeyPatch, site: Built, where: str, kind: str, id: int, cdn: Recorder) -> None:
    def die(*_: object, **__: object) -> NoReturn:
        raise StoreError("The store went away.")

    with monkeypatch.context() as within, site.publisher(purgers=[cdn]) as (publisher, store, connection):
        within.setattr(f"builder.{where}", die)
        with pytest.raises(StoreError):
            takedown.take_down(site.dsn, connection, publisher, store, [cdn], NOWHERE, kind, id)


DEATHS = ("takedown._finish", "publishing.Publisher.take_down", "takedown._forget_kept", "purge.owe_names", "purge.settle",
          "publishing.Publisher.mend", "publishing.Publisher.release")


@pytest.mark.parametrize("where", DEATHS)
@pytest.mark.parametrize("kind", ["video", "instructor"])
def test_one_that_died_anywhere_is_finished_by_whoever_holds_the_lease_next(
        site: Built, kind: str, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(site, videos=5)
    column, id, path = ("title", 3, "/videos/unspeakable/") if kind == "video" else ("name", 1, "/instructors/unspeakable/")
    site.sql(f"UPDATE catalog.{kind} SET {column} = 'Unspeakable', slug = 'unspeakable' WHERE id = %s", id)
    site.build()
    cdn = Recorder()
    _dies_at(monkeypatch, site, where, kind, id, cdn)
    site.sql("UPDATE catalog.course SET title = 'A release in between'")
    with site.publisher(purgers=[cdn]) as (publisher, store, connection):
        assert takedown.finish(connection, publisher, store, [cdn], lambda: purge.settle(site.dsn, [cdn])) == [f"{kind}:{id}"]
        assert takedown.finish(connection, publisher, store, [cdn], lambda: None) == []
    assert _mentions(site, "nspeakable") == set()
    assert {f"tag:{kind}:{id}", f"url:{path}"} <= set(cdn.names)
    assert site.objects()[path].status == 410


def test_it_leaves_the_catalog_before_a_release_that_is_under_way_ends_and_nothing_brings_it_back(site: Built) -> None:
    _secret(site)
    with closing(psycopg2.connect(site.dsn)) as busy, closing(psycopg2.connect(site.dsn)) as own, closing(SQLiteStore(site._file)) as store:
        told: list[str] = []

        def waits() -> None:
            told.append(site.sql("SELECT status FROM catalog.video WHERE id = 3")[0][0])
            assert site.sql("SELECT done_at FROM live.takedown") == [(None,)]
            publisher = publishing.Publisher(site.dsn, busy, store, SITE, "100k", lambda: nullcontext(Inline()))
            with pytest.raises(rollback.RollbackError, match="video:3 is being taken down"):
                publisher.back_to(1)
            publisher.release()
            holding.close()

        holding = contextlib.ExitStack()
        holding.enter_context(lease.held(busy, 0))
        publisher = publishing.Publisher(site.dsn, own, store, SITE, "100k", lambda: nullcontext(Inline()))
        done = takedown.take_down(site.dsn, own, publisher, store, (), NOWHERE, "video", 3, lambda: lease.held(own, math.inf, waits))
    assert told == ["withdrawn"]
    assert done.holds
    assert "/videos/unspeakable/" in done.paths
    assert _mentions(site, "nspeakable") == set()


def test_the_worker_finishes_what_somebody_began_on_hold_too(site: Built) -> None:
    _secret(site)
    site.sql("UPDATE catalog.video SET title = 'Taken back' WHERE id = 1")
    site.build()
    with site.publisher() as (publisher, store, connection):
        publisher.back_to(2)
        takedown.withdraw(connection, store, "video", 3)
    with watching(site, made_for=SITE) as seen:
        until(lambda: seen.said("takedown.done key=video:3"))
    assert _mentions(site, "nspeakable") == set()


def test_pages_that_could_not_be_made_stay_as_they_were_gone_back_to(site: Built) -> None:
    _secret(site, videos=40)
    site.sql("UPDATE catalog.video SET description = 'Before' WHERE id = 30")
    back = site.build().release or 0
    site.sql("UPDATE catalog.video SET description = 'After' WHERE id = 30")
    site.build()
    with site.publisher() as (publisher, _, _):
        publisher.back_to(back)
    unit = PARTS["video"].pack(30)
    site.sql("INSERT INTO live.set_aside (unit, path, kind, why, release) VALUES (%s, '/videos/lecture-30/', 'video', 'a fault', 1)", unit)
    _take_down(site, "video", 3)
    assert "Before" in site.text("/videos/lecture-30/")
    assert "After" not in site.text("/videos/lecture-30/")
    assert site.sql("SELECT unit FROM live.set_aside") == [(unit,)]


@pytest.mark.parametrize(("kind", "gone", "stay"), [
    ("video", {"pictures/1/card-a.png", "pictures/1/b.jpg"}, {"pictures/batch/1/card-c.png", "pictures/course/1/card-d.png"}),
    ("batch", {"pictures/1/card-a.png", "pictures/1/b.jpg", "pictures/batch/1/card-c.png"}, {"pictures/course/1/card-d.png"}),
    ("course", {"pictures/1/card-a.png", "pictures/1/b.jpg", "pictures/batch/1/card-c.png", "pictures/course/1/card-d.png"}, set()),
    ("instructor", {"pictures/1/card-a.png"}, {"pictures/1/b.jpg", "pictures/batch/1/card-c.png", "pictures/course/1/card-d.png"}),
    ("subject", set(), {"pictures/1/card-a.png", "pictures/1/b.jpg", "pictures/batch/1/card-c.png", "pictures/course/1/card-d.png"})])
def test_pictures_and_cards_that_show_it_leave_the_store_and_are_drawn_anew_should_it_come_back(
        site: Built, kind: str, gone: set[str], stay: set[str]) -> None:
    """A card bears its lecture's instructors, its batch's course."""
    fill(site, videos=1)
    site.sql("""UPDATE catalog.video SET card = 'pictures/1/card-a.png', picture = 'pictures/1/b.jpg';
        UPDATE catalog.batch SET card = 'pictures/batch/1/card-c.png'; UPDATE catalog.course SET card = 'pictures/course/1/card-d.png';
        INSERT INTO live.refresh_picture (key, video_id, batch_id, course_id) VALUES ('pictures/1/card-a.png', 1, NULL, NULL),
            ('pictures/1/b.jpg', 1, NULL, NULL), ('pictures/batch/1/card-c.png', NULL, 1, NULL),
            ('pictures/course/1/card-d.png', NULL, NULL, 1);
        INSERT INTO live.refresh_video (video_id, card_of) VALUES (1, 'x');
        INSERT INTO live.refresh_card VALUES (1 << 8 | 3, 'x'), (1 << 8 | 1, 'x')""")
    keys = gone | stay
    with site.publisher() as (_, store, _):
        store.put([Put(Object(Key(key), b"x", "image/png", "max-age=1", "all", "0" * 32, 0, False)) for key in keys])
    site.build()
    _take_down(site, kind, 1)
    with site.publisher() as (_, store, _):
        assert {head.key for head in store.list("pictures/")} == stay
    named = {key for (key,) in site.sql("SELECT card FROM catalog.video UNION SELECT card FROM catalog.batch UNION SELECT card FROM "
                                        "catalog.course UNION SELECT picture FROM catalog.video")} - {None}
    assert named == stay
    drawn = site.sql("SELECT (SELECT count(card_of) FROM live.refresh_video) + (SELECT count(*) FROM live.refresh_card)")
    assert drawn == [(sum("card-" in key for key in stay),)]
