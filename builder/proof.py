"""The proof of a takedown: what store and edge answer for each address, in every encoding that an edge may hold apart.

An edge is asked again until it says that the thing is gone, for a purge takes its time; when the time is over, what it said last counts.
Silence proves nothing: who did not answer, or was not asked in time, has status 0.
"""
from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import NamedTuple

from builder.probe import ENCODINGS, Edge
from edge.address import Path, key_of
from edge.store.port import Store

GONE = (404, 410)
PROOF_S = 60.0  # the 4,000 addresses of a batch of 1,000 videos, three times each, are asked of a CDN in half of it
ASKERS = 8  # connections at once: a takedown is no load test
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0


class Proof(NamedTuple):
    """What one place answers for one path now: an HTTP status; 0 where nobody answered."""

    where: str
    encoding: str
    status: int

    @property
    def gone(self) -> bool:
        """Whether it says that nothing is there."""
        return self.status in GONE


def at_store(store: Store, paths: Sequence[str]) -> list[Proof]:
    """What the store has at each path: an absent object is 404. Raises StoreError."""
    found = []
    for path in paths:
        thing = store.get(key_of(Path(path)))
        found.append(Proof(f"store {path}", "identity", thing[0].status if thing else 404))
    return found


def at_edge(base_url: str, paths: Sequence[str], *, again: bool, wait_s: float) -> list[Proof]:
    """What readers are told at each path. With *again*, those that are not gone are asked until they are, or *wait_s* is over; a path
    that was not asked by then has status 0. Takes a slow edge's one answer more at most."""
    end = time.monotonic() + wait_s
    found = {path: [_silence(base_url, path, encoding) for encoding in ENCODINGS] for path in paths}
    waiting, pause_s = list(found), _FIRST_PAUSE_S
    while waiting:
        shares = [share for n in range(ASKERS) if (share := waiting[n::ASKERS])]
        with ThreadPoolExecutor(len(shares), thread_name_prefix="proof") as threads:
            for part in threads.map(lambda share: _ask_some(base_url, share, end), shares):
                found |= part
        waiting = [path for path in waiting if not all(one.gone for one in found[path])]
        if not again or time.monotonic() + pause_s >= end:
            break
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.6, _LONGEST_PAUSE_S)
    return [one for path in found for one in found[path]]


def ask_edge(edge: Edge, path: str) -> list[Proof]:
    """What the edge says of a path, in every encoding that it may hold it in."""
    answers = [(encoding, edge.ask(path, encoding)) for encoding in ENCODINGS]
    return [_silence(edge.url, path, encoding)._replace(status=answer.status if answer else 0) for encoding, answer in answers]


def _ask_some(base_url: str, paths: Sequence[str], end: float) -> dict[str, list[Proof]]:
    found = {}
    with closing(Edge(base_url)) as edge:
        for path in paths:
            if time.monotonic() >= end:
                break
            found[path] = ask_edge(edge, path)
    return found


def _silence(base_url: str, path: str, encoding: str) -> Proof:
    return Proof(base_url + path, encoding or "identity", 0)
