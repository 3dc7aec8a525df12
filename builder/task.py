"""What passes between plan, render and release; plain values, since they cross processes."""
from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import NamedTuple

from builder.catalog.text import CleanText
from builder.pages.page import Site
from edge.store.port import Object


class Job(NamedTuple):
    """What every task of one release shares; small, since each task carries it."""

    dsn: str
    snapshot: str  # as pg_export_snapshot names it; "" to read the present
    site: Site
    profile: str
    write_number: int
    fingerprint: bytes
    compare: bool  # the manifest has rows; on a first build it is locked and must not be asked
    trust: bool  # the store holds what the manifest says: what came out identical is left out


class Task(NamedTuple):
    """Units of one part of the site."""

    part: str
    units: list[int]


class Failure(NamedTuple):
    """A page that could not be rendered, set aside so that the rest goes live."""

    path: str
    kind: str
    why: str


class Batch(NamedTuple):
    """What a task made: objects by upload order, pickled, and their manifest rows for COPY."""

    objects: dict[int, bytes]
    rows: bytes
    paths: list[str]  # all that came out, the identical ones too
    kinds: dict[str, int]
    changed: int
    size_bytes: int
    failures: list[Failure]
    texts: dict[bytes, CleanText]


def unpack(blob: bytes) -> Sequence[Object]:
    """The objects of one order of a Batch."""
    objects: Sequence[Object] = pickle.loads(blob)  # our own worker's, over our own pipe
    return objects
