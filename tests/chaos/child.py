"""A builder that is a process of its own, and ends itself by SIGKILL at the call that the script says."""
from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path

import psycopg2

from edge.cdn.port import Name
from edge.store.sqlite import SQLiteStore
from tests.chaos.cdn import ChaosPurger, Edge
from tests.chaos.database import Lines
from tests.chaos.fate import Fate, Fault
from tests.chaos.store import ChaosFile, ChaosStore
from tests.chaos.world import FAILURES, Builder, quickened

PATIENCE_S = 60.0


class _Deaf(Edge):
    """An edge that the process has to itself: what it is asked matters to nobody afterwards."""

    def purge(self, names: Sequence[Name]) -> None:
        """Acknowledged."""


def killed(dsn: str, file: Path, faults: Mapping[int, Fault], *, cdns: int, atomic: bool) -> int:
    """Start a builder in a process of its own, with *faults* by call number; it publishes. Returns its exit code, -9 for a kill."""
    process = get_context("spawn").Process(target=_publish, args=(dsn, file, dict(faults), cdns, atomic))
    process.start()
    process.join(PATIENCE_S)
    assert process.exitcode is not None, "the builder neither ended nor died"
    return process.exitcode


def _publish(dsn: str, file: Path, faults: dict[int, Fault], cdns: int, atomic: bool) -> None:
    with quickened(), closing(SQLiteStore(file)) as store:
        fate = Fate(faults, kill=lambda: os.kill(os.getpid(), signal.SIGKILL))
        wrapped = ChaosFile(store, fate=fate) if atomic else ChaosStore(store, fate=fate)
        purgers = [ChaosPurger(_Deaf(name, store), fate) for name in ("varnish", "fastly")[:cdns]]
        with Lines(dsn, fate).instead():
            try:
                Builder(dsn, wrapped, purgers).publish()
            except (*FAILURES, psycopg2.DatabaseError):
                sys.exit(1)
