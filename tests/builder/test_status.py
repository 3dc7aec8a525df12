"""How the site stands, as a person and a program read it: each alarm names what to do."""
from __future__ import annotations

import json
from contextlib import closing

import psycopg2
import pytest
from click.testing import CliRunner

from build import main
from builder import findings
from builder.status import Status, status
from edge.errors import StoreError
from tests.builder.test_release import Memory
from tests.builder.watching import SITE, until, watching
from tests.proxy import proxy
from tests.site import Built, fill


@pytest.fixture
def full(site: Built) -> Built:
    fill(site, videos=12)
    site.build(site=SITE)
    return site


def look(site: Built, store: Memory | None = None) -> Status:
    with closing(psycopg2.connect(site.dsn)) as connection:
        return status(connection, store or Memory())


def alarm(site: Built) -> str:
    (one,) = look(site).alarms
    return one


def test_a_site_at_rest_has_no_alarm_and_says_who_does_not_listen(full: Built) -> None:
    found = look(full)
    assert (found.live, found.waiting, found.debts, found.lag_s, found.listener, found.fence, found.alarms) == (
        1, 0, {}, 0.0, "absent", "on", [])


def test_a_change_that_waits_has_an_age_and_alarms_after_a_minute_where_nobody_listens(full: Built) -> None:
    full.sql("UPDATE catalog.video SET title = 'Waits' WHERE id = 1")
    found = look(full)
    assert found.waiting == 1
    assert 0 < found.lag_s < 60
    assert found.alarms == []
    full.sql("UPDATE catalog.change SET at = clock_timestamp() - interval '2 minutes' WHERE release IS NULL")
    assert look(full).lag_s > 119
    assert "build.py watch" in alarm(full)


def test_a_worker_is_seen_and_a_bell_that_went_dead_is_broken_within_ten_seconds(full: Built) -> None:
    with proxy(full.dsn) as between, watching(full, dsn=between.dsn):
        until(lambda: look(full).listener == "listening")
        between.swallow()
        between.refuse()
        assert until(lambda: look(full).listener == "broken") < 10
    assert full.sql("SELECT 1")


def test_a_worker_that_was_paused_is_not_taken_for_one_that_listens(full: Built) -> None:
    with closing(psycopg2.connect(full.dsn, application_name="lectern watch")):
        assert look(full).listener == "broken"


def test_a_hold_names_the_command_that_ends_it(full: Built) -> None:
    full.sql("UPDATE live.site SET held_at = 1")
    assert "release --unhold" in alarm(full)


def test_a_page_that_cannot_be_made_is_named_with_the_reason(full: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    full.sql("UPDATE catalog.video SET title = title || ' torn' WHERE id = 3")

    def fails(self: object, page: object) -> str:
        raise RuntimeError("a template's fault")

    monkeypatch.setattr("builder.render.Renderer.text", fails)
    full.build(site=SITE)
    one = alarm(full)
    assert "a template's fault" in one
    assert "/videos/lecture-" in one or "could not be rendered" in one


def test_what_the_guard_held_back_names_the_command_that_lets_it_pass(full: Built) -> None:
    with closing(psycopg2.connect(full.dsn)) as editor, editor, editor.cursor() as cursor:
        cursor.execute("ALTER TABLE catalog.video DISABLE TRIGGER USER")
        cursor.execute("UPDATE catalog.video SET status = 'withdrawn'")
        cursor.execute("ALTER TABLE catalog.video ENABLE TRIGGER USER")
    assert full.build(site=SITE, full=True).held_back
    assert "--full --retire" in alarm(full)


@pytest.mark.parametrize(("why", "tries", "names"), [("the token is wrong", 3, "the token is wrong"), ("", 0, "build.py watch")])
def test_a_purge_that_stays_owed_alarms_after_five_minutes(full: Built, why: str, tries: int, names: str) -> None:
    owe = """INSERT INTO live.debt (kind, release, cdn, what, owed_since, due_at, tries, why) VALUES ('purge', 1, 'fastly', '{tag:a}',
        clock_timestamp() - %s * interval '1 minute', clock_timestamp() - %s * interval '1 minute', %s, %s)"""
    full.sql(owe, 4, 4, tries, why)
    assert look(full).debts == {"purge": 1}
    assert look(full).alarms == []
    full.sql(owe, 6, 6, tries, why)
    assert names in alarm(full)
    assert "fastly" in alarm(full)


@pytest.mark.parametrize(("served_by", "says"), [("cache-ams1", "purge had no effect"), ("", "LECTERN_BASE_URL")])
def test_a_receipt_that_was_not_seen_alarms_until_the_page_is_seen_again(full: Built, served_by: str, says: str) -> None:
    full.sql("INSERT INTO live.receipt (release, kind, url, encoding, served_by) VALUES (1, 'video', 'https://x/v/', 'br', %s)", served_by)
    assert says in alarm(full)
    full.sql("INSERT INTO live.receipt (release, kind, url, encoding, lag_ms) VALUES (2, 'video', 'https://x/v/', 'br', 80)")
    found = look(full)
    assert found.alarms == []
    assert [(one.release, one.lag_ms) for one in found.receipts] == [(2, 80), (1, None)]


def test_a_release_that_writes_for_long_names_resume(full: Built) -> None:
    insert = "INSERT INTO live.release (number, state, store, started_at) VALUES (99, 'writing', 'x', now() - interval '%s min')"
    full.sql(insert % 4)
    assert look(full).alarms == []
    full.sql("UPDATE live.release SET started_at = clock_timestamp() - interval '6 minutes' WHERE number = 99")
    assert "resume" in alarm(full)


def test_what_the_nightly_check_found_says_who_to_ask(full: Built) -> None:
    full.sql("UPDATE live.site SET checked_at = clock_timestamp(), check_found = '{/videos/x/}'")
    assert "session_replication_role" in alarm(full)
    full.sql("INSERT INTO catalog.change (keys) VALUES ('{0}')")  # what it tells people to do
    assert full.build(site=SITE).rendered > 0


def test_what_verify_and_the_nightly_check_found_are_two_things_and_neither_forgets_the_other(full: Built) -> None:
    with closing(psycopg2.connect(full.dsn)) as connection:
        findings.by_verify(connection, iter(["missing /videos/x/", "altered /videos/y/"]))
        assert "missing /videos/x/ and 1 more: `python build.py verify`" in alarm(full)
        findings.by_check(connection, ["/videos/z/"])
        checked, verified = look(full).alarms
        assert "/videos/z/" in checked
        assert "missing /videos/x/" in verified
        findings.by_verify(connection, iter([]))
        assert "/videos/z/" in alarm(full)
        findings.by_verify(connection, (f"foreign /{'x' * 2000}" for _ in iter(int, 1)))  # bounded, however much there is
        findings.by_check(connection, [])
        assert len(alarm(full)) < 1000
        findings.by_verify(connection, iter([]))
    assert look(full).alarms == []


def test_refresh_far_behind_is_said_where_refresh_is_used(full: Built) -> None:
    full.sql("""INSERT INTO live.refresh_source (url, asked_at)
        SELECT url, clock_timestamp() - CASE WHEN video_id <= 3 THEN interval '2 days' ELSE interval '1 hour' END FROM catalog.source""")
    assert "build.py refresh" in alarm(full)
    assert look(full).refresh == (12, 3)


def test_how_far_behind_refresh_is_is_told_where_it_is_no_alarm_too(full: Built, lone: dict[str, str]) -> None:
    full.sql("""INSERT INTO live.refresh_source (url, asked_at)
        SELECT url, clock_timestamp() - CASE WHEN video_id = 1 THEN interval '2 days' ELSE interval '1 hour' END FROM catalog.source""")
    assert json.loads(CliRunner().invoke(main, ["status", "--json"], env=lone).stdout)["refresh"] == {"known": 12, "behind": 1}
    assert "1 of 12 videos behind" in CliRunner().invoke(main, ["status"], env=lone).stdout


def test_a_store_that_does_not_answer_or_does_not_refuse_is_said(full: Built) -> None:
    class Away(Memory):
        @property
        def fenced(self) -> bool:  # type: ignore[override]
            raise StoreError("the bucket is away")

    class Lax(Memory):
        fenced = False

    assert look(full, Lax()).fence == "off"
    found = look(full, Away())
    assert found.fence == "lost"
    assert "the bucket is away" in found.alarms[0]


@pytest.fixture
def lone(full: Built) -> dict[str, str]:
    return {"DATABASE_URL": full.dsn, "LECTERN_STORE": f"sqlite://{full._file}"}


def test_the_command_prints_one_json_value_and_ends_with_1_where_there_is_an_alarm(full: Built, lone: dict[str, str]) -> None:
    done = CliRunner().invoke(main, ["status", "--json"], env=lone)
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout) == {"live": 1, "waiting": 0, "debts": {}, "lag_s": 0.0, "listener": "absent", "fence": "on",
                                       "alarms": [], "receipts": [], "refresh": {"known": 0, "behind": 0}}
    full.sql("UPDATE live.site SET held_at = 1")
    done = CliRunner().invoke(main, ["status", "--json"], env=lone)
    assert done.exit_code == 1
    assert len(json.loads(done.stdout)["alarms"]) == 1
    done = CliRunner().invoke(main, ["status"], env=lone)
    assert done.exit_code == 1
    assert "release 1" in done.stdout
    assert "--unhold" in done.stderr
