"""Who asks for what, when: a day of students, the editors' publishes, the hourly refresh. All times are seconds of that day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.tiers import BROWSER_S, DAY_S, HOUR_S, PROFILES, stale_s

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# How busy each hour of the day is, from midnight: lectures in the morning, homework in the evening, hardly anybody at night.
HOURS = (1.0, 0.6, 0.4, 0.3, 0.3, 0.5, 1.2, 2.5, 4.0, 5.5, 6.0, 5.5, 4.5, 4.0, 4.5, 5.0, 5.5, 6.0, 7.5, 9.0, 10.0, 8.5, 5.0, 2.5)
POINTS = (0.30, 0.20, 0.15, 0.12, 0.09, 0.07, 0.05, 0.02)  # share of the students that each edge has; they are not of one size
LISTS_A_PUBLISH = 2  # of the pages that one purges: the home page or a list, as an edit of a video reaches
HOT_LISTS = 20


@dataclass(frozen=True, slots=True)
class World:
    """What is simulated. The defaults are a million students; a test takes fewer."""

    students: int = 1_000_000
    visits_each: float = 3.0
    pages_a_visit: float = 8.0
    think_s: float = 120.0
    lists: int = 250
    videos: int = 17_000  # lectures, subjects, instructors
    list_views: float = 0.3
    zipf: float = 0.8
    publishes: int = 500
    pages_a_publish: int = 12
    refreshed_an_hour: int = 40
    points: tuple[float, ...] = POINTS

    @property
    def pages(self) -> int:
        """How many there are; the first `lists` of them are lists."""
        return self.lists + self.videos


class Asked(NamedTuple):
    """Requests that reach one edge, by time; and how many did not, since the browser still had the page."""

    at_s: Floats
    page: Ints
    in_browser: int


class Purged(NamedTuple):
    """What is purged when, at every edge, by time."""

    at_s: Floats
    page: Ints


class Rules(NamedTuple):
    """For how long an edge keeps each page, and shows it past that while it fetches."""

    kept_s: Floats
    stale_s: Floats


def rules(world: World, profile: str) -> Rules:
    """The tiers' own times in *profile*, a name of `edge.tiers.PROFILES`."""
    times = PROFILES[profile]
    is_list = np.arange(world.pages) < world.lists
    return Rules(np.where(is_list, times.catalog_s, times.metadata_s).astype(np.float64),
                 np.where(is_list, stale_s("catalog", profile), stale_s("metadata", profile)).astype(np.float64))


def popularity(world: World) -> Floats:
    """The share of all page views that each page has; in sum 1."""
    def zipf(count: int) -> Floats:
        weights: Floats = np.arange(1, count + 1, dtype=np.float64) ** -world.zipf
        weights /= weights.sum()
        return weights

    return np.concatenate([zipf(world.lists) * world.list_views, zipf(world.videos) * (1 - world.list_views)])


def asked(world: World, share: float, chance: np.random.Generator) -> Asked:
    """A day at the edge that has *share* of the students. Visits begin as hours are busy; what lies past midnight is left out."""
    visits = int(chance.poisson(world.students * share * world.visits_each))
    lengths = chance.geometric(1 / world.pages_a_visit, visits)
    visit = np.repeat(np.arange(visits), lengths)
    think = chance.exponential(world.think_s, len(visit))
    first = np.concatenate([[0], np.cumsum(lengths)[:-1]]) if visits else np.zeros(0, np.int64)
    think[first] = 0.0
    walked = np.cumsum(think)
    at_s = _begun(visits, chance)[visit] + walked - walked[first][visit]
    page = np.searchsorted(np.cumsum(popularity(world)), chance.random(len(visit)), side="right").clip(max=world.pages - 1)
    today = at_s < DAY_S
    again = np.zeros(len(visit), bool)
    again[1:] = (visit[1:] == visit[:-1]) & (page[1:] == page[:-1]) & (at_s[1:] - at_s[:-1] < BROWSER_S)
    kept = today & ~again
    order = np.argsort(at_s[kept], kind="stable")
    return Asked(at_s[kept][order], page[kept][order], int((today & again).sum()))


def purged(world: World, chance: np.random.Generator) -> Purged:
    """A day's purges: each publish names the pages of one edit, and every full hour the refresh those that it changed."""
    publishes = np.sort(chance.random(world.publishes) * DAY_S)
    lists = chance.integers(0, min(HOT_LISTS, world.lists), (world.publishes, LISTS_A_PUBLISH))
    others = chance.integers(world.lists, world.pages, (world.publishes, max(0, world.pages_a_publish - LISTS_A_PUBLISH)))
    hours = np.repeat(np.arange(1, DAY_S // HOUR_S) * float(HOUR_S), world.refreshed_an_hour)
    at_s = np.concatenate([np.repeat(publishes, lists.shape[1] + others.shape[1]), hours])
    page = np.concatenate([np.hstack([lists, others]).ravel(), chance.integers(world.lists, world.pages, len(hours))])
    order = np.argsort(at_s, kind="stable")
    return Purged(at_s[order], page[order])


def _begun(visits: int, chance: np.random.Generator) -> Floats:
    busy = np.concatenate([[0.0], np.cumsum(HOURS)])
    at_s: Floats = np.interp(chance.random(visits) * busy[-1], busy, np.arange(len(HOURS) + 1) * float(HOUR_S))
    return at_s
