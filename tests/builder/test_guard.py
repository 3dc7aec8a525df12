"""The guard: pages that leave though no change speaks of them are held back where they are many, or all of a kind."""
from __future__ import annotations

import pytest

from builder import manifest, publishing
from builder.catalog.reads import Catalog
from builder.pages import PARTS
from tests.site import SITE, Built, Inline, fill


def _lose(monkeypatch: pytest.MonkeyPatch, name: str, lost: int) -> None:
    """A query that wrongly finds *lost* of a part's units no more, as after half an import."""
    part = PARTS[name]

    def chunks(catalog: Catalog) -> object:
        return ([unit for unit in units if unit > lost] for units in part.chunks(catalog))

    monkeypatch.setitem(PARTS, name, part._replace(chunks=chunks))  # type: ignore[arg-type]


def _standing(site: Built, folder: str) -> int:
    return sum(path.startswith(f"/{folder}/") and thing.status == 200 for path, thing in site.objects().items())


def test_a_kind_that_vanishes_is_held_back_and_the_rest_released(site: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(site, videos=3)
    site.build()
    _lose(monkeypatch, "video", 3)
    site.sql("UPDATE catalog.subject SET title = 'Renamed'")
    done = site.build(full=True)
    assert {"/videos/lecture-1/", "/videos/lecture-2/", "/videos/lecture-3/", "/data/video/1.json"} <= set(done.held_back)
    assert done.retired == 0
    assert "Renamed" in site.text("/subjects/subject/")
    assert _standing(site, "videos") == 4
    assert site.build(full=True).held_back == done.held_back  # as long as it is so


def test_a_fifth_of_a_kind_is_held_back_and_less_is_not(site: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(site, videos=60)
    site.build()
    _lose(monkeypatch, "video", 13)
    done = site.build(full=True)
    assert len([path for path in done.held_back if path.startswith("/videos/")]) == 13
    monkeypatch.undo()
    assert site.build(full=True).held_back == []
    _lose(monkeypatch, "video", 11)
    assert site.build(full=True).held_back == []
    assert _standing(site, "videos") == 60 - 11 + 1


def test_what_a_change_names_leaves_however_much_it_is(site: Built) -> None:
    fill(site, videos=30)
    site.build()
    site.sql("UPDATE catalog.video SET status = 'withdrawn' WHERE id < 29")
    done = site.build()
    assert done.held_back == []
    assert _standing(site, "videos") == 3
    site.sql("DELETE FROM catalog.course")
    done = site.build(full=True)
    assert done.held_back == []
    assert _standing(site, "videos") == 1


def test_what_was_held_back_leaves_when_somebody_says_so(site: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(site, videos=3)
    site.build()
    site.sql("ALTER TABLE catalog.video DISABLE TRIGGER USER")
    site.sql("UPDATE catalog.video SET status = 'withdrawn'")  # past the triggers: nothing speaks of it
    site.sql("ALTER TABLE catalog.video ENABLE TRIGGER USER")
    assert len(site.build(full=True).held_back) > 5
    assert _standing(site, "videos") == 4
    from contextlib import closing

    from edge.store.sqlite import SQLiteStore

    with closing(SQLiteStore(site._file)) as store:
        done = publishing.build(site.dsn, store, SITE, "100k", Inline(), full=True, guarded=False)
    assert done.held_back == []
    assert _standing(site, "videos") == 1
    assert site.sql("SELECT count(*) FROM live.set_aside") == [(0,)]


def test_what_is_held_back_costs_later_publishes_nothing_until_a_change_names_it(site: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(site, videos=30)
    site.build()
    site.sql("ALTER TABLE catalog.video DISABLE TRIGGER USER")
    site.sql("UPDATE catalog.video SET status = 'withdrawn' WHERE id > 2")
    site.sql("ALTER TABLE catalog.video ENABLE TRIGGER USER")
    assert len(site.build(full=True).held_back) > 28
    site.sql("UPDATE catalog.instructor SET name = 'Another Name'")
    site.build()
    held = site.sql("SELECT count(*) FROM live.set_aside")
    with site.publisher() as (publisher, _, _):
        publisher.release()
        site.sql("INSERT INTO catalog.subject (id, slug, title) VALUES (9, 'alone', 'Alone')")
        assert publisher.release().rendered < 10
        assert site.sql("SELECT count(*) FROM live.set_aside") == held
        site.sql("UPDATE catalog.video SET title = 'Named' WHERE id = 3")
        site.sql("INSERT INTO catalog.change (keys) VALUES (ARRAY[3 << 8 | 9, 3 << 8 | 10])")
        publisher.release()
    assert site.sql("SELECT count(*) FROM live.set_aside WHERE path = '/videos/lecture-3/'") == [(0,)]
    assert site.objects()["/videos/lecture-3/"].status == 410


def test_a_redirect_alone_asks_for_no_count(site: Built) -> None:
    fill(site)
    site.build()
    with site.publisher() as (_, _, connection):
        live = manifest.Manifest(connection, 99, first=False)
        assert live._held(["redirect"]) == frozenset()
        assert live._held(["video"] * 3 + ["redirect"]) == {"video", "redirect"}
        assert live._held(["video"]) == frozenset()
        connection.rollback()
