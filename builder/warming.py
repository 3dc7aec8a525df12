"""After a purge of much, the pages that most readers ask for are fetched through the edge before the crowd does.

Best effort: no row is owed, and no release, purge or receipt waits for it. What is most watched is a student's own data, of which
the builder knows nothing; so it goes by what the site shows first: its home, lists, newest lectures. It reaches the edge that
answers here at the site's address: at a CDN one point of presence, and the shield behind it.
"""
from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Final

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import make_dsn

from builder.background import Background, Tell
from builder.probe import Probe
from edge.cdn.port import ALL, Name, Purger
from edge.tiers import PROFILES

PAGES = 300  # a warming; the rest of a site is asked for by few at once, and the edge collapses those
MUCH = 100
"""Names in one purge, from which on readers would feel that it was much; so would they of a group of objects."""
ENCODINGS = ("gzip", "")  # what most readers' browsers ask for, and who asks for none
SHARE = 10
"""A second's requests are a tenth of what the edge may ask the origin at once: readers come first."""
GIVE_UP = 3  # questions in a row without an answer
_REST_S = 3_600.0
_KINDS: Final = ["home", "asset", "web_manifest", "icon", "worker", "speculation", "courses", "batches", "videos", "search", "index",
                 "course", "batch"]

# Purpose: the pages that most readers ask for: what each page needs, what leads on, the newest lectures; the nearest to the root first.
_PAGES = """
    SELECT path FROM (
        SELECT path, array_position(%(kinds)s, kind) AS rank, length(path)::bigint AS place FROM live.object WHERE kind = ANY(%(kinds)s)
        UNION ALL
        SELECT o.path, array_position(%(kinds)s, 'course'), -n.number FROM (
            SELECT n.item_id, n.number FROM live.list_number n JOIN catalog.video v ON v.id = n.item_id AND v.status = 'published'
            WHERE n.list = 11 ORDER BY n.number DESC LIMIT %(most)s) n
        JOIN live.object o ON o.kind = 'video' AND o.keys @> ARRAY[n.item_id << 8 | 9]) one
    ORDER BY rank, place, path LIMIT %(most)s"""


class Warmer(Background):
    """Warms the edge each time that it is told that much was purged; a purge meanwhile starts it over."""

    def __init__(self, dsn: str, edge: Probe, profile: str, tell: Tell) -> None:
        super().__init__("warmer")
        self._dsn = make_dsn(dsn, application_name="lectern warmer")
        self._edge, self._tell = edge, tell
        self._pause_s = SHARE / PROFILES[profile].origin_connections
        self._due = threading.Event()

    def purged(self, names: Sequence[Name]) -> None:
        """An edge has acknowledged that it forgot *names*."""
        if ALL in names or len(names) >= MUCH or any(name.kind == "tag" and ":" in name.value for name in names):
            self._due.set()
            self.poke()

    def run(self) -> None:
        while not self.ending.is_set():
            if self._due.is_set():
                self._due.clear()
                self._warm()
            else:
                self.rest(_REST_S)

    def _warm(self) -> None:
        try:
            with closing(psycopg2.connect(self._dsn)) as connection:
                paths = pages(connection)
        except psycopg2.Error:  # the worker says that the database is away, and nothing here is owed
            return
        begun, silent = time.monotonic(), 0
        for path in paths:
            for encoding in ENCODINGS:
                if self._due.is_set() or self.ending.wait(self._pause_s):
                    return
                silent = silent + 1 if self._edge.ask(path, encoding) is None else 0
                if silent == GIVE_UP:
                    self._tell(f"warm.gave_up why={f'{self._edge.url} does not answer'!r}")
                    return
        self._tell(f"warm.done pages={len(paths)} ms={(time.monotonic() - begun) * 1000:.0f}")


class Noticed:
    """A purger that tells what it has purged."""

    def __init__(self, purger: Purger, told: Callable[[Sequence[Name]], None]) -> None:
        self._purger, self._told = purger, told
        self.name, self.can, self.again_after_s = purger.name, purger.can, purger.again_after_s
        self.spell, self.takes = purger.spell, purger.takes

    def purge(self, names: Sequence[Name]) -> None:
        """See the port."""
        self._purger.purge(names)
        self._told(names)


def pages(connection: Connection) -> list[str]:
    """Paths of the live pages that most readers ask for, the most asked first, at most PAGES."""
    with connection, connection.cursor() as cursor:
        cursor.execute(_PAGES, {"kinds": _KINDS, "most": PAGES})
        return list(dict.fromkeys(path for (path,) in cursor))
