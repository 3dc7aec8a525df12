"""A sample of an edge's day: all requests for some of its pages in some of its hours, compressed; and its way through rules and Varnish."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from edge.tiers import HOUR_S
from tests.sim.cache import Served, serve
from tests.sim.varnish import Edge, Replayed, replay
from tests.sim.world import Asked, Floats, Ints, Purged, World, rules


class Sample(NamedTuple):
    """Requests and purges from second 0 on, by time. Whole pages are in it, so each is asked for as often as in the whole day."""

    at_s: Floats
    page: Ints
    purged: Purged
    long_s: float


class Compared(NamedTuple):
    """The same requests, as the rules say and as Varnish did."""

    predicted: Served
    measured: Replayed


def sample(world: World, here: Asked, away: Purged, chance: np.random.Generator, *, hours: tuple[int, int], pages: float,
           factor: float) -> Sample:
    """The share *pages* of all pages, from the first of *hours* to the last, *factor* times as fast."""
    chosen = chance.random(world.pages) < pages
    begin, end = (hour * HOUR_S for hour in hours)

    def part(at_s: Floats, page: Ints) -> tuple[Floats, Ints]:
        kept = chosen[page] & (at_s >= begin) & (at_s < end)
        return (at_s[kept] - begin) / factor, page[kept]

    return Sample(*part(here.at_s, here.page), Purged(*part(*away)), (end - begin) / factor)


def compare(world: World, profile: str, edge: Edge, small: Sample, progress: Callable[[float], None] = lambda _: None) -> Compared:
    """*small* through a Varnish that is empty, and through the rules: the latter at the moments when the former was really asked."""
    measured = replay(edge, small.at_s, small.page, small.purged, progress)
    return Compared(serve(measured.at_s, measured.page, rules(world, profile), measured.purged), measured)
