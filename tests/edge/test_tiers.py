"""The exact header values of all tiers in all profiles, and the rules that they follow."""
from __future__ import annotations

import re
from typing import get_args

import pytest

from edge import tiers
from edge.tiers import EDGE_TIERS, PROFILES, Tier, cache_control, stale_s

TIERS: tuple[Tier, ...] = get_args(Tier)

EXACT: dict[str, tuple[str, str, str]] = {
    "catalog": ("public, max-age=60, must-revalidate, s-maxage=1800",
                "public, max-age=60, must-revalidate, s-maxage=3600",
                "public, max-age=60, must-revalidate, s-maxage=7200"),
    "metadata": ("public, max-age=60, must-revalidate, s-maxage=3600",
                 "public, max-age=60, must-revalidate, s-maxage=7200",
                 "public, max-age=60, must-revalidate, s-maxage=14400"),
    "media": ("public, max-age=60, must-revalidate, s-maxage=86400",) * 3,
    "named": ("public, max-age=86400, immutable",) * 3,
    "asset": ("public, max-age=31536000, immutable",) * 3,
    "user": ("private, max-age=300, must-revalidate",
             "private, max-age=600, must-revalidate",
             "private, max-age=900, must-revalidate"),
    "error": ("public, max-age=5, must-revalidate",) * 3,
    "spelling": ("public, max-age=60, must-revalidate",) * 3,
    "retired": ("public, max-age=60, must-revalidate, s-maxage=3600",
                "public, max-age=60, must-revalidate, s-maxage=7200",
                "public, max-age=60, must-revalidate, s-maxage=14400"),
    "never": ("no-store",) * 3,
}


@pytest.mark.parametrize("tier", TIERS)
def test_the_value_of_each_tier_in_each_profile_is_exact(tier: Tier) -> None:
    assert tuple(cache_control(tier, profile) for profile in ("100k", "500k", "1m")) == EXACT[tier]


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("tier", [t for t in TIERS if t not in ("named", "asset", "user", "never")])
def test_a_browser_keeps_what_may_change_a_minute_at_most_and_never_serves_it_stale(tier: Tier, profile: str) -> None:
    """RFC 9111 5.2.2.1 and 5.2.2.2."""
    value = cache_control(tier, profile)
    age = re.search(r"\bmax-age=(\d+)", value)
    assert age is not None
    assert int(age[1]) <= 60
    assert "must-revalidate" in value


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("tier", TIERS)
def test_no_value_lets_a_browser_serve_stale(tier: Tier, profile: str) -> None:
    """RFC 5861: browsers obey both directives, so neither may stand in the header."""
    assert "stale" not in cache_control(tier, profile)


@pytest.mark.parametrize("profile", PROFILES)
def test_an_answer_about_one_student_is_kept_by_no_edge(profile: str) -> None:
    value = cache_control("user", profile)
    assert value.startswith("private")
    assert "s-maxage" not in value
    assert "public" not in value


def test_a_404_is_kept_for_seconds_everywhere() -> None:
    age = re.fullmatch(r"public, max-age=(\d), must-revalidate", cache_control("error", "1m"))
    assert age is not None


def test_an_unknown_tier_or_profile_is_refused() -> None:
    with pytest.raises(KeyError):
        cache_control("pages", "100k")
    with pytest.raises(KeyError):
        cache_control("asset", "2m")


def test_an_edge_shows_a_page_for_a_sixtieth_of_its_time_while_it_fetches_the_new_one() -> None:
    shown = {tier: tuple(stale_s(tier, profile) for profile in ("100k", "500k", "1m")) for tier in TIERS}
    media = (24 * 60,) * 3
    assert {tier: times for tier, times in shown.items() if times != (0, 0, 0)} == {
        "catalog": (30, 60, 120), "metadata": (60, 120, 240), "media": media, "named": media, "asset": media}
    assert {tier for tier, times in shown.items() if times != (0, 0, 0)} == set(EDGE_TIERS)


def test_times_and_shares_that_edges_and_limits_go_by_are_those_of_the_docs() -> None:
    assert (tiers.MINUTE_S, tiers.HOUR_S, tiers.DAY_S, tiers.YEAR_S) == (60, 3_600, 86_400, 31_536_000)
    assert (tiers.FAULT_S, tiers.REFUSED_S, tiers.STALE_IF_ERROR_S) == (1, 120, 86_400)
    assert (tiers.WINDOW_S, tiers.FLOOD_WINDOW_S, tiers.ADDRESS_CEILING) == (900, 10, 50)


def test_profiles_hold_the_limits_of_the_design() -> None:
    rows = [(p.name, p.pool_per_instance, p.requests_per_window, p.auth_attempts_per_window, p.instances, p.origin_connections)
            for p in PROFILES.values()]
    assert rows == [("100k", 50, 1000, 50, (5, 8), 200), ("500k", 75, 1500, 50, (10, 15), 400), ("1m", 100, 2000, 50, (15, 20), 800)]
