"""What nobody has measured yet: how students behave, and how a site is made up. Every value is shown with a plan, and each is an option."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any


def _of(value: float, least: float, most: float, why: str) -> Any:
    """A field with its bounds and what it means, for the option and for the report."""
    return field(default=value, metadata={"least": least, "most": most, "why": why})


@dataclass(frozen=True, slots=True)
class Assumptions:
    """The names are those of the options of `capacity`, with `-` for `_`."""

    think_s: float = _of(120, 1, 7200, "seconds from one page to the next: part of a lecture is watched between them")
    pages_a_visit: float = _of(8, 1, 1000, "pages of one visit")
    signed_in: float = _of(0.8, 0, 1, "share of students who are signed in: only they ask the API")
    overlay_a_page: float = _of(1, 0, 20, "overlays asked for by a page of a signed-in student; one that the browser has kept is "
                                "asked for again")
    watching: float = _of(0.7, 0, 1, "share of those signed in who watch a lecture")
    progress_s: float = _of(300, 5, 3600, "seconds of watching between two writes of one's place; the player's own interval")
    log_ins_a_visit: float = _of(0.1, 0, 10, "log-ins a visit; a session holds for weeks")
    pictures_a_page: float = _of(4, 0, 500, "pictures of a page that this browser has not kept: they load as they come into view")
    picture_bytes: int = _of(12_000, 100, 10_000_000, "bytes of one: a card's 320 by 180 pixels as JPEG")
    new_visitors: float = _of(0.2, 0, 1, "share of visits whose browser has not kept scripts, styles and fonts")
    videos: int = _of(8500, 1, 1_000_000, "published videos; the sample of PyCon talks that the figures in docs/performance.md are of")
    lists: int = _of(250, 1, 1_000_000, "home, courses and batches: what bears the shorter time")
    list_views: float = _of(0.3, 0, 1, "share of pages seen that are of these")
    zipf: float = _of(0.8, 0, 3, "how unequally pages are asked for; 0.64 to 0.83 in six traces of Breslau et al., \"Web Caching and "
                      "Zipf-like Distributions\", INFOCOM 1999")
    points: int = _of(20, 1, 1000, "caches that fetch for themselves, of equal load: points of presence, or regional caches before them")
    publishes_a_day: float = _of(500, 0, 1_000_000, "releases a day, the hourly refresh's too")
    pages_a_publish: float = _of(12, 0, 1_000_000, "pages purged by one; an edit of a video reaches about a dozen")
    busy_hours: float = _of(5, 0.1, 24, "hours of such a peak that a day's whole traffic comes to")
    utilisation: float = _of(0.7, 0.1, 1, "share of a processor that may be busy at the peak; the alarm is at 0.8")
    max_connections: int = _of(100, 10, 100_000, "max_connections of PostgreSQL; 100 is its default")
    database_cores: int = _of(32, 1, 1000, "processors of the largest machine that the database is to have")
    redis_gb: float = _of(13, 0.1, 10_000, "memory of one Redis, in GB; with more than about this it wants to be a cluster")

    def changed(self, given: Mapping[str, float | None]) -> Assumptions:
        """These with the values that are *given* by name; None leaves one as it is."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return Assumptions(**(values | {name: value for name, value in given.items() if value is not None}))
