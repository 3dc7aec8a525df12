"""This machine's render processes, as a concurrent.futures.Executor."""
from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context

from builder.child import begin
from edge.errors import LecternError


class ProcessLost(LecternError):
    """A render process ended before its work did."""


@contextmanager
def processes(count: int | None = None) -> Iterator[Executor]:
    """*count* processes (default: one a core), started at once from a fork server, ended with the block.

    Where the block ends by an exception, work that has not begun is dropped. Raises ProcessLost.
    """
    count = count or os.cpu_count() or 1
    context = get_context("forkserver")
    context.set_forkserver_preload(["builder.render"])  # imported once, not once a process
    pool = ProcessPoolExecutor(count, context, initializer=begin)
    try:
        # A process inherits what is blocked. While the fork server imports, Ctrl-C would show a traceback of its own.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            for _ in range(count):
                pool.submit(os.getpid)  # it starts a process; those of a pool start when there is work
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        yield pool
    except BrokenProcessPool as e:
        raise ProcessLost(
            "A render process was killed, as the system does when memory runs out: free some, then build again."
        ) from e
    finally:
        pool.shutdown(cancel_futures=True)
