"""What the feed costs editors: 32 of them, each updating single videos and committing, with the feed's triggers and without;
and what of that its bell costs. (A NOTIFY in every transaction took 70 to 87 % of their rate: each holds one lock until it is on the disk.)

They never think and share the machine's cores with the server, so each microsecond of CPU counts: an UPDATE and its
COMMIT cost the server some 250 us with 32 sessions, a trigger that appends a row and does nothing else 40 more.

Run as ``python -m tests.bench.feed``. The server is the embedded one with the settings that it has in use, durability included,
and a listener is awake, for nobody hears a bell otherwise. The writers keep their sessions, as a pool does.
"""
from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import psycopg2

from builder.bell import Bell
from builder.embedded import ensure
from builder.migrate import migrate
from tests.bench.measure import Row, report, row

WRITERS = 32
PER_WRITER = 250  # videos of its own, so that no writer waits for another's row
TURNS = 5
EDITS = 60  # a writer and a turn
GOAL = 0.9
_TITLE = "UPDATE catalog.video SET title = 'Lecture ' || %s WHERE id = %s"
_WORDS = "UPDATE catalog.video SET description = 'About ' || %s WHERE id = %s"
# What is edited, and what is switched off for the peer.
_CASES = (
    ("titles", _TITLE, "feed", "catalog.video", "feed_update"),
    ("descriptions", _WORDS, "feed", "catalog.video", "feed_update"),
    ("descriptions", _WORDS, "bell", "catalog.change", "ring_bell"),
)


def measure(dsn: str, *, turns: int = TURNS, edits: int = EDITS) -> list[Row]:
    """A row a case: edits a second with the feed or with its bell, and without it as the peer.

    *dsn* leads to an empty database of its own, which is migrated and filled here.
    """
    migrate(dsn)
    _fill(dsn)
    rows = []
    with ExitStack() as open_now:
        writers = [open_now.enter_context(closing(psycopg2.connect(dsn))) for _ in range(WRITERS)]
        owner = open_now.enter_context(closing(psycopg2.connect(dsn)))
        owner.autocommit = True
        open_now.enter_context(_listening(dsn))
        for what, statement, part, table, trigger in _CASES:
            rates: dict[bool, list[float]] = {True: [], False: []}
            for turn in range(-1, turns):
                for on in (turn % 2 == 0, turn % 2 != 0):
                    _switch(owner, table, trigger, on=on)
                    rate = _turn(writers, statement, f"{part} {turn} {on}", edits)
                    if turn >= 0:  # the first turn warms sessions and caches
                        rates[on].append(rate)
            _switch(owner, table, trigger, on=True)
            rows.append(row(f"32 writers, {what}, {part}", "edits/s", rates[True], f"{GOAL:g} of the rate without",
                            lambda _, ratio: ratio is not None and ratio >= GOAL, peer=rates[False], peer_name=f"without {part}"))
    return rows


def _turn(writers: Sequence[Any], statement: str, word: str, edits: int) -> float:
    """Edits a second of all writers together."""
    start = threading.Barrier(len(writers) + 1)

    def write(number: int, connection: Any) -> None:
        with connection.cursor() as cursor:
            start.wait()
            for edit in range(edits):
                cursor.execute(statement, (f"{word} {edit}", 1 + number * PER_WRITER + edit % PER_WRITER))
                connection.commit()

    threads = [threading.Thread(target=write, args=pair) for pair in enumerate(writers)]
    for thread in threads:
        thread.start()
    start.wait()
    started = time.perf_counter()
    for thread in threads:
        thread.join()
    return len(writers) * edits / (time.perf_counter() - started)


def _switch(owner: Any, table: str, trigger: str, *, on: bool) -> None:
    with owner.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} {'ENABLE ALWAYS' if on else 'DISABLE'} TRIGGER {trigger}")
        cursor.execute("TRUNCATE catalog.change")
        cursor.execute("VACUUM catalog.video")
        cursor.execute("CHECKPOINT")


class _listening:
    """A worker's ear, which hears and does nothing."""

    def __init__(self, dsn: str) -> None:
        self._bell = Bell(dsn)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._hear)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._bell.close()

    def _hear(self) -> None:
        while not self._over.is_set():
            self._bell.wait(0.2)
            self._over.wait(0.02)  # a release takes its time


def _fill(dsn: str) -> None:
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO catalog.course (id, slug, title) VALUES (1, 'course', 'Course')")
        cursor.execute("""INSERT INTO catalog.batch (id, course_id, slug, title)
            SELECT n, 1, 'batch-' || n, 'Batch ' || n FROM generate_series(0, %s) n""", (WRITERS,))
        cursor.execute("""INSERT INTO catalog.video (id, slug, title, status, batch_id, position, duration_s, description)
            SELECT n, 'lecture-' || n, 'Lecture ' || n, 'published', n / %s, n, 600, repeat('about it ', 100)
            FROM generate_series(1, %s) n""", (PER_WRITER, WRITERS * PER_WRITER))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--turns", type=int, default=TURNS)
    arguments.add_argument("--edits", type=int, default=EDITS)
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="lectern-bench-") as data, ensure(Path(data), keeper=True) as server:
        report("feed", measure(server.dsn, turns=chosen.turns, edits=chosen.edits))


if __name__ == "__main__":
    main()
