"""The last writer wins: any batches, in any order, as often as they like, come to what one look at all entries says."""
from __future__ import annotations

from contextlib import closing

import psycopg2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.me.progress import record
from api.me.shapes import Entry
from tests.api.students import fill, sql

ENTRIES = st.builds(
    Entry, video=st.integers(1, 3), position_s=st.integers(0, 8).map(lambda n: n / 2), at_ms=st.integers(0, 6),
    completed=st.sampled_from([None, True, False]))
BATCHES = st.lists(st.lists(ENTRIES, max_size=6), max_size=6)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=BATCHES, data=st.data())
def test_batches_in_any_order_come_to_what_all_entries_say(batches: list[list[Entry]], data: st.DataObject, dsn: str) -> None:
    if not sql(dsn, "SELECT 1 FROM catalog.course"):
        fill(dsn)
    repeated = [*batches, *data.draw(st.lists(st.sampled_from(batches), max_size=3) if batches else st.just([]))]
    order = data.draw(st.permutations(repeated))
    (account,), = sql(dsn, "INSERT INTO student.account (email) SELECT 'a' || count(*) || '@x' FROM student.account RETURNING id")
    with closing(psycopg2.connect(dsn)) as connection:
        for batch in order:
            with connection, connection.cursor() as cursor:
                assert record(cursor, account, batch) == ()
    rows = sql(dsn, "SELECT video_id, position_s, (extract(epoch FROM at) * 1000)::int, completed FROM student.progress "
                    "WHERE account_id = %s ORDER BY video_id", account)
    assert rows == _model([entry for batch in batches for entry in batch])


def _model(entries: list[Entry]) -> list[tuple[int, float, int, bool]]:
    found = []
    for video in sorted({entry.video for entry in entries}):
        of_it = [entry for entry in entries if entry.video == video]
        at_ms, position_s = max((entry.at_ms, entry.position_s) for entry in of_it)
        ticks = [(entry.at_ms, entry.completed) for entry in of_it if entry.completed is not None]
        found.append((video, position_s, at_ms, bool(ticks and max(ticks)[1])))
    return found
