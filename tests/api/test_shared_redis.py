"""Redis falls silent, ends and comes back, alone and as a cluster: no request waits for it for longer than it may, and none fails."""
from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from api.counters.redis import RedisCounter
from api.shared_redis import SharedRedis
from tests.api import redises
from tests.edge.servers import wait_until

FOUND_OUT_S = 0.2
"""What operations.md promises."""

TURNS = 4  # each key of its own, so that a cluster's nodes are all asked
WINDOW_S = 900


def timed(what: Callable[..., object], *arguments: object) -> float:
    begun = time.monotonic()
    what(*arguments)
    return time.monotonic() - begun


@pytest.mark.parametrize("kind", redises.KINDS)
@pytest.mark.parametrize("all_of_it", [True, False])
def test_servers_that_fall_silent_are_found_out_in_time_and_used_again_when_they_speak(kind: str, all_of_it: bool) -> None:
    with redises.running(kind) as url:
        shared = SharedRedis(url, check_every_s=0.05)
        storage = RedisCounter(shared=shared)
        redises.wait_for(shared)
        ports = redises.nodes(url)
        waited: list[float] = []
        for turn in range(TURNS):
            for number in range(9):
                assert storage.hit(f"{turn} {number}", 5, WINDOW_S).left == 4
            assert not shared.away
            with redises.frozen(*(ports if all_of_it else ports[:1])):
                waited.append(sum(timed(storage.hit, f"{turn} {number}", 5, WINDOW_S) for number in range(9)))
                assert shared.away
            wait_until(lambda: not shared.away, within_s=20)
            assert f"lectern:{turn} 0" in redises.keys(url)
        assert min(waited) < FOUND_OUT_S, "one waits, and the others know"  # the machine's own stumbles are not what is looked for
        shared.close()


@pytest.mark.parametrize("kind", redises.KINDS)
def test_servers_that_ended_are_found_out_by_who_knew_them_and_by_who_did_not(kind: str) -> None:
    with redises.running(kind) as url:
        knew = SharedRedis(url)
        redises.wait_for(knew)
    for shared in (knew, SharedRedis(url)):
        counts = RedisCounter(shared=shared)
        assert timed(counts.hit, "a", 5, WINDOW_S) < 0.5
        assert [counts.hit("a", 5, WINDOW_S).left for _ in range(2)] == [3, 2], "counted in the process"
        assert shared.away
        shared.close()


@pytest.mark.parametrize("kind", redises.KINDS)
def test_what_never_says_a_word_is_found_out_in_time(kind: str) -> None:
    with redises.silent() as url:
        waited: list[float] = []
        for _ in range(TURNS):
            shared = SharedRedis(url.replace("redis:", "redis+cluster:") if kind == "cluster" else url)
            waited.append(timed(shared.ask, lambda client: client.ping()))
            assert shared.away
        assert min(waited) < FOUND_OUT_S


def test_who_asks_while_another_finds_it_away_is_told_so_too() -> None:
    with redises.silent() as url:
        shared = SharedRedis(url)
        shared._leave(ConnectionError())
        shared.away = False  # as the second saw it, a moment before
        assert shared.ask(lambda client: client.ping()) is None


@pytest.mark.parametrize("kind", redises.KINDS)
def test_over_tls_it_counts_where_its_certificate_is_known_and_is_away_where_it_is_not(kind: str) -> None:
    with redises.with_tls(kind) as (url, certificate):
        shared, other = (SharedRedis(f"{url}?ssl_ca_certs={certificate}") for _ in range(2))
        for each in (shared, other):
            redises.wait_for(each)
        assert [RedisCounter(shared=each).hit("a", 5, WINDOW_S).left for each in (shared, other)] == [4, 3]
        stranger = SharedRedis(url)
        assert RedisCounter(shared=stranger).hit("a", 5, WINDOW_S).left == 4, "counted in the process"
        assert stranger.away
        for each in (shared, other, stranger):
            each.close()
