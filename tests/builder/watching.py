"""A worker in a thread of the test's own, and how a test waits for what comes of it."""
from __future__ import annotations

import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from typing import Any

from builder import render
from builder.pages.page import Site
from builder.worker import Pace, Worker
from edge.cdn.port import Purger
from edge.errors import LecternError
from edge.store.port import Store
from edge.store.sqlite import SQLiteStore
from tests.site import Built, Inline

LONG_S = 20.0  # for what comes soon, or else never
with socket.create_server(("127.0.0.1", 0)) as _closed:
    NOWHERE = f"http://127.0.0.1:{_closed.getsockname()[1]}"
SITE = Site("Lectern", NOWHERE, 255)
NEVER_S = 3_600.0
USUAL = Pace()


class Watching:
    """A worker at work, and the lines that it has said."""

    def __init__(self, worker: Worker, lines: list[str]) -> None:
        self.worker, self.lines = worker, lines

    def said(self, event: str) -> list[str]:
        """The lines of one event."""
        return [line for line in self.lines if line.startswith(event)]


@contextmanager
def watching(site: Built, *, dsn: str = "", store: Store | None = None, purgers: Sequence[Purger] = (), pace: Pace = USUAL,
             made_for: Site = SITE) -> Iterator[Watching]:
    """A worker that is ready, until the block ends."""
    lines: list[str] = []
    ready = threading.Event()
    failed: list[BaseException] = []
    with nullcontext(store) if store else closing(SQLiteStore(site._file)) as opened:
        worker = Worker(dsn or site.dsn, opened, made_for, "100k", lambda: nullcontext(Inline()), purgers, pace=pace, tell=lines.append)

        def run() -> None:
            try:
                worker.run(ready.set)
            except BaseException as error:
                failed.append(error)
            finally:
                ready.set()
                render.close()

        thread = threading.Thread(target=run)
        thread.start()
        try:
            assert ready.wait(LONG_S), lines
            if failed:
                raise failed[0]
            yield Watching(worker, lines)
        finally:
            worker.stop()
            thread.join(LONG_S)
            assert not thread.is_alive(), (lines, _where(thread))
            if failed and not isinstance(failed[0], LecternError):
                raise failed[0]  # rather than what the test missed because of it


def _where(thread: threading.Thread) -> str:
    frame = sys._current_frames().get(thread.ident or 0)
    return "".join(traceback.format_stack(frame)) if frame else "it has ended since"


def until(condition: Callable[[], Any], within_s: float = LONG_S, why: object = "") -> float:
    """Wait until *condition* holds; return the seconds that it took."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < within_s, why
        time.sleep(0.005)
    return time.monotonic() - begun
