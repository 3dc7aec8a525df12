"""One cache of two levels: bounded, never mixed up, made once for all who ask, and no worse off without Redis."""
from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from flask import Response
from redis import Redis

from api import bodies, cache
from api.app import create_app
from api.cache import Cache
from api.lru import Lru
from api.settings import read_api_settings
from api.shared_redis import SharedRedis
from edge.store import open_store
from tests.api import redises

TTL_S = 300


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=redises.KINDS)
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    with redises.running(request.param) as url:
        yield url


def test_a_value_is_made_once_and_kept_for_its_time(clock: Clock) -> None:
    kept = Cache(clock=clock)
    made = counting(b"one", b"two")
    assert kept.get_or_make("a", made, TTL_S) == (b"one", False)
    clock.now += TTL_S - 1
    assert kept.get_or_make("a", made, TTL_S) == (b"one", True)
    clock.now += 2
    assert kept.get_or_make("a", made, TTL_S) == (b"two", False)
    assert (kept.figures.hits, kept.figures.misses, kept.figures.items) == (1, 2, 1)


@pytest.mark.parametrize("value", [b"", b"|", b"{}|x", bytes(range(256)), "ÄŸ | 😀".encode()])
def test_bytes_come_back_as_they_were(value: bytes) -> None:
    kept = Cache()
    assert [kept.get_or_make("a", lambda: value, TTL_S)[0] for _ in range(2)] == [value, value]


def test_of_many_who_ask_at_once_one_makes_it() -> None:
    kept = Cache()
    begun, go = threading.Event(), threading.Event()
    made: list[bytes] = []

    def make() -> bytes:
        begun.set()
        go.wait(10)
        made.append(b"x")
        return b"x"

    found: list[tuple[bytes, bool]] = []
    threads = [threading.Thread(target=lambda: found.append(kept.get_or_make("a", make, TTL_S))) for _ in range(16)]
    for thread in threads:
        thread.start()
    begun.wait(10)
    assert kept.get_or_make("b", lambda: b"other", TTL_S) == (b"other", False)  # who asks for another waits for nobody
    go.set()
    for thread in threads:
        thread.join(10)
    assert made == [b"x"]
    assert sorted(hit for _, hit in found) == [False] + [True] * 15


def test_a_maker_that_fails_leaves_nothing_and_no_lock() -> None:
    kept = Cache()

    def fail() -> bytes:
        raise LookupError

    for _ in range(2):
        with pytest.raises(LookupError):
            kept.get_or_make("a", fail, TTL_S)
    assert kept.get_or_make("a", lambda: b"x", TTL_S) == (b"x", False)


def test_the_longest_unused_leaves_first(clock: Clock) -> None:
    kept = Cache(items=3, clock=clock)
    for key in ("a", "b", "c", "a", "d"):
        kept.get_or_make(key, key.encode, TTL_S)
    assert kept.figures.items == 3
    assert [kept.get_or_make(key, lambda: b"made", TTL_S)[1] for key in ("a", "b")] == [True, False]


def test_what_is_over_is_dropped_while_others_are_used(clock: Clock) -> None:
    lru = Lru(100_000, clock=clock)
    for number in range(5_000):
        lru.put(f"old {number}", b"x", clock.now + 10)
    clock.now += 20
    for number in range(2_600):
        lru.put(f"new {number}", b"x", clock.now + 10)
    assert lru.items == 2_600


def test_threads_do_not_break_the_shelf() -> None:
    lru = Lru(50)
    failed: list[Exception] = []

    def use(seed: int) -> None:
        try:
            for number in range(5_000):
                key = str((number * seed) % 97)
                if (value := lru.get(key)) is not None:
                    assert value == key.encode()
                lru.put(key, key.encode(), 1e12)
                if number % 11 == 0:
                    lru.drop(key)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=use, args=(seed,)) for seed in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert lru.items <= 50


def test_an_instances_items_are_divided_among_its_processes(tmp_path: Path) -> None:
    settings = read_api_settings({"LECTERN_DATA": str(tmp_path), "LECTERN_API_PROCESSES": "4", "REDIS_URL": "redis://127.0.0.1:1"})
    with closing(open_store(settings.shared.store)) as store:
        kept: Cache = create_app(settings, store).extensions[cache.EXTENSION]
        assert kept._levels.lru._items == 2_500


def test_what_one_process_made_another_finds_in_redis_and_keeps(url: str) -> None:
    shared = SharedRedis(url), SharedRedis(url)
    for each in shared:
        redises.wait_for(each)
    one, other = (Cache(shared=each) for each in shared)
    assert one.get_or_make("a", lambda: b"made by one", TTL_S) == (b"made by one", False)
    assert other.get_or_make("a", lambda: b"made by other", TTL_S) == (b"made by one", True)
    assert (other.figures.shared_hits, other.figures.items) == (1, 1)
    assert other.get_or_make("a", lambda: b"made by other", TTL_S) == (b"made by one", True)
    assert other.figures.shared_hits == 1
    one.drop("a")
    assert redises.keys(url) == []


@pytest.mark.parametrize("kind", redises.KINDS[:1])
def test_redis_keeps_it_no_longer_than_its_time_and_as_plain_bytes(kind: str) -> None:
    with redises.server() as url:
        Cache(shared=SharedRedis(url)).get_or_make("a", lambda: b"value", TTL_S)
        client = Redis.from_url(url)
        assert 290_000 < client.pttl("lectern:cache:a") <= 300_000
        noted, _, value = bytes(client.get("lectern:cache:a")).partition(b"|")  # type: ignore[arg-type]
        assert set(json.loads(noted)) == {"ct", "v"}
        assert value[8:] == b"value"
        client.close()


@pytest.mark.parametrize("kind", redises.KINDS[:1])
@pytest.mark.parametrize("planted", [
    b"", b"x", b"|", b"{}|", b"cos\nsystem\n(S'true'\ntR.", b'{"v": 2}|' + b"\0" * 9, b'{"ct": 1.0, "v": 2}|' + b"\xff" * 9, b"[" * 9999])
def test_what_somebody_else_wrote_into_redis_is_a_miss(kind: str, planted: bytes) -> None:
    with redises.server() as url:
        client = Redis.from_url(url)
        client.set("lectern:cache:a", planted)
        assert Cache(shared=SharedRedis(url)).get_or_make("a", lambda: b"ours", TTL_S) == (b"ours", False)
        client.close()


@pytest.mark.parametrize("kind", ["silent", *redises.KINDS])
def test_without_redis_it_is_a_cache_all_the_same(kind: str) -> None:
    if kind == "silent":
        with redises.silent() as url:
            kept = Cache(shared=SharedRedis(url))
            assert [kept.get_or_make("a", lambda: b"x", TTL_S) for _ in range(2)] == [(b"x", False), (b"x", True)]
        return
    with redises.running(kind) as url:
        kept = Cache(shared=SharedRedis(url))
        kept.get_or_make("a", lambda: b"x", TTL_S)
    assert kept.get_or_make("a", lambda: b"y", TTL_S) == (b"x", True)
    assert kept.get_or_make("b", lambda: b"y", TTL_S) == (b"y", False)


def test_an_answer_says_whether_it_was_kept(tmp_path: Path) -> None:
    settings = read_api_settings({"LECTERN_DATA": str(tmp_path)})
    with closing(open_store(settings.shared.store)) as store:
        app = create_app(settings, store)

        @app.get("/api/v1/kept")
        def kept() -> Response:
            return Response(cache.current().get_or_make("a", lambda: b'"x"', TTL_S)[0])

        @app.get("/api/v1/made")
        def made() -> Response:
            return bodies.say("x")

        client = app.test_client()
        said = [client.get(path).headers for path in ("/api/v1/kept", "/api/v1/kept", "/api/v1/made", "/api/v1/nobody")]
        assert [h["X-Cache"] for h in said] == ["MISS", "HIT", "BYPASS", "BYPASS"]
        assert [h["Cache-Status"] for h in said] == [
            "lectern; fwd=miss; stored", "lectern; hit", "lectern; fwd=bypass", "lectern; fwd=bypass"]
        assert "X-Cache" not in client.get("/").headers


def counting(*values: bytes) -> Callable[[], bytes]:
    left = iter(values)
    return lambda: next(left)
