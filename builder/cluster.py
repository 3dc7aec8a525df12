"""A Dask cluster's workers, as a concurrent.futures.Executor (https://distributed.dask.org/)."""
from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

from edge.errors import LecternError

ANSWER_S = 5


class ClusterError(LecternError):
    """The cluster cannot be used; the message says why."""


@contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """The workers of the scheduler at *address* (``tcp://host:8786``), each of which has this Lectern installed and
    reaches the database by the same address as this process. Raises ClusterError.
    """
    try:
        from distributed import Client
    except ModuleNotFoundError as e:
        raise ClusterError("--scheduler needs Dask's distributed: pip install 'lectern[dask]'.") from e
    try:
        client = Client(address, timeout=ANSWER_S)
    except (OSError, TimeoutError, ValueError) as e:
        raise ClusterError(f"No Dask scheduler answers at {address}: start one with `dask scheduler`, or mend --scheduler.") from e
    with client:
        threads = sum(client.ncores().values())
        if not threads:
            raise ClusterError(f"The scheduler at {address} has no workers: start some with `dask worker {address}`.")
        executor = client.get_executor(pure=False)
        executor.width = threads  # what a release keeps busy at once
        yield executor
