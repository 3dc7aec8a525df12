"""The hourly tidying: what is too old to be of use is forgotten, and nothing that somebody may still ask for."""
from __future__ import annotations

from contextlib import closing

import psycopg2
import pytest

from builder import lease, tidying
from edge.store.port import Put
from edge.store.sqlite import SQLiteStore
from tests.site import SITE, Built, fill

OLD = "/assets/of-a-version-before.0123456789ab.css"


@pytest.fixture
def full(site: Built) -> Built:
    fill(site)
    site.build()
    return site


def tidy(site: Built) -> None:
    with closing(psycopg2.connect(site.dsn)) as connection, closing(SQLiteStore(site._file)) as store:
        tidying.tidy(connection, store, SITE, "100k")


def old_asset(site: Built) -> None:
    """One that an earlier version of the site had."""
    with site.publisher() as (_, store, connection):
        found = store.get(next(path for path in site.objects() if path.startswith("/assets/")).lstrip("/"))
        assert found is not None
        store.put([Put(found[0]._replace(key=OLD.lstrip("/")))])
        with connection, connection.cursor() as cursor:
            cursor.execute("""INSERT INTO live.object SELECT %s, kind, digest, fingerprint, tags, keys, size_bytes, release, unit, etag
                FROM live.object WHERE kind = 'asset' LIMIT 1""", (OLD,))


def unnamed(site: Built) -> list[str]:
    return [row[0] for row in site.sql("SELECT path FROM live.unnamed_asset")]


def aged(site: Built, days: int) -> None:
    site.sql("UPDATE live.unnamed_asset SET since = clock_timestamp() - %s * interval '1 day'", days)


def test_an_asset_leaves_when_no_cached_page_and_no_rollback_can_name_it_any_more(full: Built) -> None:
    old_asset(full)
    before = set(full.objects())
    tidy(full)
    assert unnamed(full) == [OLD]
    aged(full, 9)
    tidy(full)
    assert OLD in full.objects()
    aged(full, 11)
    tidy(full)
    assert set(full.objects()) == before - {OLD}
    assert full.sql("SELECT path FROM live.object WHERE path = %s", OLD) == []
    assert unnamed(full) == []


@pytest.mark.parametrize("why", ["UPDATE live.site SET held_at = 1", "UPDATE live.object SET fingerprint = '\\x00' WHERE path = '/'"])
def test_while_pages_of_another_version_stand_no_asset_s_time_runs(full: Built, why: str) -> None:
    old_asset(full)
    tidy(full)
    aged(full, 11)
    full.sql(why)
    tidy(full)
    assert OLD in full.objects()
    assert unnamed(full) == []


def test_while_a_builder_is_at_work_no_asset_leaves(full: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tidying, "_LEASE_WAIT_S", 0.05)
    old_asset(full)
    tidy(full)
    aged(full, 11)
    with closing(psycopg2.connect(full.dsn)) as builder, lease.held(builder, 0):
        tidy(full)
    assert OLD in full.objects()


def test_releases_are_forgotten_when_nothing_refers_to_them(full: Built) -> None:
    for title in ("Second", "Third"):
        full.sql("UPDATE catalog.video SET title = 'Lecture 1, ' || %s WHERE id = 1", title)
        full.build()
    full.sql("UPDATE live.release SET started_at = clock_timestamp() - interval '31 days'")
    tidy(full)
    assert full.sql("SELECT number FROM live.release ORDER BY 1") == [(1,), (2,), (3,)]  # kept bodies, changes, pages
    full.sql("UPDATE live.retained SET at = clock_timestamp() - interval '8 days'")
    full.sql("UPDATE catalog.change SET at = clock_timestamp() - interval '31 days'")
    tidy(full)
    assert full.sql("SELECT number FROM live.release ORDER BY 1") == [(1,), (3,)]  # what pages are of


def test_what_each_release_asks_has_an_index(full: Built) -> None:
    with closing(psycopg2.connect(full.dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        for query in ("SELECT number FROM live.release WHERE state = 'writing'",
                      "SELECT release FROM live.receipt ORDER BY asked_at DESC LIMIT 12"):
            cursor.execute(f"EXPLAIN {query}")
            assert any("release_writing" in row[0] or "receipt_asked" in row[0] for row in cursor), query
