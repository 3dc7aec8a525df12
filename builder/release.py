"""Upload in order, so that a page never links to what is not there yet."""
from __future__ import annotations

import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import IO

from builder.task import Batch, unpack
from edge.errors import StoreError
from edge.store.port import Put, Store

_SPOOL_KEPT_BYTES = 8 << 20  # an upload that is smaller stays in memory


def upload(store: Store, batches: Iterable[Batch], hold: Callable[[], None]) -> None:
    """Put the objects of *batches*, which are drawn lazily and whose end commits the journal.

    A store whose put is one transaction takes them as they come: nothing is seen before the last is
    drawn. Any other gets them from a spool, in the order of builder.pages.page, and what fails stops what
    follows. *hold* is asked before each lot and raises where the lease is lost. Raises StoreError.
    """
    if store.atomic:
        _refuse_none(store.put(Put(thing) for batch in batches for blob in batch.objects.values() for thing in unpack(blob)))
        return
    with ExitStack() as stack:
        spools: dict[int, IO[bytes]] = {}
        for batch in batches:
            for order, blob in batch.objects.items():
                if order not in spools:
                    spools[order] = stack.enter_context(tempfile.SpooledTemporaryFile(_SPOOL_KEPT_BYTES))
                pickle.dump(blob, spools[order])
        for order in sorted(spools):
            for puts in _spooled(spools[order]):
                hold()
                _refuse_none(store.put(puts))


def _spooled(spool: IO[bytes]) -> Iterator[list[Put]]:
    """The lots of a spool: what one task made for one order."""
    spool.seek(0)
    while True:
        try:
            blob = pickle.load(spool)
        except EOFError:
            return
        yield [Put(thing) for thing in unpack(blob)]


def _refuse_none(refused: Sequence[object]) -> None:
    if refused:
        raise StoreError(f"the store refused {len(refused)} writes, the first of them {refused[0]}")
