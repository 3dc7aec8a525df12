"""What is tried, and by which tests: modules whose tests take about a second, one line each."""
from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
LEAST_KILLED = 0.85
"""Of each module's mutants. What may survive beyond that stands in docs/reliability.md, with why."""


class Module(NamedTuple):
    """A module, the tests that hold it, and what of it is tried: all, or what is named in *only*.

    Without *database* those of the tests run that need none.
    """

    path: str
    tests: tuple[str, ...]
    only: tuple[str, ...] = ()
    database: bool = False

    @property
    def name(self) -> str:
        """As it is imported."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


MODULES = (
    Module("edge/tiers.py", ("tests/edge/test_tiers.py",)),
    Module("edge/address.py", ("tests/edge/test_address.py",)),
    Module("edge/cdn/port.py", ("tests/edge/cdn/test_port.py",)),
    Module("edge/cdn/quota.py", ("tests/edge/cdn/test_port.py",)),
    Module("builder/plan.py", ("tests/builder/test_plan.py",)),
    Module("builder/reach.py", ("tests/builder/test_reach.py",), database=True),
    Module("builder/folding.py", ("tests/builder/test_purge_fold.py",)),
    Module("api/counters/memory.py", ("tests/api/test_counting.py",), ("MOST_KEYS", "_TICKS", "MemoryCounter", "_forget", "_Line")),
    Module("api/counters/shared_memory.py", tuple(f"tests/api/test_shared_memory.py::{test}" for test in (
        # Without those that start processes.
        "test_after_the_time_that_a_refusal_tells_one_is_allowed_again", "test_two_counts_at_once_are_each_counted",
        "test_a_sum_that_a_killed_process_left_wrong_ends_with_its_window",
        "test_counts_outlive_the_process_and_other_sites_have_their_own",
        "test_a_known_place_is_kept_for_its_month_beside_a_flood_of_short_ones",
        "test_it_is_a_storage_as_flask_limiter_asks_for_too",
        "test_each_of_those_who_share_a_place_has_a_count_of_its_own", "test_a_window_of_a_day_is_counted_with_the_long_ones",
        "test_where_a_key_stands_is_chances_own_for_each_site",
        "test_no_window_ever_holds_more_than_the_limit_nor_does_one_hold_for_long_after_it")), ("SharedMemoryCounter", "_Table")),
    Module("api/auth/email_address.py", ("tests/api/auth/test_address.py",)),
    Module("api/auth/csrf.py", ("tests/api/auth/test_rules.py",)),
    Module("api/auth/passwords.py", ("tests/api/auth/test_passwords.py",)),
    Module("api/auth/sessions.py", ("tests/api/auth/test_rules.py",), (
        "IDLE_S", "FRESH_S", "MOST_AN_ACCOUNT", "ROLES", "Session", "current", "signed_in", "unauthorized", "mine")),
    Module("api/auth/session_cookie.py", ("tests/api/auth/test_rules.py",)),
)
