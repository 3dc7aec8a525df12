"""One edge, event by event: what it does with each request, by the rules that its configuration follows.

A page is kept for its time and shown a moment longer while it is fetched; a purge is hard. Space is never short. The events of one page
do not touch another's, so all pages go forward together, from fetch to fetch: what lies between two fetches are hits.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tests.sim.world import Floats, Ints, Purged, Rules

_NEVER = 1e15


class Served(NamedTuple):
    """What became of each request, in their order; and each purge that took something away."""

    hits: int  # shown at once, fresh
    stale: int  # shown at once, past its time, and fetched for the next reader
    misses: int  # fetched while the reader waited
    fetched_at_s: Floats

    @property
    def asked(self) -> int:
        """All requests."""
        return self.hits + self.stale + self.misses

    @property
    def hit_ratio(self) -> float:
        """The share of requests for which nobody waited."""
        return (self.hits + self.stale) / max(1, self.asked)

    @property
    def fetch_ratio(self) -> float:
        """The share of requests that the store saw."""
        return (self.stale + self.misses) / max(1, self.asked)


def serve(at_s: Floats, page: Ints, rules: Rules, purged: Purged) -> Served:
    """What an edge that begins empty does with these requests. Neither needs to be in order."""
    if not len(at_s):
        return Served(0, 0, 0, np.zeros(0))
    width = float(max(at_s.max(), purged.at_s.max(initial=0.0)) + rules.kept_s.max() + rules.stale_s.max() + 1)
    keys = np.sort(page * width + at_s)  # one line of all pages' times, a page after the other
    purges = np.sort(purged.page * width + purged.at_s)
    owner = np.floor(keys / width).astype(np.int64)
    here = np.flatnonzero(np.diff(owner, prepend=-1))  # each page's first request
    end = np.searchsorted(keys, (owner[here] + 1) * width)
    stale, fetched = 0, [keys[here] - owner[here] * width]
    misses = len(here)
    while len(here):
        mine = owner[here]
        expires = keys[here] + rules.kept_s[mine]
        following = np.searchsorted(purges, keys[here], side="right")
        purge = np.append(purges, _NEVER)[following]
        there = np.searchsorted(keys, np.minimum(expires, purge))
        goes_on = there < end
        here, end, mine, expires, purge = there[goes_on], end[goes_on], mine[goes_on], expires[goes_on], purge[goes_on]
        shown = (keys[here] < purge) & (keys[here] < expires + rules.stale_s[mine])
        stale += int(shown.sum())
        misses += int((~shown).sum())
        fetched.append(keys[here] - mine * width)
    return Served(len(keys) - stale - misses, stale, misses, np.concatenate(fetched))
