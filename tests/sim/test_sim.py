"""The simulation keeps what must hold of any cache, agrees with the closed formula, and with a real Varnish on a small sample."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from builder.capacity import hits
from edge.tiers import DAY_S, PROFILES
from tests.sim.cache import Served, serve
from tests.sim.sample import compare, sample
from tests.sim.varnish import SHORT, compressed, varnish
from tests.sim.world import Floats, Ints, Purged, Rules, World, asked, popularity, purged, rules

SMALL = World(students=3_000, lists=20, videos=300, publishes=100, pages_a_publish=6, refreshed_an_hour=5, points=(1.0,))
NO_PURGE = Purged(np.zeros(0), np.zeros(0, np.int64))


def chance(seed: int = 5) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that Varnish's own account may read."""
    with tempfile.TemporaryDirectory(prefix="lectern-sim-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def plainly(at_s: Floats, page: Ints, times: Rules, away: Purged) -> Served:
    """The rules once more, a request after the other, as anybody would write them."""
    until = dict.fromkeys(range(len(times.kept_s)), -1e9)
    events = sorted([(t, 0, p) for t, p in zip(away.at_s, away.page, strict=True)] + [(t, 1, p) for t, p in zip(at_s, page, strict=True)])
    fresh = stale = missed = 0
    fetched = []
    for now, kind, p in events:
        if kind == 0:
            until[p] = -1e9
            continue
        if now < until[p]:
            fresh += 1
            continue
        if now < until[p] + times.stale_s[p]:
            stale += 1
        else:
            missed += 1
        until[p] = now + times.kept_s[p]
        fetched.append(now)
    return Served(fresh, stale, missed, np.array(fetched))


@pytest.mark.parametrize("name", PROFILES)
def test_all_pages_at_once_come_to_what_one_request_after_the_other_does(name: str) -> None:
    world = World(students=400, lists=10, videos=100, publishes=60, points=(1.0,))
    chances = chance()
    here, away = asked(world, 1.0, chances), purged(world, chances)
    found, plain = serve(here.at_s, here.page, rules(world, name), away), plainly(here.at_s, here.page, rules(world, name), away)
    assert found[:3] == plain[:3]
    assert np.allclose(np.sort(found.fetched_at_s), np.sort(plain.fetched_at_s), atol=1e-3)


def test_each_request_has_one_end_and_each_fetch_one_reader() -> None:
    chances = chance()
    here, away = asked(SMALL, 1.0, chances), purged(SMALL, chances)
    found = serve(here.at_s, here.page, rules(SMALL, "1m"), away)
    assert found.asked == len(here.at_s) > 50_000
    assert len(found.fetched_at_s) == found.misses + found.stale
    assert found.misses >= len(np.unique(here.page)), "each page is fetched once at least"
    assert set(np.round(found.fetched_at_s, 3)) <= set(np.round(here.at_s, 3))
    assert here.at_s.max() < DAY_S


def test_pages_are_asked_for_as_often_as_their_popularity_says_and_hours_as_they_are_busy() -> None:
    here = asked(SMALL, 1.0, chance())
    shares = np.bincount(here.page, minlength=SMALL.pages) / len(here.page)
    assert np.abs(shares - popularity(SMALL))[:SMALL.lists].max() < 0.005
    hours = np.histogram(here.at_s, bins=24, range=(0, DAY_S))[0]
    assert hours[20] > 10 * hours[3]


def test_longer_times_fewer_purges_and_more_readers_never_make_it_worse() -> None:
    chances = chance()
    here, away = asked(SMALL, 1.0, chances), purged(SMALL, chances)
    ratios = [serve(here.at_s, here.page, rules(SMALL, name), away).hit_ratio for name in ("100k", "500k", "1m")]
    ratios.append(serve(here.at_s, here.page, rules(SMALL, "1m"), NO_PURGE).hit_ratio)
    assert ratios == sorted(ratios)
    few, many = (serve(of.at_s, of.page, rules(SMALL, "1m"), away).hit_ratio for of in (asked(SMALL, 0.1, chances), here))
    assert few < many


@pytest.mark.parametrize(("kept_s", "stale_s", "purges"), [(300.0, 0.0, 0), (300.0, 60.0, 0), (300.0, 0.0, 4_000), (1000.0, 100.0, 2_000)])
def test_even_traffic_meets_the_formula_that_capacity_uses(kept_s: float, stale_s: float, purges: int) -> None:
    world = World(lists=5, videos=95)
    chances, count = chance(), 200_000
    at_s = np.sort(chances.random(count) * DAY_S)
    page = np.searchsorted(np.cumsum(popularity(world)), chances.random(count)).clip(max=99)
    away = Purged(np.sort(chances.random(purges) * DAY_S), chances.integers(0, 100, purges))
    found = serve(at_s, page, Rules(np.full(100, kept_s), np.full(100, stale_s)), away)
    expected = hits.pages(count / DAY_S, [float(x) for x in popularity(world)], kept_s, stale_s, purges / 100 / DAY_S)
    assert found.hit_ratio == pytest.approx(expected.hit, abs=0.005)
    assert found.fetch_ratio == pytest.approx(expected.fetched, abs=0.005)


def test_a_real_varnish_does_with_a_sample_what_the_rules_predict(folder: Path) -> None:
    world = World(students=500, lists=40, videos=800, publishes=200, points=(1.0,))
    chances = chance()
    small = sample(world, asked(world, 1.0, chances), purged(world, chances), chances, hours=(16, 24), pages=0.6, factor=3_600)
    with compressed("1m", 3_600) as profile, varnish(folder, profile, world.lists) as edge:
        found = compare(world, profile, edge, small)
    assert SHORT not in PROFILES
    assert 1_000 < len(small.at_s) < 10_000
    assert len(small.purged.at_s) > 20
    assert 0.2 < found.measured.hit_ratio < 0.99, "or nothing is compared"
    assert found.predicted.hit_ratio == pytest.approx(found.measured.hit_ratio, abs=0.02)
    assert found.predicted.fetch_ratio == pytest.approx(found.measured.fetch_ratio, abs=0.02)
