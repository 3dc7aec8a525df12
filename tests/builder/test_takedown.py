"""Takedowns: the thing, its side files and every body kept of it are gone at once, on hold too, and no rollback undoes that."""
from __future__ import annotations

import gzip
from contextlib import closing
from pathlib import Path
from typing import NoReturn

import pytest

from builder import journal, rollback, takedown
from edge.errors import StoreError
from edge.store.sqlite import SQLiteStore
from tests.builder.purging import Recorder
from tests.site import Built, fill

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
        done = takedown.take_down(site.dsn, connection, publisher, store, [cdn], NOWHERE, "video", 3)
    assert done.release is None
    assert {"tag:video:3", "url:/videos/unspeakable/"} <= set(cdn.names)


def test_another_store_than_the_site_s_is_refused_before_anything_is_withdrawn(site: Built, tmp_path: Path) -> None:
    _secret(site)
    with (site.publisher() as (publisher, _, connection), closing(SQLiteStore(tmp_path / "another.db")) as another,
          pytest.raises(journal.OtherStoreError, match="LECTERN_STORE")):
        takedown.take_down(site.dsn, connection, publisher, another, (), NOWHERE, "video", 3)
    assert site.sql("SELECT status FROM catalog.video WHERE id = 3") == [("published",)]
