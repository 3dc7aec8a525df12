"""Tiers, profiles and the exact Cache-Control values: the only place where a header value is decided.

A *tier* says how long an answer stays fresh and who may keep it; a *profile* is a traffic size that
sets the times. Sources: RFC 9111 (caching), RFC 8246 (immutable), RFC 5861 (what is left out).

Browsers cannot be purged. So whatever may change under its name is fresh there for at most
``BROWSER_S`` and, by ``must-revalidate``, never served stale (RFC 9111 5.2.2.2). That binds
browsers only: for a shared cache ``s-maxage`` means the same already (5.2.2.10), and what an edge
may serve stale all the same stands in the edge's own configuration. ``stale-while-revalidate`` and
``stale-if-error`` are left out because browsers obey them too.
"""
from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Tier = Literal["catalog", "metadata", "media", "named", "asset", "user", "error", "spelling", "retired", "never"]
"""catalog: home, courses, batches, desk and account pages. metadata: videos, subjects, instructors,
lists, feeds, search. media: metadata JSON, thumbnails, captions. named: media under a name that bears
its digest. asset: fingerprinted CSS, JS, fonts. user: answers about one student. error: a 404.
spelling: from another spelling of an address to the address. retired: a redirect or "gone" object in
place of a page. never: previews, health checks, problems."""

MINUTE_S = 60
HOUR_S = 60 * MINUTE_S
DAY_S = 24 * HOUR_S
YEAR_S = 365 * DAY_S

BROWSER_S = MINUTE_S
"""Longest time that a browser may show what has changed since."""

ERROR_S = 5
"""An edge may hold the 404 of a page that is published a moment later, and no purge by tag finds it."""

FAULT_S = 1
"""What an edge keeps of a 5xx that it has nothing older for: a crowd then costs a failing origin one request a second."""

REFUSED_S = 2 * MINUTE_S
"""How long an edge remembers that an answer was not to be kept, so that those who wait for it are not made to queue."""

STALE_SHARE = 60
"""An edge may show a page for a further sixtieth of its tier's time while it fetches the new one."""

STALE_IF_ERROR_S = DAY_S
"""So long past its time an edge shows what it has where the origin fails: a night, and the hours until somebody is there."""

WINDOW_S = 15 * MINUTE_S
"""Length of the window in which requests and log-in attempts are counted."""

ADDRESS_CEILING = 50
"""How many times a client's limit an address may ask whose students are signed in: a school of some hundreds."""

FLOOD_WINDOW_S = 10
"""In so long an address may cause as many origin fetches as a client may ask the API in a whole window."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What a traffic size sets."""

    name: str
    catalog_s: int
    metadata_s: int
    user_s: int
    pool_per_instance: int
    requests_per_window: int  # a client, in WINDOW_S
    auth_attempts_per_window: int
    instances: tuple[int, int]  # API instances at full load, least and most; the least is what an autoscaler adds at a time
    origin_connections: int  # from one edge to one server behind it, at once
    media_s: int = DAY_S


PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile("100k", 30 * MINUTE_S, 1 * HOUR_S, 5 * MINUTE_S, 50, 1000, 50, (5, 8), 200),
        Profile("500k", 1 * HOUR_S, 2 * HOUR_S, 10 * MINUTE_S, 75, 1500, 50, (10, 15), 400),
        Profile("1m", 2 * HOUR_S, 4 * HOUR_S, 15 * MINUTE_S, 100, 2000, 50, (15, 20), 800),
    )
}


@lru_cache
def cache_control(tier: Tier, profile: str) -> str:
    """The Cache-Control value of *tier* in *profile*. Raises KeyError for a name that is neither."""
    times = PROFILES[profile]
    match tier:
        case "catalog":
            return _edge(times.catalog_s)
        case "metadata" | "retired":
            return _edge(times.metadata_s)
        case "media":
            return _edge(times.media_s)
        case "named":
            return f"public, max-age={times.media_s}, immutable"
        case "asset":
            return f"public, max-age={YEAR_S}, immutable"
        case "user":
            return f"private, max-age={times.user_s}, must-revalidate"
        case "error":
            return f"public, max-age={ERROR_S}, must-revalidate"
        case "spelling":
            return f"public, max-age={BROWSER_S}, must-revalidate"
        case "never":
            return "no-store"
    raise KeyError(tier)


EDGE_TIERS: tuple[Tier, ...] = ("catalog", "metadata", "media", "named", "asset")
"""What edges may show for a while past its time. A redirect or a "gone" they ask for again first."""


def stale_s(tier: Tier, profile: str) -> int:
    """For how many seconds past its time an edge may show an object of *tier* while it fetches a newer one."""
    times = PROFILES[profile]
    match tier:
        case "catalog":
            return times.catalog_s // STALE_SHARE
        case "metadata":
            return times.metadata_s // STALE_SHARE
        case "media" | "named" | "asset":
            return times.media_s // STALE_SHARE
    return 0


def _edge(edge_s: int) -> str:
    return f"public, max-age={BROWSER_S}, must-revalidate, s-maxage={edge_s}"
