"""Clean texts made ahead of the first build, in processes beside the import that brings their sources."""
from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

from psycopg2.extras import execute_values

from builder.catalog.text import CleanText, clean, text_hash
from builder.child import begin

PROCESSES = 2
_TOGETHER = 100  # texts a task: a tenth of a second of work
_KNOWN = "SELECT hash, note FROM live.clean_text WHERE hash = ANY(%s)"
_KEEP = "INSERT INTO live.clean_text (hash, html, plain, note) VALUES %s ON CONFLICT (hash) DO NOTHING"


class TextPool:
    """Takes sources while they are read, converts those that are not known yet, and keeps them at the end."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._waiting: dict[bytes, tuple[str, str]] = {}
        self._seen: set[bytes] = set()
        self._notes: dict[bytes, str] = {}
        self._tasks: list[Future[list[tuple[bytes, CleanText]]]] = []

    def offer(self, cursor: Any, source: str, markup: str) -> bytes:
        """Convert *source*, unless it was offered before or is known. Returns its hash."""
        hash = text_hash(source, markup)
        if hash not in self._seen:
            self._seen.add(hash)
            self._waiting[hash] = (source, markup)
            if len(self._waiting) >= _TOGETHER:
                self._send(cursor)
        return hash

    def finish(self, cursor: Any) -> Iterator[tuple[int, int]]:
        """Keep what was made; yields (done, total) on the way. A few texts alone are made here: no process is worth them."""
        if self._waiting and self._pool is None:
            self._drop_known(cursor)
        if self._waiting and self._pool is None:
            here = Future[list[tuple[bytes, CleanText]]]()
            here.set_result(_make(list(self._waiting.items())))
            self._tasks.append(here)
            self._waiting = {}
        self._send(cursor)
        total = len(self._tasks)
        for n in range(total):
            made = self._tasks[n].result()
            self._tasks[n] = Future()  # its texts may be forgotten
            execute_values(cursor, _KEEP, [(hash, *text) for hash, text in made])
            self._notes.update((hash, text.note) for hash, text in made if text.note)
            yield n + 1, total
        self._tasks.clear()

    def notes(self) -> dict[bytes, str]:
        """By hash, why the markup of a text offered was not followed. Whole after :meth:`finish`."""
        return self._notes

    def close(self) -> None:
        """End the processes; what they have not begun is dropped."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _drop_known(self, cursor: Any) -> None:
        cursor.execute(_KNOWN, (list(self._waiting),))
        for hash, note in cursor.fetchall():
            self._waiting.pop(bytes(hash))
            if note:
                self._notes[bytes(hash)] = note

    def _send(self, cursor: Any) -> None:
        if not self._waiting:
            return
        self._drop_known(cursor)
        if self._waiting:
            if self._pool is None:
                self._pool = ProcessPoolExecutor(PROCESSES, get_context("forkserver"), initializer=begin)
            self._tasks.append(self._pool.submit(_make, list(self._waiting.items())))
            self._waiting = {}


def _make(texts: list[tuple[bytes, tuple[str, str]]]) -> list[tuple[bytes, CleanText]]:
    return [(hash, clean(source, markup)) for hash, (source, markup) in texts]
