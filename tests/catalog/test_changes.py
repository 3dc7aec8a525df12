"""The feed as the builder sees it: taken by state, told by release, forgotten in time; and what is published by the clock."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from builder.catalog import changes, keys
from tests.site import Built, fill


@pytest.fixture
def full(site: Built) -> Built:
    """Three published videos, and nothing waiting."""
    fill(site)
    site.sql("DELETE FROM catalog.change")
    return site


@pytest.fixture
def editor(full: Built) -> Iterator[Connection]:
    with closing(psycopg2.connect(full.dsn)) as connection:
        yield connection


def test_the_builders_role_may_take_flip_and_forget(full: Built, editor: Connection) -> None:
    (role,), = full.sql("""SELECT DISTINCT grantee FROM information_schema.role_table_grants
        WHERE table_schema = 'catalog' AND table_name = 'change' AND grantee LIKE '%\\_builder'""")
    with editor.cursor() as cursor:
        cursor.execute(f'SET ROLE "{role}"')
    changes.take(editor, 1)
    changes.flip_due(editor)
    assert changes.forget(editor) == 0
    assert changes.waiting(editor).count == 0


def test_a_transaction_that_stays_open_is_taken_later(full: Built, editor: Connection) -> None:
    with editor.cursor() as cursor:
        cursor.execute("UPDATE catalog.video SET title = 'Slow' WHERE id = 1")
    full.sql("UPDATE catalog.video SET description = 'Quick' WHERE id = 2")
    assert _names(_take(full, 1).keys) == {"video:2"}
    editor.commit()
    full.sql("UPDATE catalog.video SET description = 'Last' WHERE id = 3")
    taken = _take(full, 2)
    assert _names(taken.keys) == {"video:1", "video:1/card", "video:3"}
    assert taken.count == 2
    assert taken.first_at is not None
    assert taken.last_at is not None
    assert taken.first_at < taken.last_at
    assert _take(full, 3) == changes.Taken(frozenset(), 0, None, None)


def test_what_is_taken_and_rolled_back_waits_still(full: Built) -> None:
    full.sql("UPDATE catalog.video SET description = 'New' WHERE id = 2")
    with closing(psycopg2.connect(full.dsn)) as builder:
        builder.set_session(isolation_level="REPEATABLE READ")
        assert changes.take(builder, 1).count == 1
        full.sql("UPDATE catalog.video SET description = 'New' WHERE id = 3")
        assert changes.take(builder, 1).count == 0, "a release shows one moment"
        builder.rollback()
        now = changes.waiting(builder)
    assert now.count == 2
    assert 0 < now.oldest_s < 60


def test_why_names_the_changes_that_touched_a_page(full: Built, editor: Connection) -> None:
    full.sql("UPDATE catalog.video SET title = 'New' WHERE id = 1")
    full.sql("UPDATE catalog.video SET title = 'Another' WHERE id = 3")
    _take(full, 5)
    full.sql("UPDATE catalog.video SET title = 'Newer' WHERE id = 1")
    _take(full, 6)
    found = changes.since(editor, [keys.video(1), keys.video_card(2), keys.course(1)], 5)
    assert [(_names(change.keys), change.actor, change.release) for change in found] == [({"video:1"}, "postgres", 5)]
    assert changes.since(editor, [keys.subject(1)], 5) == []


def test_old_changes_are_forgotten_and_waiting_ones_never(full: Built, editor: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "_FORGET_ROWS", 2)
    full.sql("""INSERT INTO catalog.change (at, keys, release) SELECT now() - n * interval '1 day', '{9}', CASE WHEN n <> 40 THEN 1 END
        FROM generate_series(28, 40) n""")
    assert changes.forget(editor, 30) == 10
    assert full.sql("SELECT count(*), count(release) FROM catalog.change") == [(3, 2)]


def test_what_waits_is_found_without_reading_what_was_taken(full: Built, editor: Connection) -> None:
    full.sql("INSERT INTO catalog.change (keys, release) SELECT '{9}', n / 10 FROM generate_series(1, 20000) n")
    full.sql("INSERT INTO catalog.change (keys) VALUES ('{9}')")
    full.sql("ANALYZE catalog.change")
    with editor.cursor() as cursor:
        for query in (changes._TAKE, changes._WAITING, changes._SINCE):
            cursor.execute("EXPLAIN " + query, {"release": 7, "keys": [9]})
            assert not [line for (line,) in cursor if "Seq Scan" in line], query


def test_scheduled_videos_are_published_when_the_database_says_so(full: Built, editor: Connection) -> None:
    schedule = "UPDATE catalog.video SET status = 'scheduled', publish_at = clock_timestamp() + %s::interval WHERE id = %s"
    assert changes.flip_due(editor) == (0, None)
    full.sql(schedule, "-2 hours", 1)
    full.sql(schedule, "-1 second", 2)
    full.sql(schedule, "1 hour", 3)
    full.sql("DELETE FROM catalog.change")
    flipped, next_s = changes.flip_due(editor)
    assert flipped == 2
    assert next_s is not None
    assert 3500 < next_s <= 3600
    assert full.sql("SELECT status FROM catalog.video WHERE id < 4 ORDER BY id") == [("published",), ("published",), ("scheduled",)]
    assert full.sql("SELECT actor FROM catalog.change") == [("schedule",)]
    assert {"video:1/place", "video:2/place", "batch:1/order"} <= _waiting(full)


def test_a_time_in_the_hour_that_summer_time_skips_or_doubles_is_one_moment_whatever_zone_who_writes_and_who_publishes_is_in(
        full: Built, editor: Connection) -> None:
    """In Berlin the clock went from 02:00 to 03:00 on 31 March 2024, and showed 02:30 twice on 27 October."""
    moments = {1: ("2024-10-27 02:30:00+02", "2024-10-27 00:30:00"), 2: ("2024-10-27 02:30:00+01", "2024-10-27 01:30:00"),
               3: ("2024-03-31 02:30:00 Europe/Berlin", "2024-03-31 01:30:00")}
    with closing(psycopg2.connect(full.dsn, options="-c timezone=Europe/Berlin")) as writer, writer, writer.cursor() as cursor:
        for id, (text, _) in moments.items():
            cursor.execute("UPDATE catalog.video SET status = 'scheduled', publish_at = %s WHERE id = %s", (text, id))
    stored = full.sql("SELECT id, (publish_at AT TIME ZONE 'UTC')::text FROM catalog.video WHERE id < 4 ORDER BY id")
    assert stored == [(id, utc) for id, (_, utc) in moments.items()]
    # The same hour again, now: the first 02:30 is due, the second, an hour later, is not, though a clock on the wall shows one time.
    full.sql("UPDATE catalog.video SET publish_at = publish_at + (clock_timestamp() - timestamptz '2024-10-27 00:31:00Z') WHERE id < 3")
    full.sql("UPDATE catalog.video SET status = 'draft' WHERE id = 3")
    with editor.cursor() as cursor:
        cursor.execute("SET timezone = 'America/St_Johns'")
    editor.commit()
    flipped, next_s = changes.flip_due(editor)
    assert flipped == 1
    assert next_s is not None
    assert 3500 < next_s < 3600
    assert full.sql("SELECT id, status FROM catalog.video WHERE id < 3 ORDER BY id") == [(1, "published"), (2, "scheduled")]


def test_a_due_video_that_an_editor_holds_delays_no_other(full: Built, editor: Connection) -> None:
    full.sql("UPDATE catalog.video SET status = 'scheduled', publish_at = now() WHERE id < 3")
    with closing(psycopg2.connect(full.dsn)) as worker, editor.cursor() as cursor:
        cursor.execute("UPDATE catalog.video SET description = 'Not yet' WHERE id = 1")
        flipped, next_s = changes.flip_due(worker)
        assert flipped == 1
        assert next_s is not None
        assert 0 < next_s < 2
        editor.commit()
        assert changes.flip_due(worker) == (1, None)


def _take(site: Built, release: int) -> changes.Taken:
    with closing(psycopg2.connect(site.dsn)) as connection:
        connection.set_session(isolation_level="REPEATABLE READ")
        taken = changes.take(connection, release)
        connection.commit()
        return taken


def _waiting(site: Built) -> set[str]:
    return _names({key for (row,) in site.sql("SELECT keys FROM catalog.change WHERE release IS NULL") for key in row})


def _names(found: Any) -> set[str]:
    return {keys.show(key) for key in found}
