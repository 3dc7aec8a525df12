"""Knows when a file under a folder changes, by looking: no two systems tell alike, and a few dozen files are soon looked at."""
from __future__ import annotations

import os
import threading
import time
from pathlib import Path

LOOK_S = 0.05  # a look costs under a millisecond
_Seen = dict[str, tuple[int, int]]


class Watching:
    """The folder's version: another number after each change, and none that an earlier run had."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen = _look(folder)
        self._changed = threading.Condition()
        self.version = time.time_ns() // 1_000_000

    def start(self) -> None:
        """Look from now on, in a thread that ends with the process."""
        threading.Thread(target=self._watch, daemon=True).start()

    def wait(self, version: int, most_s: float) -> int:
        """The version, as soon as it is another one than *version*, or after *most_s* seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self.version != version, most_s)
            return self.version

    def _watch(self) -> None:
        while True:
            time.sleep(LOOK_S)
            now = _look(self._folder)
            if now != self._seen:
                self._seen = now
                with self._changed:
                    self.version += 1
                    self._changed.notify_all()


def _look(folder: Path) -> _Seen:
    """Each file's time and size. What an editor leaves beside (``.x.swp``, ``x~``) is none of ours."""
    found: _Seen = {}
    for place, _, names in os.walk(folder):
        for name in names:
            if name.startswith(".") or name.endswith("~"):
                continue
            try:
                stat = os.stat(os.path.join(place, name))
            except FileNotFoundError:  # an editor that writes beside and renames
                continue
            found[os.path.join(place, name)] = (stat.st_mtime_ns, stat.st_size)
    return found
