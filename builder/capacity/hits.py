"""How often an edge has a page: a cache that keeps each object for a time, asked at random.

Requests for one page come as a Poisson process of rate λ. A page that was fetched is kept for T, or until a purge, which come at rate
μ: for L = (1 − e^(−μT)) / μ on average. A cycle is one fetch, λL requests that find it, and the wait for the next request. So a share of
1 / (1 + λL) of all requests is a fetch; without purges that is the known λT / (1 + λT) of hits (Jung, Berger, Balakrishnan: "Modeling
TTL-based Internet Caches", INFOCOM 2003). Space is never short: a whole site fits into an edge's memory.

A page may be shown for a moment G past T while it is fetched anew: that fetch nobody waits for. It is one for the store all the same.
"""
from __future__ import annotations

from collections.abc import Sequence
from math import exp, expm1
from typing import NamedTuple


class Share(NamedTuple):
    """Of all requests to one cache: *hit* were answered at once, *fetched* cost the store a request; both at most 1."""

    hit: float
    fetched: float


def page(asked_per_s: float, kept_s: float, stale_s: float = 0.0, purged_per_s: float = 0.0) -> Share:
    """The shares for one page in one cache."""
    if asked_per_s <= 0:
        return Share(0.0, 1.0)
    life_s = -expm1(-purged_per_s * kept_s) / purged_per_s if purged_per_s > 0 else kept_s
    outlived = exp(-purged_per_s * kept_s)  # cycles whose copy was not purged within its time
    # After its time: a request within the moment finds it stale, a purge before that takes it away.
    either_per_s = asked_per_s + purged_per_s
    shown_stale = outlived * asked_per_s / either_per_s * -expm1(-either_per_s * stale_s)
    fetched = 1 / (1 + asked_per_s * life_s)
    return Share(1 - fetched * (1 - shown_stale), fetched)


def pages(asked_per_s: float, popularity: Sequence[float], kept_s: float, stale_s: float = 0.0, purged_per_s: float = 0.0) -> Share:
    """The shares for many pages in one cache that is asked *asked_per_s* in all. *purged_per_s*: of each page."""
    hit = fetched = 0.0
    for share in popularity:
        one = page(asked_per_s * share, kept_s, stale_s, purged_per_s)
        hit += share * one.hit
        fetched += share * one.fetched
    return Share(hit, fetched)


def zipf(count: int, exponent: float) -> list[float]:
    """The popularity of *count* pages, the most asked first; in sum 1. The n-th is asked for in proportion to n^(−exponent)."""
    weights = [n**-exponent for n in range(1, count + 1)]
    total = sum(weights)
    return [weight / total for weight in weights]
