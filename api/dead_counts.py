"""What processes that are no more have counted, folded into one file for each kind, so that neither their files nor a scrape grow.

The client keeps a counter's and a histogram's file for each process for ever, since removing one would take back what it counted
(https://prometheus.github.io/client_python/multiprocess), and leaves it to who runs the processes to see that no scrape reads
half a change: a lock on the folder does that here. A kill at any moment neither loses nor doubles a count.
"""
from __future__ import annotations

import fcntl
import os
import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from prometheus_client import multiprocess
from prometheus_client.metrics_core import Metric
from prometheus_client.mmap_dict import MmapedDict

KINDS = ("counter", "histogram")  # gauges of dead processes are removed, not added up
_NOBODY = 0  # the process id in the name of what was folded: no process has it
_LOCK, _ASIDE, _NEW = "lock", ".aside", ".new"


class Joined:
    """A collector of what all processes of *folder* have counted, each count once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._collector = multiprocess.MultiProcessCollector(None, str(folder))

    def collect(self) -> Iterable[Metric]:
        """For a registry."""
        with _locked(self._folder, fcntl.LOCK_SH):
            return list(self._collector.collect())


def sweep(folder: Path) -> None:
    """Remove the gauges of processes that are no more, and fold what they counted. Another process that does it is left to it."""
    with suppress(BlockingIOError), _locked(folder, fcntl.LOCK_EX | fcntl.LOCK_NB):
        dead = {pid for pid in {_pid(file) for file in folder.glob("*_*.db")} if _is_dead(pid)}
        for pid in dead:
            multiprocess.mark_process_dead(pid, str(folder))
        for kind in KINDS:
            _fold(folder, kind, [folder / f"{kind}_{pid}.db" for pid in sorted(dead)])


def _fold(folder: Path, kind: str, files: list[Path]) -> None:
    """Add *files*, those of them that there are, to what was folded before. The rename of the new sum is the moment from which
    they count in it, and no more by themselves; a sweep that was killed before it is done again by the next.
    """
    total, new = folder / f"{kind}_{_NOBODY}.db", folder / f"{kind}{_NEW}"
    left = [*folder.glob(f"{kind}_*{_ASIDE}")]  # by a sweep that was killed
    if left and not new.exists():  # after the rename
        for file in left:
            file.unlink()
        left = []
    files = [file for file in files if file.exists() and file.with_suffix(_ASIDE) not in left]
    if not files and not left:
        return
    new.write_bytes(b"")
    aside = [file for file in (*left, *(file.rename(file.with_suffix(_ASIDE)) for file in files)) if not _given_back(file)]
    counts: dict[str, float] = defaultdict(float)
    for file in (total, *aside):
        for key, value in _read(file):
            counts[key] += value
    written = MmapedDict(str(new))
    for key, value in counts.items():
        written.write_value(key, value, 0.0)
    written.close()
    new.rename(total)
    for file in aside:
        file.unlink()


def _given_back(file: Path) -> bool:
    """Whether a new process was given the dead one's number just now, and has its file, or will: it goes on counting in it. One
    that already counts in another has no need of this.
    """
    if _is_dead(_pid(file)):
        return False
    try:
        os.link(file, file.with_suffix(".db"))
    except FileExistsError:
        if not file.samefile(file.with_suffix(".db")):  # else a sweep was killed between these two lines
            return False
    file.unlink()
    return True


def _read(file: Path) -> Iterator[tuple[str, float]]:
    """The counts of one file; none where a kill left no whole one."""
    with suppress(FileNotFoundError, struct.error, RuntimeError):
        for key, value, _, _ in list(MmapedDict.read_all_values_from_file(str(file))):
            yield key, value


def _pid(file: Path) -> int:
    """Whose file it is; nobody's where its name tells no number."""
    number = file.stem.rpartition("_")[2]
    return int(number) if number.isdecimal() else _NOBODY


def _is_dead(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # number 0 stands for the caller's own group, which lives
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    with (folder / _LOCK).open("a") as file:
        fcntl.flock(file, how)
        yield
