"""Upload in order, so that a page never links to what is not there yet; each write replaces the version that it knows."""
from __future__ import annotations

import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import IO

from builder.journal import LARGEST_NUMBER
from builder.pages.page import NEW
from builder.task import Batch, unpack
from edge.address import Key, path_of
from edge.errors import LecternError, StoreError
from edge.store.port import Put, Store, Written

_SPOOL_KEPT_BYTES = 8 << 20  # an upload that is smaller stays in memory
_TOLD = 1_001  # new paths that are told; of more nobody is asked to forget an error (builder.purge.ANNOUNCED_PATHS)
ETAGS_TOGETHER = 5_000  # that are held until they are noted; half a million are 150 MB
_TRIES = 5  # for one object that somebody else keeps changing


class FencedOff(LecternError):
    """The store holds what a later writer wrote: this release is not the newest any more, or the database is an old one."""

    exit_code = 3


def upload(store: Store, batches: Iterable[Batch], number: int, hold: Callable[[], None],
           created: Callable[[list[str]], None], noted: Callable[[dict[str, str]], None]) -> dict[str, str]:
    """Put the objects of *batches*, which are drawn lazily and whose end commits the journal, as release *number*.

    A store whose put is one transaction takes them as they come: nothing is seen before the last is
    drawn. Any other gets them from a spool, in the order of builder.pages.page, and what fails stops what
    follows. *hold* is asked before each lot and raises where the lease is lost; *created* is told the new paths when
    they are up, before anything that links to them. ETags that only the store knows, by path, are *noted* where they are
    many, in a transaction that the next *hold* ends; the last of them are returned.
    Raises StoreError, FencedOff.
    """
    if store.atomic:
        return _at_once(store, batches, number, hold, created)
    etags: dict[str, str] = {}
    with ExitStack() as stack:
        spools: dict[int, IO[bytes]] = {}
        for batch in batches:
            for order, blob in batch.puts.items():
                if order not in spools:
                    spools[order] = stack.enter_context(tempfile.SpooledTemporaryFile(_SPOOL_KEPT_BYTES))
                pickle.dump(blob, spools[order])
        for order in sorted(spools):
            paths: list[str] = []
            late = stack.enter_context(tempfile.SpooledTemporaryFile(_SPOOL_KEPT_BYTES))
            for puts in _spooled(spools[order]):
                hold()
                written = store.put(puts)
                if order == NEW:  # what a dead release left there may be linked to, and waits until all that it links to is there
                    paths += [path_of(Key(put.object.key)) for put in puts[: _TOLD - len(paths)]]
                    pickle.dump(pickle.dumps(_again(written, number), 5), late)
                    written = written._replace(refused=[])
                etags |= _taken_over(store, written, number)
                if len(etags) >= ETAGS_TOGETHER:
                    noted(etags)
                    etags = {}
            for puts in _spooled(late):
                if puts:
                    hold()
                    etags |= _taken_over(store, store.put(puts), number)
            if order == NEW:
                created(paths)
    return etags


def _at_once(store: Store, batches: Iterable[Batch], number: int, hold: Callable[[], None],
             created: Callable[[list[str]], None]) -> dict[str, str]:
    paths: list[str] = []

    def drawn() -> Iterator[Put]:
        for batch in batches:
            for order, blob in batch.puts.items():
                puts = unpack(blob)
                if order == NEW:
                    paths.extend(path_of(Key(put.object.key)) for put in puts[: _TOLD - len(paths)])
                yield from puts

    written = store.put(drawn())
    hold()
    etags = _taken_over(store, written, number)
    created(paths)
    return etags


def _taken_over(store: Store, written: Written, number: int) -> dict[str, str]:
    """What was refused, written over what was found there: a dead release's, or drift. Returns all ETags, by path.

    Raises FencedOff for what a later writer wrote.
    """
    etags = dict(written.etags)
    for _ in range(_TRIES):
        again = _again(written, number)
        if not again:
            return {path_of(Key(key)): etag for key, etag in etags.items()}
        written = store.put(again)
        etags |= written.etags
    raise StoreError(f"{again[0].object.key} in the store goes on being changed by somebody else: stop that, then build again.")


def _again(written: Written, number: int) -> list[Put]:
    """The puts that replace what was found in the way. Raises FencedOff."""
    again: list[Put] = []
    for refused in written.refused:
        head = refused.head
        if refused.object.cache_control.endswith("immutable"):
            if head is not None and head.digest == refused.object.digest:
                continue  # its name says what it is
        elif head is not None and number < head.write_number <= LARGEST_NUMBER:
            raise FencedOff(
                f"{head.key} in the store was written by number {head.write_number}, after this release ({number}). Another "
                "builder took over: build again. Or the database is from a backup: `python build.py verify --heal`.")
        again.append(Put(refused.object, head.etag if head else ""))
    return again


def _spooled(spool: IO[bytes]) -> Iterator[list[Put]]:
    """The lots of a spool: what one task made for one order."""
    spool.seek(0)
    while True:
        try:
            blob = pickle.load(spool)
        except EOFError:
            return
        yield list(unpack(blob))
