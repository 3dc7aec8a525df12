"""The worker: each edit goes live by itself, whatever breaks meanwhile, and nobody waits for a big render."""
from __future__ import annotations

import gzip
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from builder import bell, lease, manifest, nightly, worker
from builder.bell import BellError
from builder.embedded.home import home_of
from builder.embedded.postmaster import find, initialise, start, stop
from builder.migrate import migrate
from builder.worker import Pace
from edge.address import path_of
from edge.cdn.port import PurgeError
from edge.errors import StoreError
from edge.store.port import Object, Put, Written
from tests.builder.purging import Recorder
from tests.builder.test_release import Memory, _walk
from tests.builder.watching import NEVER_S, SITE, until, watching
from tests.conftest import open_folder
from tests.proxy import proxy
from tests.site import Built, fill

TOP = Path(__file__).resolve().parents[2]
DEAF = Pace(poll_s=NEVER_S)  # what is heard is heard by the bell


@pytest.fixture
def full(site: Built) -> Built:
    fill(site)
    site.build(site=SITE)
    return site


def retitle(site: Built, title: str, id: int = 1) -> None:
    site.sql("UPDATE catalog.video SET title = %s WHERE id = %s", title, id)


def shows(site: Built, text: str, path: str = "/videos/lecture-1/") -> bool:
    return text in site.text(path)


def releases(site: Built) -> list[tuple[int, str, int]]:
    return site.sql("SELECT number, state, changes FROM live.release ORDER BY number")


def test_an_edit_is_live_without_any_command_and_said_in_one_line(full: Built) -> None:
    with watching(full, pace=DEAF) as seen:
        retitle(full, "Heard by the bell")
        until(lambda: shows(full, "Heard by the bell"))
        until(lambda: seen.said("release.live"))
        assert " changes=1 " in seen.lines[0]
        assert len(seen.lines) == 1


def test_a_first_build_is_the_workers_too(site: Built) -> None:
    fill(site)
    with watching(site):
        until(lambda: "/videos/lecture-1/" in site.objects())


def test_a_thousand_edits_in_one_transaction_are_one_release(full: Built) -> None:
    with watching(full) as seen, closing(psycopg2.connect(full.dsn)) as editor:
        with editor, editor.cursor() as cursor:
            for n in range(1000):
                cursor.execute("UPDATE catalog.video SET title = %s WHERE id = %s", (f"Edit {n}", n % 3 + 1))
        until(lambda: shows(full, "Edit 999"))
        until(lambda: seen.said("release.live"))
    assert [changes for _, _, changes in releases(full)][1:] == [1000]


def test_edits_that_come_close_together_are_gathered_and_none_waits_long(full: Built) -> None:
    with watching(full, pace=Pace(poll_s=NEVER_S, close_s=0.3, gather_s=1.0)):
        with closing(psycopg2.connect(full.dsn)) as editor:
            editor.autocommit = True
            for n in range(40):
                editor.cursor().execute("UPDATE catalog.video SET title = %s WHERE id = 1", (f"Edit {n}",))
                editor.cursor().execute("SELECT pg_sleep(0.01)")
        last_s = until(lambda: shows(full, "Edit 39"))
    assert len(releases(full)) - 1 <= 6
    assert last_s < 3


def test_a_poll_stands_behind_the_bell(full: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bell.Bell, "wait", lambda self, timeout_s: time.sleep(0.05))
    with watching(full, pace=Pace(poll_s=0.2)):
        retitle(full, "Found by the poll")
        until(lambda: shows(full, "Found by the poll"), 5)


def test_a_scheduled_lecture_appears_within_two_seconds_of_its_time_and_never_before(full: Built) -> None:
    full.sql("""INSERT INTO catalog.video (id, slug, title, status, batch_id, publish_at)
        VALUES (9, 'at-noon', 'At noon', 'scheduled', 1, clock_timestamp() + interval '1.5 seconds')""")
    with watching(full) as seen:
        late = until(lambda: "/videos/at-noon/" in full.objects() and full.sql(
            "SELECT extract(epoch FROM clock_timestamp() - publish_at)::float8 FROM catalog.video WHERE id = 9"))
        assert late
        assert seen.said("watch.published_on_time")
    ((early_s, late_s),) = full.sql("""SELECT extract(epoch FROM min(c.at) - min(v.publish_at))::float8,
        extract(epoch FROM max(r.live_at) - min(v.publish_at))::float8
        FROM catalog.change c JOIN live.release r ON r.number = c.release, catalog.video v WHERE v.id = 9 AND c.actor = 'schedule'""")
    assert early_s >= 0
    assert late_s < 2


def test_what_is_scheduled_for_a_moment_to_come_while_the_worker_waits_is_on_time(full: Built) -> None:
    with watching(full):
        full.sql("""INSERT INTO catalog.video (id, slug, title, status, batch_id, publish_at)
            VALUES (9, 'soon', 'Soon', 'scheduled', 1, clock_timestamp() + interval '0.3 seconds')""")
        until(lambda: "/videos/soon/" in full.objects(), 2.3)


def test_what_fell_due_while_no_worker_ran_is_published_at_once(full: Built) -> None:
    full.sql("""INSERT INTO catalog.video (id, slug, title, status, batch_id, publish_at)
        VALUES (9, 'late', 'Late', 'scheduled', 1, clock_timestamp() - interval '2 hours')""")
    with watching(full):
        until(lambda: "/videos/late/" in full.objects(), 2)


_AHEAD = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>
int clock_gettime(clockid_t which, struct timespec *at) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int done = real(which, at);
    if (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE) at->tv_sec += 600;
    return done;
}
int gettimeofday(struct timeval *at, void *zone) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec, at->tv_usec = now.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}
"""


def test_a_worker_whose_machine_is_ten_minutes_ahead_shows_nothing_before_the_databases_time(full: Built, tmp_path: Path) -> None:
    source, shim = tmp_path / "ahead.c", tmp_path / "ahead.so"
    source.write_text(_AHEAD)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", shim, source, "-ldl"], check=True)  # Varnish wants a C compiler too
    environ = {**os.environ, "LD_PRELOAD": str(shim), "TZ": "Pacific/Auckland", "LECTERN_DATA": str(tmp_path / "data"),
               "DATABASE_URL": full.dsn, "LECTERN_STORE": f"sqlite://{full._file}", "LECTERN_BASE_URL": SITE.base_url}
    told = subprocess.check_output([sys.executable, "-c", "import time; print(time.time())"], env=environ)
    assert float(told) > time.time() + 500
    with subprocess.Popen([sys.executable, "build.py", "watch"], cwd=TOP, env=environ, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "watching\n"
            full.sql("""INSERT INTO catalog.video (id, slug, title, status, batch_id, publish_at)
                VALUES (9, 'embargoed', 'Embargoed', 'scheduled', 1, clock_timestamp() + interval '3 seconds')""")
            until(lambda: "/videos/embargoed/" in full.objects())
        finally:
            process.terminate()
    ((early_s,),) = full.sql("""SELECT extract(epoch FROM min(r.started_at) - min(v.publish_at))::float8
        FROM catalog.change c JOIN live.release r ON r.number = c.release, catalog.video v WHERE v.id = 9 AND c.actor = 'schedule'""")
    assert early_s >= 0


@pytest.mark.parametrize("name", ["lectern bell", "lectern watch"])
def test_a_session_that_is_ended_costs_no_edit(full: Built, name: str) -> None:
    with watching(full) as seen:
        for n in range(2):
            assert full.sql("""SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE application_name = %s AND datname = current_database()""", name)
            retitle(full, f"After loss {n}")
            until(lambda: shows(full, f"After loss {n}"), why=seen.lines)  # noqa: B023
            until(lambda: full.sql("""SELECT 1 FROM pg_stat_activity
                WHERE application_name = %s AND datname = current_database()""", name))


def test_a_restart_of_the_database_costs_no_edit(tmp_path: Path) -> None:
    with open_folder("lectern-restart-") as folder:
        home = home_of(folder)
        initialise(home)
        site = Built(start(home, {"fsync": "off"}), tmp_path)
        try:
            migrate(site.dsn)
            fill(site)
            site.build(site=SITE)
            with watching(site) as seen:
                running = find(home.cluster)
                assert running is not None
                stop(running)
                until(lambda: seen.said("bell.lost") and seen.said("watch.database_lost"))
                start(home, {"fsync": "off"})
                retitle(site, "After the restart")
                until(lambda: shows(site, "After the restart"), why=seen.lines)
                until(lambda: seen.said("bell.back"))
        finally:
            if left := find(home.cluster):
                stop(left)


@pytest.mark.parametrize("busy", [False, True])
def test_sigterm_ends_it_within_ten_seconds_and_nothing_is_half_written(full: Built, busy: bool) -> None:
    script = _STUCK % (full.dsn, str(full._file), SITE.base_url, busy)
    before = full.digests()
    with subprocess.Popen([sys.executable, "-c", script], cwd=TOP, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "watching\n"
        if busy:
            retitle(full, "Never ended")
            assert process.stdout.readline() == "stuck\n"
        begun = time.monotonic()
        process.terminate()
        assert process.wait(10) == 0
        assert time.monotonic() - begun < 10
    assert full.digests() == before
    if busy:
        assert full.sql("SELECT count(*) FROM catalog.change WHERE release IS NULL") == [(1,)]
        with watching(full):
            until(lambda: shows(full, "Never ended"))


def test_lines_that_go_dead_without_a_word_cost_some_seconds(full: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builder.connections.ANSWER_S", 1.0)
    with proxy(full.dsn) as between, watching(full, dsn=between.dsn, pace=Pace(poll_s=0.5)) as seen:
        retitle(full, "Before")
        until(lambda: seen.said("release.live"))
        between.swallow()
        retitle(full, "Through new lines")
        until(lambda: shows(full, "Through new lines"), 10, seen.lines)
        until(lambda: seen.said("bell.back"), 15, seen.lines)
        retitle(full, "Heard again")
        until(lambda: shows(full, "Heard again"))


def test_a_line_that_goes_dead_within_a_release_is_found_and_the_edit_is_live(full: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builder.watchdog.LOOK_EVERY_S", 0.1)
    monkeypatch.setattr("builder.watchdog.DEAD_S", 1.0)
    store = Slow()
    with proxy(full.dsn) as between, watching(full, dsn=between.dsn, store=store) as seen:
        until(lambda: seen.said("release.live"))
        store.gate.clear()
        store.entered.clear()
        retitle(full, "Through another line")
        assert store.entered.wait(20)
        between.swallow()
        store.gate.set()
        until(lambda: store.shows("Through another line") and len(seen.said("release.live")) == 2, why=seen.lines)


def test_while_a_release_runs_the_listening_session_is_idle_and_the_next_edit_is_heard(full: Built) -> None:
    store = Slow()
    full.sql("UPDATE live.release SET store = 'memory'")
    with watching(full, store=store, pace=DEAF):
        store.gate.clear()
        store.entered.clear()
        retitle(full, "First")
        assert store.entered.wait(20)
        retitle(full, "Second")
        until(lambda: full.sql("""SELECT 1 FROM pg_stat_activity WHERE application_name = 'lectern bell'
            AND datname = current_database() AND state = 'idle' AND xact_start IS NULL"""))
        store.gate.set()
        until(lambda: store.shows("Second"))


def test_a_store_that_is_away_is_asked_again_and_the_next_release_takes_all(full: Built) -> None:
    store = Slow()
    with watching(full, store=store) as seen:
        until(lambda: store.shows("Lecture 1"))
        store.away = True
        retitle(full, "While it was away")
        until(lambda: seen.said("watch.failed"))
        retitle(full, "And another", 2)
        until(lambda: store.refused >= 3)
        assert len(seen.said("watch.failed")) == 1
        store.away = False
        until(lambda: store.shows("While it was away") and store.shows("And another"))
        until(lambda: full.sql("SELECT 1 FROM live.release WHERE state = 'superseded'"))
    assert releases(full)[-1][1] == "live"


def test_while_another_holds_the_lease_it_waits_and_says_so_once(full: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "LEASE_WAIT_S", 0.1)
    with watching(full, pace=Pace(poll_s=0.05)) as seen, closing(psycopg2.connect(full.dsn)) as other:
        with lease.held(other, 0):
            retitle(full, "After the other")
            until(lambda: seen.said("watch.waits"))
            held = full.sql("SELECT clock_timestamp()")
            until(lambda: full.sql("SELECT clock_timestamp() > %s + interval '0.5 seconds'", *held[0]) == [(True,)])
        until(lambda: shows(full, "After the other"))
        assert len(seen.said("watch.waits")) == 1


def test_while_publishing_is_on_hold_it_waits_and_goes_on_when_that_ends(full: Built) -> None:
    full.sql("UPDATE live.site SET held_at = 1")
    with watching(full, pace=Pace(poll_s=0.05)) as seen:
        retitle(full, "Held")
        until(lambda: seen.said("watch.waits"))
        assert "--unhold" in seen.lines[0]
        assert not shows(full, "Held")
        full.sql("UPDATE live.site SET held_at = NULL")
        until(lambda: shows(full, "Held"))
        assert len(seen.said("watch.waits")) == 1


def test_a_release_that_died_is_superseded_at_the_start(full: Built) -> None:
    full.sql("INSERT INTO live.release (number, state, store) VALUES (nextval('live.write_number'), 'writing', 'gone')")
    with watching(full):
        until(lambda: not full.sql("SELECT 1 FROM live.release WHERE state = 'writing'"))


def test_a_bell_that_cannot_be_heard_is_said_and_nothing_begins(full: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    def deaf(self: bell.Bell, within_s: float = 5.0) -> None:
        raise BellError("Set DATABASE_DIRECT_URL to the primary itself.")

    monkeypatch.setattr(bell.Bell, "prove", deaf)
    with pytest.raises(BellError, match="DATABASE_DIRECT_URL"), watching(full):
        pass


def test_what_is_too_old_to_be_of_use_is_forgotten_and_what_waits_is_not(full: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builder.background.FIRST_TIDY_S", 0.05)
    retitle(full, "Replaced")
    full.build(site=SITE)
    full.sql("UPDATE live.site SET held_at = 1")  # so that what waits goes on waiting
    full.sql("UPDATE live.retained SET at = clock_timestamp() - interval '8 days'")
    for days in (1, 40):
        full.sql("""INSERT INTO live.receipt (release, kind, url, encoding, asked_at)
            VALUES (1, 'video', 'https://x/', %s, clock_timestamp() - %s * interval '1 day')""", str(days), days)
    retitle(full, "Waits")
    full.sql("UPDATE catalog.change SET at = clock_timestamp() - interval '40 days'")
    assert full.sql("SELECT count(*) FROM live.retained")[0][0] > 0
    with watching(full) as seen:
        until(lambda: full.sql("SELECT count(*) FROM live.retained") == [(0,)], why=seen.lines)
    assert full.sql("SELECT encoding FROM live.receipt") == [("1",)]
    assert full.sql("SELECT count(*), count(release) FROM catalog.change") == [(1, 0)]


# purges and retirements -------------------------------------------------------------------------


def test_a_retirement_is_done_when_its_purge_is_acknowledged_though_nobody_edits(full: Built) -> None:
    away = threading.Event()
    cdn = Recorder(answer=lambda names: _raise(PurgeError("away")) if not away.is_set() else None)
    with watching(full, purgers=[cdn], pace=DEAF) as seen:
        full.sql("UPDATE catalog.video SET status = 'withdrawn' WHERE id = 2")
        until(lambda: seen.said("release.live"))
        until(lambda: seen.said("purge.owed"))
        assert full.objects()["/videos/lecture-2/"].status == 200
        retitle(full, "Not delayed by the CDN")
        until(lambda: shows(full, "Not delayed by the CDN"))
        away.set()
        full.sql("UPDATE live.debt SET due_at = clock_timestamp()")
        seen.worker._threads[-1].poke()
        until(lambda: full.objects()["/videos/lecture-2/"].status == 410)
        until(lambda: full.sql("SELECT 1 FROM live.debt WHERE kind = 'retirement'") == [])


# big renders ------------------------------------------------------------------------------------


def test_an_edit_made_during_a_big_render_is_live_after_one_slice_and_the_end_equals_a_clean_build(site: Built) -> None:
    fill(site, videos=40)
    full, renamed, store = site, SITE._replace(name="Renamed"), Slow()
    with watching(full, store=store):
        until(lambda: store.shows("Lecture 1"))
    puts_of_all = store.count
    store.stop_after(puts_of_all + 8)  # a slice or two into it
    with watching(full, store=store, pace=Pace(slice_units=2), made_for=renamed) as seen:
        assert store.entered.wait(20)
        stopped = len(seen.said("release.live"))
        retitle(full, "Edited meanwhile", 3)
        store.gate.set()
        until(lambda: seen.said("watch.refreshed"), why=seen.lines)
        (took,) = [n for n, line in enumerate(seen.said("release.live")) if " changes=1 " in line]
        assert took <= stopped + 1
        assert len(seen.said("release.live")) > took + 5  # most of the render came after it
    full.begin_anew()
    full.build(site=renamed)
    assert {path: thing.digest for path, thing in full.objects().items()} == store.digests()
    with watching(full, store=store, made_for=renamed) as seen:
        pass
    assert not seen.said("watch.refreshes")


def test_what_is_new_goes_up_before_what_links_to_it_in_a_render_by_slices(full: Built) -> None:
    store = Slow()
    with watching(full, store=store):
        until(lambda: store.shows("Lecture 1"))
    store.told = _walk
    _past_the_triggers(full, """INSERT INTO catalog.video (id, slug, title, status, batch_id)
        SELECT n, 'new-' || n, 'New ' || n, 'published', 1 FROM generate_series(50, 70) n""")
    _past_the_triggers(full, "UPDATE catalog.video SET slug = 'another' WHERE id = 2")
    with watching(full, store=store, pace=Pace(slice_units=3), made_for=SITE._replace(hue=9)) as seen:
        until(lambda: seen.said("watch.refreshed"))
    assert "videos/new-70/index.html" in store.objects
    assert "videos/another/index.html" in store.objects


def test_the_nightly_check_finds_what_came_past_the_triggers(full: Built) -> None:
    full.sql("INSERT INTO catalog.video (id, slug, title, status, batch_id) SELECT n, 'v-' || n, 'V', 'published', 1 "
             "FROM generate_series(20, 29) n")
    full.build(site=SITE)
    _past_the_triggers(full, "UPDATE catalog.video SET title = 'Unnoticed' WHERE id = 1")
    _past_the_triggers(full, "INSERT INTO catalog.video (id, slug, title, status, batch_id) VALUES (9, 'unseen', 'Unseen', 'published', 1)")
    _past_the_triggers(full, "DELETE FROM catalog.video WHERE id = 29")
    full.sql("UPDATE live.site SET checked_at = clock_timestamp() - interval '2 days'")
    with watching(full, pace=Pace(slice_units=4)) as seen:
        until(lambda: seen.said("watch.checked"), why=seen.lines)
        assert "found=0" not in seen.said("watch.checked")[0]
        assert shows(full, "Unnoticed")
        assert "/videos/unseen/" in full.objects()
        assert full.objects()["/videos/v-29/"].status == 410
        ((fresh, found),) = full.sql("SELECT checked_at > clock_timestamp() - interval '1 minute', check_found FROM live.site")
        assert fresh
        assert "/videos/lecture-1/" in found
    digests = full.digests()
    full.build(site=SITE, full=True)
    assert full.digests() == digests


def test_a_nightly_check_of_a_site_that_is_right_finds_nothing_and_is_not_done_twice(full: Built) -> None:
    full.sql("UPDATE live.site SET checked_at = clock_timestamp() - interval '2 days'")
    with watching(full) as seen:
        until(lambda: seen.said("watch.checked"))
        assert seen.said("watch.checked") == ["watch.checked found=0"]
    with watching(full) as seen:
        retitle(full, "By day")
        until(lambda: shows(full, "By day"))
        assert not seen.said("watch.checks")
    assert len(releases(full)) == 2


def test_many_pages_that_no_edit_speaks_of_pass_no_guard_by_slices(full: Built) -> None:
    full.sql("INSERT INTO catalog.video (id, slug, title, status, batch_id) SELECT n, 'v-' || n, 'V', 'published', 1 "
             "FROM generate_series(20, 49) n")
    full.build(site=SITE)
    _past_the_triggers(full, "DELETE FROM catalog.video WHERE id >= 35")
    full.sql("UPDATE live.site SET checked_at = clock_timestamp() - interval '2 days'")
    with watching(full, pace=Pace(slice_units=4)) as seen:
        until(lambda: seen.said("watch.checked"), why=seen.lines)
        assert seen.said("release.held_back")
    assert {full.objects()[f"/videos/v-{n}/"].status for n in range(35, 50)} == {200}


def test_no_nightly_check_begins_while_publishing_is_on_hold(full: Built) -> None:
    full.sql("UPDATE live.site SET checked_at = clock_timestamp() - interval '2 days'")
    with closing(psycopg2.connect(full.dsn)) as connection:
        assert nightly.due(connection)
        full.sql("UPDATE live.site SET held_at = 1")
        assert not nightly.due(connection)


_STUCK = """
import threading
from contextlib import nullcontext
from builder import worker
from builder.pages.page import Site
from edge.store.sqlite import SQLiteStore
from tests.site import Inline

class Stuck(SQLiteStore):
    def put(self, puts):
        def drawn():
            for put in puts:
                print("stuck", flush=True)
                while True:
                    threading.Event().wait(1)
                yield put
        return super().put(drawn())

dsn, file, url, busy = %r, %r, %r, %r
store = (Stuck if busy else SQLiteStore)(file)
worker.run(dsn, store, Site("Lectern", url, 255), "100k", lambda: nullcontext(Inline()), (), lambda: print("watching", flush=True))
"""


def _past_the_triggers(site: Built, statement: str) -> None:
    with closing(psycopg2.connect(site.dsn)) as editor, editor, editor.cursor() as cursor:
        cursor.execute("ALTER TABLE catalog.video DISABLE TRIGGER USER")
        cursor.execute(statement)
        cursor.execute("ALTER TABLE catalog.video ENABLE TRIGGER USER")


def _raise(error: Exception) -> None:
    raise error


class Slow(Memory):
    """A bucket that can be away, and can hold up a writer."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.entered = threading.Event(), threading.Event()
        self.gate.set()
        self.away = False
        self.refused = self.count = 0
        self._stop_at = -1
        self.told: Callable[[dict[str, Object]], None] = lambda objects: None

    def put(self, puts: Iterable[Put]) -> Written:
        todo = list(puts)
        if self.away:
            self.refused += 1
            raise StoreError("the bucket is away")
        self.count += len(todo)
        if 0 <= self._stop_at <= self.count:
            self._stop_at = -1
            self.gate.clear()
        if not self.gate.is_set():
            self.entered.set()
        assert self.gate.wait(20)
        self._told = self.told
        return super().put(todo)

    def stop_after(self, count: int) -> None:
        self._stop_at = count

    def shows(self, text: str) -> bool:
        return any(text in gzip.decompress(thing.body).decode() for key, thing in list(self.objects.items())
                   if key.startswith("videos/") and key.endswith("index.html"))

    def digests(self) -> dict[str, str]:
        return {path_of(key): thing.digest for key, thing in self.objects.items()}  # type: ignore[arg-type]


def test_a_line_that_goes_dead_before_the_first_release_keeps_nobody_from_stopping_it(full: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    real = manifest.stale
    dead = threading.Event()
    with proxy(full.dsn) as between:

        def stale(connection: Any, fingerprints: Any) -> bool:
            between.swallow()
            between.refuse()
            dead.set()
            return real(connection, fingerprints)

        monkeypatch.setattr(manifest, "stale", stale)
        with watching(full, dsn=between.dsn):
            assert dead.wait(20)
