"""Going back: the very bytes of an earlier release, under new write numbers, and publishing on hold after it."""
from __future__ import annotations

import gzip
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest

from builder import journal, lease, rollback
from builder.publishing import OnHoldError
from builder.status import status
from edge.store.port import Object
from edge.store.sqlite import SQLiteStore
from tests.site import Built, fill


def _words(objects: dict[str, Object]) -> dict[str, tuple[object, ...]]:
    """All that a reader gets, by path; what is gone aside."""
    return {path: (gzip.decompress(o.body) if o.gzipped else o.body, o.cache_control, o.tags, o.status, o.location)
            for path, o in objects.items() if o.status != 410}


def _edit(site: Built) -> None:
    site.sql("UPDATE catalog.video SET title = 'Other words' WHERE id = 1")
    site.sql("UPDATE catalog.video SET slug = 'another-slug' WHERE id = 2")
    site.sql("UPDATE catalog.video SET status = 'withdrawn' WHERE id = 3")
    site.sql("INSERT INTO catalog.video (id, slug, title, status, batch_id) VALUES (50, 'newcomer', 'New', 'published', 1)")
    site.sql("INSERT INTO catalog.video_subject VALUES (50, 1)")


def _hold_off(site: Built) -> None:
    with site.publisher() as (_, _, connection):
        journal.put_on_hold(connection, None)
        connection.commit()


def test_the_site_goes_back_to_an_earlier_release_s_bytes(site: Built) -> None:
    fill(site, videos=5)
    first = site.build().release
    before = site.objects()
    _edit(site)
    site.build()
    site.sql("UPDATE catalog.video SET title = 'Yet others' WHERE id = 1")
    site.build()
    then = site.objects()
    with site.publisher() as (publisher, _, _):
        done = publisher.back_to(first or 0)
    after = site.objects()
    assert _words(after) == _words(before)
    assert after["/videos/newcomer/"].status == 410
    # No ETag comes back: what was put back bears the rollback's number, what never changed its own.
    assert {o.write_number for path, o in after.items() if then.get(path) != o} == {done.release}
    assert done.uploaded == sum(then.get(path) != o for path, o in after.items())


def test_it_takes_as_long_as_what_changed_since(site: Built) -> None:
    fill(site, videos=60)
    first = site.build().release
    site.sql("UPDATE catalog.video SET description = 'Other words' WHERE id = 1")
    changed = site.build().uploaded
    with site.publisher() as (publisher, _, _):
        assert publisher.back_to(first or 0).uploaded == changed < 10


def test_publishing_is_on_hold_after_it_and_then_shows_the_catalog_again(site: Built) -> None:
    fill(site, videos=5)
    first = site.build().release
    _edit(site)
    site.build()
    with site.publisher() as (publisher, _, _):
        publisher.back_to(first or 0)
    site.sql("UPDATE catalog.video SET title = 'Edited on hold' WHERE id = 4")
    with pytest.raises(OnHoldError):
        site.build()
    assert "Edited on hold" not in site.text("/videos/lecture-4/")
    _hold_off(site)
    site.build()
    shown = site.digests()
    assert "Edited on hold" in site.text("/videos/lecture-4/")
    assert site.objects()["/videos/newcomer/"].status == 200
    assert site.build(full=True).uploaded == 0
    assert site.digests() == shown


def test_a_rollback_is_taken_back_like_any_release(site: Built) -> None:
    fill(site)
    first = site.build().release
    _edit(site)
    second = site.build().release
    there = site.objects()
    with site.publisher() as (publisher, _, _):
        publisher.back_to(first or 0)
        publisher.back_to(second or 0)
    assert _words(site.objects()) == _words(there)


def test_a_builder_that_slept_through_a_rollback_writes_nothing(site: Built) -> None:
    """It knows the version before: the same words stand there again, under another ETag."""
    fill(site)
    first = site.build().release
    old = site.objects()["/videos/lecture-1/"]
    site.sql("UPDATE catalog.video SET title = 'Other words' WHERE id = 1")
    site.build()
    with site.publisher() as (publisher, store, _):
        publisher.back_to(first or 0)
        from edge.store.port import Put
        written = store.put([Put(old._replace(write_number=2), store.etag(old.digest, old.write_number))])
        assert [one.why for one in written.refused] == ["changed"]


def test_what_cannot_be_gone_back_to_says_why(site: Built) -> None:
    fill(site)
    first = site.build().release
    site.sql("UPDATE catalog.video SET title = 'Other words' WHERE id = 1")
    second = site.build().release
    with site.publisher() as (publisher, store, connection):
        with pytest.raises(rollback.RollbackError, match="No release 999"):
            publisher.back_to(999)
        with pytest.raises(rollback.RollbackError, match="is what is live"):
            publisher.back_to(second or 0)
        connection.rollback()
        with connection, connection.cursor() as cursor:
            cursor.execute("UPDATE live.retained SET at = at - interval '8 days'")
        assert rollback.sweep(connection, store) > 5
        assert not list(store.list("retained/"))
        with pytest.raises(rollback.RollbackError, match="no longer"):
            publisher.back_to(first or 0)
    assert site.build(full=True).uploaded == 0


def test_a_body_that_the_store_lost_changes_nothing(site: Built) -> None:
    fill(site)
    first = site.build().release
    site.sql("UPDATE catalog.video SET title = 'Other words' WHERE id = 1")
    site.build()
    before = site.digests()
    with site.publisher() as (publisher, store, _):
        store.delete([head.key for head in store.list("retained/")][:1])
        with pytest.raises(rollback.RollbackError, match="nothing was changed"):
            publisher.back_to(first or 0)
    assert site.digests() == before
    assert site.build().release is None


def test_behind_a_store_that_was_lost_there_is_no_way_and_nothing_is_taken_for_new(site: Built) -> None:
    """What was filled again kept nothing, so each page looked as if it had not been there before."""
    fill(site)
    site.build()
    site.sql("UPDATE catalog.video SET title = 'Other words' WHERE id = 1")
    second = site.build().release
    with site.publisher() as (_, store, _):
        store.delete(["index.html"])
    third = site.build().release
    site.sql("UPDATE catalog.video SET title = 'Yet others' WHERE id = 1")
    site.build()
    before = site.digests()
    with site.publisher() as (publisher, _, _), pytest.raises(rollback.RollbackError, match=f"the oldest to go back to is {third}"):
        publisher.back_to(second or 0)
    assert site.digests() == before
    with site.publisher() as (publisher, _, _):
        publisher.back_to(third or 0)
    assert "Other words" in site.text("/videos/lecture-1/")
    # Words that no title had any more have left their search files.
    assert {path for path, thing in site.objects().items() if thing.status == 410} == {"/search/0/1.json", "/search/0/ye.json"}


def test_another_store_than_the_site_s_is_refused(site: Built, tmp_path: Path) -> None:
    fill(site)
    first = site.build().release
    site.sql("UPDATE catalog.video SET status = 'withdrawn' WHERE id = 1")
    site.build()
    with site.publisher() as (publisher, _, _):
        publisher._tools = replace(publisher._tools, store=SQLiteStore(tmp_path / "another.db"))
        with closing(publisher._tools.store), pytest.raises(journal.OtherStoreError, match="LECTERN_STORE"):
            publisher.back_to(first or 0)
    assert site.sql("SELECT held_at FROM live.site") == [(None,)]


def test_a_kind_that_this_version_makes_no_more_is_put_back_all_the_same(site: Built) -> None:
    fill(site)
    first = site.build().release
    before = site.text("/videos/lecture-1/")
    site.sql("UPDATE catalog.video SET title = 'Other words' WHERE id = 1")
    site.build()
    site.sql("UPDATE live.retained SET kind = 'of-long-ago' WHERE path = '/videos/lecture-1/'")
    with site.publisher() as (publisher, _, _):
        publisher.back_to(first or 0)
    assert site.text("/videos/lecture-1/") == before
    _hold_off(site)
    site.build()
    assert "Other words" in site.text("/videos/lecture-1/")


def test_one_that_died_says_to_run_it_again_and_then_it_ends(site: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(site)
    first = site.build().release or 0
    before = site.text("/videos/lecture-1/")
    site.sql("UPDATE catalog.video SET title = 'Other words' WHERE id = 1")
    site.build()

    def lost(connection: object) -> None:
        raise lease.LeaseLost("lost")

    with site.publisher() as (publisher, store, _):
        with monkeypatch.context() as within:
            within.setattr(lease, "confirm", lost)
            with pytest.raises(lease.LeaseLost):
                publisher.back_to(first)
        with pytest.raises(OnHoldError, match=f"rollback {first}"):
            publisher.release()
        site.sql("UPDATE live.release SET started_at = clock_timestamp() - interval '1 hour' WHERE state = 'writing'")
        with closing(psycopg2.connect(site.dsn)) as connection:
            assert any(f"`python build.py rollback {first}`" in alarm for alarm in status(connection, store).alarms)
        publisher.back_to(first)
        with pytest.raises(OnHoldError, match="--unhold"):
            publisher.release()
    assert site.text("/videos/lecture-1/") == before
