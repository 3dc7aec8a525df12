"""The store that goes wrong on purpose keeps to the port otherwise, and goes wrong exactly where it was told to."""
from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.errors import StoreError
from edge.store.port import Put, Store
from edge.store.sqlite import SQLiteStore
from tests.chaos.fate import Call, Fault, Killed
from tests.chaos.store import PATIENCE, SLOW_S, ChaosStore
from tests.edge.pages import page

OLD, NEW = page("x", "old", 1), page("x", "new", 2)
KEPT = "retained/0a.1"


@pytest.fixture
def inner(tmp_path: Path) -> Iterator[SQLiteStore]:
    store = SQLiteStore(tmp_path / "site.db")
    store.put([Put(OLD)])
    yield store
    store.close()


def replacement(store: Store) -> Put:
    head = store.head("x")
    assert head is not None
    return Put(NEW, head.etag, KEPT)


def test_without_faults_it_is_the_store_that_it_wraps_call_by_call(inner: SQLiteStore) -> None:
    store: Store = (chaos := ChaosStore(inner))
    written = store.put([replacement(inner), Put(page("y"), "")])
    assert written.refused == []
    assert [(head.key, head.etag) for head in store.list("")] == [(head.key, head.etag) for head in inner.list()]
    assert written.etags == {head.key: head.etag for head in inner.list() if head.key != KEPT}
    assert store.get(KEPT) == inner.get(KEPT)
    assert store.head("nobody") is None
    assert store.delete([KEPT, "y"]) == store.delete([]) == []
    assert store.put([Put(page("x", "late", 3), "elsewhere")]).refused[0].head == inner.head("x")
    assert chaos.calls == [
        Call("keep", "x"), Call("put", "x"), Call("put", "y"), Call("list", ""), Call("get", KEPT), Call("head", "nobody"),
        Call("delete", KEPT), Call("put", "x")]
    assert chaos.met == []


@pytest.mark.parametrize(("call", "fault", "kept", "live"), [
    (1, "kill before", False, OLD), (1, "kill after", True, OLD), (2, "kill before", True, OLD), (2, "kill after", True, NEW)])
def test_a_kill_comes_before_or_after_its_call_and_nothing_comes_after_it(
        call: int, fault: str, kept: bool, live: object, inner: SQLiteStore) -> None:
    store = ChaosStore(inner, {call: Fault(fault)})  # type: ignore[arg-type]
    put = replacement(inner)
    with pytest.raises(Killed):
        store.put([put, Put(page("y"))])
    with pytest.raises(Killed):
        store.delete(["x"])
    found, there = inner.get(KEPT), inner.get("x")
    assert (found[0] if found else None) == (OLD._replace(key=KEPT) if kept else None)
    assert there is not None
    assert there[0] == live
    assert inner.head("y") is None


@pytest.mark.parametrize(("call", "fault"), [
    (1, Fault("lost")), (2, Fault("lost")), (2, Fault("lost", 3)), (1, Fault("503", PATIENCE)), (2, Fault("slow"))])
def test_what_passes_is_done_once_and_keeps_the_old_version(call: int, fault: Fault, inner: SQLiteStore) -> None:
    slept: list[float] = []
    store = ChaosStore(inner, {call: fault}, sleep=slept.append)
    assert store.put([replacement(inner)]).refused == []
    assert [head.key for head in inner.list()] == [KEPT, "x"]
    found = inner.get(KEPT)
    assert found is not None
    assert found[0].body == OLD.body
    assert store.met == [(call + n, fault.what) for n in range(fault.times)]
    assert slept == {"slow": [SLOW_S], "503": [1.0] * PATIENCE}.get(fault.what, [])


def test_what_lasts_is_an_error_and_a_lasting_loss_leaves_it_done_all_the_same(inner: SQLiteStore) -> None:
    for fault, done in ((Fault("503", 99), False), (Fault("error"), False), (Fault("lost", 99), True)):
        with pytest.raises(StoreError, match="by script"):
            ChaosStore(inner, {1: fault}).put([Put(page(fault.what))])
        assert (inner.head(fault.what) is not None) == done


def test_a_deletion_may_leave_its_keys_and_says_so(inner: SQLiteStore) -> None:
    store = ChaosStore(inner, {1: Fault("undeleted")})
    assert store.delete(["x", "y"]) == ["x", "y"]
    assert store.delete(["x", "y"]) == []
    assert inner.head("x") is None


def test_a_seed_puts_the_objects_of_one_put_in_another_order_and_in_the_same_again(inner: SQLiteStore) -> None:
    def order(seed: int) -> list[str]:
        store = ChaosStore(inner, shuffle=random.Random(seed))
        store.put(Put(page(str(n))) for n in range(9))
        return [call.key for call in store.calls]

    assert order(1) == order(1) != order(2)
    assert sorted(order(1)) == [str(n) for n in range(9)]
