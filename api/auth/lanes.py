"""So many at a time on a machine, however many processes: each takes one of a few lanes, which are locked files of one folder.

The kernel frees the lane of a process that is killed, which it does not do with a semaphore.
"""
from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_GLANCE_S = 0.005


@contextmanager
def lane(folder: Path, number: int, until: float) -> Iterator[bool]:
    """One of *number* lanes of *folder* while the block runs; False where none was free by *until*, of ``time.monotonic``.

    Where the folder takes no locks there is nothing to wait for.
    """
    while True:
        for one in range(number):
            try:
                file = os.open(folder / f"hashing-{one}.lock", os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            except OSError:
                yield True
                return
            try:
                if is_free(file):
                    yield True
                    return
            finally:
                os.close(file)
        if time.monotonic() >= until:
            yield False
            return
        time.sleep(_GLANCE_S)


def is_free(file: int) -> bool:
    """Lock an open file for as long as it is open, now or not at all: whether nobody else has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True
