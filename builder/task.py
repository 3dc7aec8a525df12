"""What passes from one step of a release to the next; plain values, since some cross processes."""
from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from builder.catalog.text import CleanText
from builder.pages.page import Site
from edge.store.port import Put


class Want(NamedTuple):
    """What a release is to be of."""

    everything: bool
    trusted: bool  # the store holds what the manifest says
    full: bool = False  # all rendered, and not only what differs by its keys
    guarded: bool = False
    slice: Sequence[Task] = ()
    gone: bool = False  # of the "gone" objects, all that were made with something else
    changed: frozenset[int] | None = None  # instead of what the feed has
    units: frozenset[int] = frozenset()  # of a takedown: these and no others, gone at once

    @property
    def apart(self) -> bool:
        """Whether waiting changes, and what earlier releases left to do, stay for the release after this one."""
        return self.changed is not None


class Job(NamedTuple):
    """What every task of one release shares; small, since each task carries it."""

    dsn: str
    snapshot: str  # as pg_export_snapshot names it; "" to read the present
    site: Site
    profile: str
    write_number: int
    fingerprints: Mapping[str, str]  # hex, by kind of page
    compare: bool  # the manifest has rows; on a first build it is locked and must not be asked
    trust: bool  # the store holds what the manifest says: what came out identical is left out
    retire: bool = True  # redirects take the place of pages now; False: they are owed until the purge is acknowledged


class Task(NamedTuple):
    """Units of one part of the site. Their pages are rendered where they are new, of another shape than the live ones,
    made with something else, or bear one of the *dirty* keys; all of them where that is None.
    """

    part: str
    units: list[int]
    dirty: frozenset[int] | None = None


class Failure(NamedTuple):
    """A page that could not be rendered, set aside so that the rest goes live; no path where a whole unit failed."""

    path: str
    kind: str
    why: str
    unit: int = 0  # packed


class Batch(NamedTuple):
    """What a task made: puts by upload order, pickled, and manifest rows for COPY."""

    puts: dict[int, bytes]
    rows: bytes
    paths: list[str]  # all that stand, those left as they are too
    rendered: int
    changed: int
    size_bytes: int
    failures: list[Failure]
    owed: list[int]  # packed units whose redirects wait for the purge of the pages that they replace
    texts: dict[bytes, CleanText]


def unpack(blob: bytes) -> Sequence[Put]:
    """The puts of one order of a Batch."""
    puts: Sequence[Put] = pickle.loads(blob)  # our own worker's, over our own pipe
    return puts
