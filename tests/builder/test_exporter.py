"""The worker's metrics say how publishing stands, and that they cannot where the database is away."""
from __future__ import annotations

import re
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from psycopg2.extensions import make_dsn

from builder import exporter
from edge.errors import LecternError, StoreError
from tests.builder.test_release import Memory
from tests.builder.watching import SITE
from tests.edge.servers import free_port
from tests.site import Built, fill


def told(site: Built, store: Memory | None = None, dsn: str = "") -> dict[tuple[str, ...], float]:
    """What a scrape finds: by name and the values of its labels."""
    port = free_port()
    close = exporter.serve(dsn or site.dsn, store or Memory(), "127.0.0.1", port)
    try:
        with closing(urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20)) as answer:
            text = answer.read().decode()
    finally:
        close()
    return {(sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(text) for sample in family.samples}


@pytest.fixture
def full(site: Built) -> Built:
    fill(site, videos=3)
    site.build(site=SITE)
    return site


def test_what_waits_and_is_owed_is_told_with_its_age(full: Built) -> None:
    full.sql("UPDATE catalog.video SET title = 'Waits' WHERE id = 1")
    full.sql("UPDATE catalog.change SET at = clock_timestamp() - interval '2 minutes' WHERE release IS NULL")
    full.sql("INSERT INTO live.debt (kind, release, cdn, what, due_at) "
             "VALUES ('purge', 1, 'fastly', '{a}', clock_timestamp() - interval '10 minutes')")
    full.sql("UPDATE live.site SET check_found = '{/videos/a/,/videos/b/,missing /videos/c/}', checked_at = now()")
    found = told(full)
    assert found["lectern_database_up",] == 1
    assert found["lectern_release_live",] == 1
    assert found["lectern_changes_waiting",] >= 1
    assert 119 < found["lectern_publish_lag_seconds",] < 300
    assert found["lectern_debts", "purge"] == 1
    assert 599 < found["lectern_purge_overdue_seconds", "fastly"] < 900
    assert found["lectern_drift_pages",] == 2
    assert found["lectern_verify_findings",] == 1
    assert [found["lectern_listener", state] for state in exporter.LISTENERS] == [0, 0, 1]
    assert found["lectern_alarms",] >= 2
    assert found["process_resident_memory_bytes",] > 1e7


def test_a_refresh_that_ran_no_more_is_seen(full: Built) -> None:
    full.sql("INSERT INTO catalog.source (video_id, position, kind, url) VALUES (1, 99, 'youtube', 'https://youtu.be/abcdefghijk')")
    full.sql("INSERT INTO live.refresh_source (url, asked_at, next_at) SELECT url, now() - interval '26 hours', now() - interval '2 hours' "
             "FROM catalog.source WHERE video_id = 1")
    found = told(full)
    assert found["lectern_refresh_due",] >= 1
    assert found["lectern_refresh_last_answer_seconds",] > 25 * 3600
    assert found["lectern_refresh_behind_ratio",] > 0


def test_a_store_that_answers_no_more_is_a_lost_fence_though_it_once_was_on(full: Built) -> None:
    class Gone(Memory):
        def head(self, key: object) -> None:
            raise StoreError("no answer")

    assert told(full)["lectern_fence", "on"] == 1
    assert [told(full, Gone())["lectern_fence", state] for state in exporter.FENCES] == [0, 0, 1]


def test_a_database_that_is_away_is_told_and_nothing_else_is_made_up(full: Built) -> None:
    found = told(full, dsn=make_dsn(full.dsn, dbname="there_is_none"))
    assert {name: value for (name, *_), value in found.items() if name.startswith("lectern_")} == {"lectern_database_up": 0}


def test_every_metric_is_told_of_a_site_that_has_what_it_speaks_of(full: Built) -> None:
    full.sql("INSERT INTO live.debt (kind, release, cdn, what) VALUES ('purge', 1, 'fastly', '{a}')")
    named = set(re.findall(r'"(lectern_\w+)"', Path(exporter.__file__).read_text()))
    assert {name for (name, *_) in told(full) if name.startswith("lectern_")} == named


def test_a_port_that_is_taken_is_named(full: Built) -> None:
    port = free_port()
    close = exporter.serve(full.dsn, Memory(), "127.0.0.1", port)
    try:
        with pytest.raises(LecternError, match="LECTERN_WORKER_METRICS_PORT"):
            exporter.serve(full.dsn, Memory(), "127.0.0.1", port)
    finally:
        close()
