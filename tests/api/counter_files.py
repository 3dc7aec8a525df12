"""What a count in shared memory leaves behind, which outlives processes on purpose."""
from __future__ import annotations

from _multiprocessing import sem_unlink  # type: ignore[import-not-found]
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from api.counters.shared_memory import file_of, semaphore_of


@contextmanager
def removed(folder: Path) -> Iterator[Path]:
    """*folder*, whose counts are removed at the end of the block."""
    try:
        yield folder
    finally:
        file = file_of(folder)
        file.unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            sem_unlink(semaphore_of(file))
