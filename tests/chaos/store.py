"""A store that goes wrong at call number N: wraps any Store, and behaves to its caller as a bucket does.

Each thing that a bucket would be asked for is a call: keeping a version, writing an object, a GET, a HEAD, a
deletion, a listing. Calls are counted from 1 and written down, so that a first run says how many there are
and a later one goes wrong at each of them in turn:

    counted = ChaosStore(inner)                                   # then len(counted.calls) is how many there are
    ChaosStore(inner, {7: Fault("kill after")}, kill=lambda: os._exit(137))

It is not atomic, so a release puts object by object; and only it knows its ETags. Repeats are made here, as
S3Store makes them, and each is a call of its own. *shuffle* puts the objects of one put in another order,
as threads would; only so is a put collected before its first call.
"""
from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from edge.errors import StoreError
from edge.store.port import Head, Object, Put, Store, Written
from tests.chaos.fate import Call, Fate, Fault

T = TypeVar("T")

PATIENCE = 5
"""Repeats of one call before it is an error. An answer that is lost more often leaves nobody knowing."""

SLOW_S = 25.0  # just under edge.store.retry.ANSWER_S, after which a driver hangs up
WAIT_S = 1.0  # before a call that was answered 503 is sent again

_ABLE = frozenset(("error", "lost", "503", "slow"))


class ChaosStore:
    """*inner*, with the faults of *fate* by call number.

    kill before, kill after: the process ends, or raises; a store that was killed is dead, and every
    later call of it kills too, so that no ``finally`` of the killed builder writes anything.
    error: nothing is done, StoreError. lost: it is done, and the answer does not come; sent again.
    503: nothing is done; a wait, sent again. slow: a wait, then done. undeleted: a deletion leaves its keys
    and says so; for other calls an error.
    """

    atomic = False
    fenced = True

    def __init__(self, inner: Store, faults: Mapping[int, Fault] | None = None, *, fate: Fate | None = None,
                 shuffle: random.Random | None = None, **hooks: Any) -> None:
        """*faults* and what else Fate takes, or a *fate* that is shared."""
        self.name = inner.name
        self.fate = fate or Fate(faults, **hooks)
        self._inner, self._shuffle = inner, shuffle

    @property
    def calls(self) -> list[Call]:
        """The calls so far."""
        return self.fate.calls

    @property
    def met(self) -> list[tuple[int, str]]:
        """The faults that were met, by call number."""
        return self.fate.met

    def put(self, puts: Iterable[Put]) -> Written:
        """See the port."""
        if self._shuffle is not None:
            puts = [*puts]
            self._shuffle.shuffle(puts)
        written = Written([], {})
        for put in puts:
            if put.keep_as and put.if_match != "":
                self._call(Call("keep", put.object.key), lambda put=put: self._keep(put))  # type: ignore[misc]
            done = self._call(Call("put", put.object.key), lambda put=put: self._inner.put(  # type: ignore[misc]
                [put._replace(keep_as="")]))
            written.refused.extend(done.refused)
            if not done.refused:
                written.etags[put.object.key] = done.etags.get(put.object.key) or self._etag_of(put.object)
        return written

    def etag(self, digest: str, write_number: int) -> str:
        """See the port."""
        return ""

    def get(self, key: str, most_bytes: int | None = None) -> tuple[Object, Head] | None:
        """See the port."""
        return self._call(Call("get", key), lambda: self._inner.get(key, most_bytes))

    def part(self, key: str, etag: str, first: int, last: int) -> bytes | None:
        """See the port."""
        return self._call(Call("get", key), lambda: self._inner.part(key, etag, first, last))

    def head(self, key: str) -> Head | None:
        """See the port."""
        return self._call(Call("head", key), lambda: self._inner.head(key))

    def delete(self, keys: Iterable[str]) -> list[str]:
        """See the port."""
        batch = list(keys)
        return self._call(Call("delete", batch[0]), lambda: self._inner.delete(batch), batch) if batch else []

    def list(self, prefix: str = "") -> Iterator[Head]:
        """See the port."""
        yield from self._call(Call("list", prefix), lambda: [*self._inner.list(prefix)])

    def close(self) -> None:
        """See the port. Never goes wrong: the store may be read by the test afterwards."""
        self._inner.close()

    def _call(self, call: Call, action: Callable[[], T], undeleted: T | None = None) -> T:
        """What *action* returns, in the end."""
        fate = self.fate
        for _ in range(PATIENCE + 1):
            with fate.lock:
                fault = fate.meet(call, _ABLE if undeleted is None else _ABLE | {"undeleted"})
                if fault == "undeleted" and undeleted is not None:
                    return undeleted
                if fault == "error":
                    raise StoreError(f"call {len(fate.calls)} ({call.what} {call.key}) is refused by script")
                if fault in ("slow", "503"):
                    fate.sleep(SLOW_S if fault == "slow" else WAIT_S)
                if fault == "503":
                    continue
                done = action()
                fate.past(fault)
                if fault != "lost":
                    return done
        raise StoreError(f"{call.what} {call.key} goes on failing by script")

    def _keep(self, put: Put) -> None:
        """As a copy that is refused where the version is another, or already the new one."""
        found = self._inner.get(put.object.key)
        if found is None or put.if_match not in (None, found[1].etag):
            return
        if (found[0].digest, found[0].write_number) != (put.object.digest, put.object.write_number):
            self._inner.put([Put(found[0]._replace(key=put.keep_as))])

    def _etag_of(self, written: Object) -> str:
        etag = self._inner.etag(written.digest, written.write_number)
        assert etag, "wrap a store that tells its ETags, or whose ETags can be computed"
        return etag


class ChaosFile(ChaosStore):
    """A store whose put is one transaction, and one call: drawn whole or not at all. Its answers are never lost."""

    atomic = True

    def put(self, puts: Iterable[Put]) -> Written:
        """See the port."""
        fault = self.fate.meet(Call("put", "all"), frozenset(("error",)))
        if fault == "error":
            raise StoreError(f"call {len(self.fate.calls)} (put) is refused by script")
        done = self._inner.put(puts)
        self.fate.past(fault)
        return done

    def etag(self, digest: str, write_number: int) -> str:
        """See the port."""
        return self._inner.etag(digest, write_number)
