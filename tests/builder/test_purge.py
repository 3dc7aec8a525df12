"""Purges are owed until they are acknowledged, twice, and one CDN's trouble is nobody else's."""
from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import closing

import psycopg2
import pytest
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ

from builder import purge
from builder.owed import LONGEST_WAIT_S
from builder.purge import announce, settle
from edge.cdn.port import Abilities, Name, PurgeError, QuotaError, Rate, tag
from tests.builder.purging import Recorder, all_due, changed, owe, sql
from tests.edge.servers import wait_until


def _debts(dsn: str, *, again: bool = False) -> list[tuple[list[str], int, str]]:
    return sql(dsn, "SELECT what, tries, why FROM live.debt WHERE again = %s ORDER BY id", again)


def _own(*numbers: int) -> list[str]:
    return sorted(f"tag:{changed(n).tags.split()[0]}" for n in numbers)


def _acknowledged(dsn: str, release: int) -> bool:
    return not sql(dsn, "SELECT 1 FROM live.debt WHERE kind = 'purge' AND release = %s AND NOT again", release)


def _failing(names: Sequence[Name]) -> None:
    raise PurgeError("The CDN is away.")


# owing ------------------------------------------------------------------------------------------

def test_debts_are_rows_of_at_most_one_request(dsn: str) -> None:
    cdn = Recorder(can=Abilities(tags_a_request=4, urls_a_request=3, budget_names=100))
    assert owe(dsn, [cdn], 1, [changed(n, new=n < 4) for n in range(10)]) == 14
    assert sorted(len(what) for what, _, _ in _debts(dsn)) == [1, 2, 3, 4, 4]
    for what, _, _ in _debts(dsn):
        assert len({name.split(":")[0] for name in what}) == 1, "tags and URLs are different requests"


def test_debts_are_owed_with_the_callers_transaction_or_not_at_all(dsn: str) -> None:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        assert purge.owe(cursor, [Recorder()], 1, [changed(1)], 500) == 1
        connection.rollback()
    assert sql(dsn, "SELECT count(*) FROM live.debt") == [(0,)]


def test_every_cdn_is_owed_its_own(dsn: str) -> None:
    owe(dsn, [Recorder("varnish"), Recorder("fastly")], 1, [changed(1)])
    assert sql(dsn, "SELECT cdn, count(*) FROM live.debt GROUP BY cdn ORDER BY cdn") == [("fastly", 2), ("varnish", 2)]


def test_the_second_purge_is_due_after_the_longest_fetch_and_at_most_a_quarter_later(dsn: str) -> None:
    owe(dsn, [Recorder(again_after_s=100)], 1, [changed(1)])
    ((wait_s,),) = sql(dsn, "SELECT extract(epoch FROM due_at - owed_since)::float8 FROM live.debt WHERE again")
    assert 99 < wait_s <= 125


def test_a_burst_of_publishes_leaves_few_second_purges_and_none_too_early(dsn: str) -> None:
    cdn = Recorder(again_after_s=60)
    for release in range(1, 41):
        owe(dsn, [cdn], release, [changed(n) for n in (release % 7, 100, 101)])
        rows = sql(dsn, "SELECT what, extract(epoch FROM due_at - clock_timestamp())::float8 FROM live.debt WHERE again")
        assert all(due_s > 59 for what, due_s in rows if set(what) & set(_own(release % 7, 100, 101)))
    rows = sql(dsn, "SELECT what FROM live.debt WHERE again")
    assert sorted(name for (what,) in rows for name in what) == _own(*range(7), 100, 101), "each once"
    assert len(rows) <= 3


def test_a_name_moves_to_the_newer_second_purge_and_leaves_the_older(dsn: str) -> None:
    cdn = Recorder(again_after_s=60)
    owe(dsn, [cdn], 1, [changed(1), changed(2)])
    sql(dsn, "UPDATE live.debt SET due_at = due_at - interval '20 seconds' WHERE again")
    owe(dsn, [cdn], 2, [changed(2), changed(3)])
    rows = sql(dsn, "SELECT what FROM live.debt WHERE again ORDER BY due_at")
    assert [sorted(what) for (what,) in rows] == [_own(1), _own(2, 3)]


def test_second_purges_of_everything_swallow_the_others(dsn: str) -> None:
    cdn = Recorder(again_after_s=60)
    owe(dsn, [cdn], 1, [changed(1), changed(2)])
    owe(dsn, [cdn], 2, [changed(n) for n in range(20)], live=20)
    assert [what for what, _, _ in _debts(dsn, again=True)] == [["all"]]


def test_too_many_joined_second_purges_become_one_of_everything(dsn: str) -> None:
    cdn = Recorder(again_after_s=10**6, can=Abilities(tags_a_request=10, urls_a_request=10, budget_names=10))
    for release in range(1, 6):
        owe(dsn, [cdn], release, [changed(n) for n in range(release * 10, release * 10 + 10)])
    assert [what for what, _, _ in _debts(dsn, again=True)] == [["all"]]


def test_a_snapshot_that_is_older_than_a_settling_does_not_disturb_owing(dsn: str) -> None:
    cdn = Recorder(again_after_s=60)
    owe(dsn, [cdn], 1, [changed(1)])
    sql(dsn, "UPDATE live.debt SET due_at = clock_timestamp()")
    owe(dsn, [cdn], 2, [changed(2)])
    with closing(psycopg2.connect(dsn)) as connection:
        connection.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ)
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM live.debt")
            cdn.answer = _failing  # all that is due changes, the second purge of release 1 too
            settle(dsn, [cdn])
            assert purge.owe(cursor, [cdn], 3, [changed(1), changed(2)], 500) == 2
    rows = sql(dsn, "SELECT release, what FROM live.debt WHERE again ORDER BY release")
    assert [(release, sorted(what)) for release, what in rows] == [(1, _own(1)), (3, _own(1, 2))]


# paying -----------------------------------------------------------------------------------------

def test_what_is_due_is_sent_and_leaves_and_the_second_waits(dsn: str) -> None:
    cdn = Recorder()
    owe(dsn, [cdn], 1, [changed(n) for n in range(25)])
    assert not _acknowledged(dsn, 1)
    assert settle(dsn, [cdn]) == (25, 0, ())
    assert cdn.names == _own(*range(25))
    assert _acknowledged(dsn, 1)
    assert len(_debts(dsn, again=True)) == 3
    assert settle(dsn, [cdn]) == (0, 0, ())
    all_due(dsn)
    assert settle(dsn, [cdn]).sent == 25
    assert sql(dsn, "SELECT count(*) FROM live.debt") == [(0,)]


def test_first_purges_go_before_second_ones_that_have_been_due_for_longer(dsn: str) -> None:
    cdn = Recorder()
    owe(dsn, [cdn], 1, [changed(1)])
    settle(dsn, [cdn])
    sql(dsn, "UPDATE live.debt SET due_at = clock_timestamp() - interval '1 minute'")
    owe(dsn, [cdn], 2, [changed(2)])
    cdn.requests.clear()
    settle(dsn, [cdn])
    assert cdn.requests == [_own(2), _own(1)]


def test_a_release_is_acknowledged_for_itself(dsn: str) -> None:
    cdn = Recorder()
    owe(dsn, [cdn], 1, [changed(1)])
    settle(dsn, [cdn])
    owe(dsn, [cdn], 2, [changed(2)])
    assert (_acknowledged(dsn, 1), _acknowledged(dsn, 2)) == (True, False)


def test_a_cdn_that_is_away_loses_nothing_and_blocks_no_other(dsn: str) -> None:
    away, well = Recorder("fastly", answer=_failing), Recorder("varnish")
    for release in range(1, 4):
        owe(dsn, [away, well], release, [changed(n) for n in range(release * 100, release * 100 + 30)])
        done = settle(dsn, [away, well])
        assert done.sent == 30
        assert done.errors == ("The CDN is away.",)
        assert not _acknowledged(dsn, release)
    away.answer = lambda names: None
    all_due(dsn)
    assert settle(dsn, [away, well]).left == 0
    assert set(away.names) == set(well.names) == {*_own(*range(100, 130), *range(200, 230), *range(300, 330))}
    assert all(_acknowledged(dsn, release) for release in (1, 2, 3))


def test_one_call_is_enough_to_see_that_a_cdn_is_away(dsn: str) -> None:
    calls = []

    def fails(names: Sequence[Name]) -> None:
        calls.append(names)
        raise PurgeError("The CDN is away.")

    cdn = Recorder(answer=fails)
    owe(dsn, [cdn], 1, [changed(n) for n in range(100)])
    assert settle(dsn, [cdn]).left == 10
    assert len(calls) == 1
    assert settle(dsn, [cdn]) == (0, 0, ())
    assert {why for _, _, why in _debts(dsn)} == {"The CDN is away."}


def test_a_failed_purge_waits_longer_each_time_but_never_longer_than_five_minutes(dsn: str) -> None:
    cdn = Recorder(answer=_failing)
    owe(dsn, [cdn], 1, [changed(1)])
    waits: list[float] = []
    for _ in range(12):
        sql(dsn, "UPDATE live.debt SET due_at = clock_timestamp() WHERE NOT again")
        settle(dsn, [cdn], chance=lambda: 1.0)
        waits += sql(dsn, "SELECT extract(epoch FROM due_at - clock_timestamp())::float8 FROM live.debt WHERE NOT again")[0]
    assert waits[:4] == pytest.approx([1, 2, 4, 8], abs=0.5)
    assert waits[-1] == pytest.approx(LONGEST_WAIT_S, abs=0.5)
    assert _debts(dsn)[0][1:] == (12, "The CDN is away.")


def test_a_cdn_that_says_when_is_asked_then(dsn: str) -> None:
    def later(names: Sequence[Name]) -> None:
        raise PurgeError("Too many.", retry_after_s=900)

    cdn = Recorder(answer=later)
    owe(dsn, [cdn], 1, [changed(n) for n in range(20)])
    settle(dsn, [cdn])
    waits = sql(dsn, "SELECT extract(epoch FROM due_at - clock_timestamp())::float8 FROM live.debt WHERE NOT again")
    assert len(waits) == 2
    assert all(890 < wait_s <= 900 for (wait_s,) in waits)


def test_a_name_that_is_refused_for_good_keeps_no_other_from_being_purged(dsn: str) -> None:
    bad = _own(13)[0]

    def picky(names: Sequence[Name]) -> None:
        if bad in map(str, names):
            raise PurgeError("An invalid name.", lasting=True)

    cdn = Recorder(answer=picky)
    owe(dsn, [cdn], 1, [changed(n) for n in range(25)])
    done = settle(dsn, [cdn])
    assert (done.sent, done.left, done.errors) == (24, 1, ("An invalid name.",))
    assert _debts(dsn)[0][0] == [bad]
    assert _debts(dsn)[0][2] == "An invalid name."
    assert sorted([*cdn.names, bad]) == _own(*range(25))


def test_two_processes_send_no_row_twice_and_wait_for_none(dsn: str) -> None:
    entered, go = threading.Event(), threading.Event()

    def slow(names: Sequence[Name]) -> None:
        entered.set()
        assert go.wait(10)

    first, second = Recorder(answer=slow), Recorder()
    owe(dsn, [first], 1, [changed(n) for n in range(30)])
    thread = threading.Thread(target=settle, args=(dsn, [first]))
    thread.start()
    assert entered.wait(10)
    assert settle(dsn, [second]) == (20, 1, ())
    go.set()
    thread.join()
    assert sorted([*first.names, *second.names]) == _own(*range(30))
    assert sql(dsn, "SELECT count(*) FROM live.debt WHERE NOT again") == [(0,)]


def test_a_process_that_dies_after_the_purge_and_before_the_receipt_has_it_sent_again(dsn: str) -> None:
    class Killed(BaseException):
        pass

    def dies(names: Sequence[Name]) -> None:
        raise Killed

    cdn = Recorder(answer=dies)
    owe(dsn, [cdn], 1, [changed(1)])
    with pytest.raises(Killed):
        settle(dsn, [cdn])
    cdn.answer = lambda names: None
    assert settle(dsn, [cdn]) == (1, 0, ())


def test_with_time_to_wait_it_goes_on_until_what_was_due_is_done(dsn: str) -> None:
    failures = [PurgeError("Away."), PurgeError("Busy.", retry_after_s=0.01), QuotaError("Spent.", retry_after_s=0.05)]

    def recovers(names: Sequence[Name]) -> None:
        if failures:
            raise failures.pop(0)

    cdn = Recorder(answer=recovers)
    owe(dsn, [cdn], 1, [changed(n) for n in range(25)])
    done = settle(dsn, [cdn], wait_s=20, chance=lambda: 0.0)
    assert (done.sent, done.left, done.errors) == (25, 0, ("Away.", "Busy."))
    assert len(_debts(dsn, again=True)) == 3, "what was not due is not waited for"


def test_a_quota_delays_and_is_no_failure(dsn: str) -> None:
    def spent(names: Sequence[Name]) -> None:
        raise QuotaError("Spent.", retry_after_s=30)

    cdn = Recorder(answer=spent)
    owe(dsn, [cdn], 1, [changed(n) for n in range(25)])
    assert settle(dsn, [cdn]) == (0, 3, ())
    assert [(tries, why) for _, tries, why in _debts(dsn)] == [(0, "Spent.")] * 3


def test_debts_to_a_cdn_that_is_named_no_more_are_kept_and_told(dsn: str) -> None:
    owe(dsn, [Recorder("fastly")], 1, [changed(1)])
    (error,) = settle(dsn, []).errors
    assert "2 purges are owed to fastly" in error
    assert "LECTERN_CDN" in error
    assert sql(dsn, "SELECT count(*) FROM live.debt") == [(2,)]


# announcing -------------------------------------------------------------------------------------

def test_announcing_waits_for_nobody_and_raises_nothing() -> None:
    go, asked = threading.Event(), threading.Event()

    def hangs(names: Sequence[Name]) -> None:
        asked.set()
        assert go.wait(10)

    slow, away = Recorder("fastly", answer=hangs), Recorder("varnish", answer=_failing)
    for _ in range(100):  # more than there are threads for
        announce([slow, away], ["/videos/new/"])
    assert asked.wait(10)
    assert slow.requests == []
    go.set()
    wait_until(lambda: not [t for t in threading.enumerate() if t.name.startswith("announce-")], what="the end of the announcements")
    assert 1 <= len(slow.requests) <= 8


def test_announced_are_urls_in_requests_that_the_cdn_takes() -> None:
    cdn = Recorder(can=Abilities(tags_a_request=5, urls_a_request=2, budget_names=5))
    announce([cdn], ["/a/", "/b/", "/c/", "/d~/"])
    wait_until(lambda: len(cdn.requests) == 2, what="two announcements")
    assert cdn.requests == [["url:/a/", "url:/b/"], ["url:/c/"]]


def test_who_bills_each_name_or_counts_requests_is_not_told_beforehand() -> None:
    bills = Recorder(can=Abilities(tags_a_request=5, urls_a_request=5, budget_names=5, usd_a_name=0.005))
    counts = Recorder(can=Abilities(tags_a_request=5, urls_a_request=5, budget_names=5, rate=Rate(0.1, 25)))
    free = Recorder()
    announce([bills, counts, free], ["/a/"])
    wait_until(lambda: bool(free.requests) and not [t for t in threading.enumerate() if t.name.startswith("announce-")],
               what="the announcement")
    assert bills.requests == counts.requests == []


def test_a_takedown_names_groups_itself(dsn: str) -> None:
    cdn = Recorder()
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        assert purge.owe_names(cursor, cdn, 1, [tag("video:831")]) == 1
    assert settle(dsn, [cdn]).sent == 1
    assert cdn.names == ["tag:video:831"]


def test_a_release_of_more_objects_than_are_folded_at_once_names_everything(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purge, "FOLDED", 10)
    cdn = Recorder()
    with closing(psycopg2.connect(dsn)) as connection:
        assert purge.owe_release(connection, [cdn], 1, 11, uncertain=False) == 1
        connection.commit()
    assert settle(dsn, [cdn]).sent == 1
    assert cdn.names == ["all"]
