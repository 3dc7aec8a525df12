"""Writes a store as a plain tree: a file an object, ``.gz`` beside, for nginx (``gzip_static``) to serve."""
from __future__ import annotations

import contextlib
import os
import shutil
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from threading import BoundedSemaphore

from isal import isal_zlib

from edge.errors import ExportError
from edge.media_signature import PROTECTED
from edge.store.port import RETAINED, Object, Store, storable

MARK = ".lectern-tree"
"""Stands in a tree of ours: such a folder may be replaced, any other that holds something may not."""

_READERS = 8  # a remote store answers one while the files of another are written
_WRITERS = 2  # more only wait for each other in the file system: four took twice as long
_BATCH = 64  # keys a task
_AHEAD = 2 * _READERS  # tasks at once
_GZIP_WBITS = 31


def export_tree(store: Store, directory: Path) -> int:
    """Write all objects that *store* serves under *directory* and return how many files that made.

    They are written beside it and take its place by renaming, so a reader finds the old tree or the
    new one (for the moment between two renames, none). A folder that holds something and is no tree
    of ours is refused. Raises ExportError, and StoreError.
    """
    directory = Path(os.path.realpath(directory))
    _refuse_foreign(directory)
    _remove_left_over(directory)
    fresh, old = (directory.with_name(f"{_ours(directory)}{os.getpid()}-{what}") for what in ("new", "old"))
    try:
        fresh.mkdir(parents=True)
        written = _write_all(store, fresh)
        (fresh / MARK).touch()
        if directory.exists():
            directory.rename(old)
        fresh.rename(directory)
    except OSError as error:
        raise ExportError(f"The tree {directory} cannot be written ({error}): look at the disk's space and the "
                          "folder's rights.") from error
    finally:
        for leftover in (fresh, old):
            shutil.rmtree(leftover, ignore_errors=True)
    return written


def _write_all(store: Store, root: Path) -> int:
    keys = (head.key for head in store.list() if not head.key.startswith((RETAINED, PROTECTED)))
    turn = BoundedSemaphore(_WRITERS)
    tasks: deque[Future[int]] = deque()
    written = 0
    with ThreadPoolExecutor(_READERS, thread_name_prefix="tree") as threads:
        try:
            while batch := list(islice(keys, _BATCH)):
                tasks.append(threads.submit(_write_some, store, root, batch, turn))
                if len(tasks) >= _AHEAD:
                    written += tasks.popleft().result()
            while tasks:
                written += tasks.popleft().result()
        finally:
            for task in tasks:
                task.cancel()
    if not written:
        raise ExportError(f"The store holds nothing to write to {root.parent}: build the site first.")
    return written


def _write_some(store: Store, root: Path, keys: list[str], turn: BoundedSemaphore) -> int:
    found = [pair[0] for key in keys if (pair := store.get(key))]  # None: deleted since it was listed
    with turn:
        made = {""}
        return sum(_write_one(root, one, made) for one in found)


def _write_one(root: Path, one: Object, made: set[str]) -> int:
    """Write one object and return how many files it made; *made* are the folders known to be there."""
    if not storable(one.key):
        raise ExportError(f"The object {one.key!r} has no place in a tree of files: delete it from the store.")
    folder = one.key.rpartition("/")[0]
    try:
        if folder not in made:
            os.makedirs(root / folder, exist_ok=True)
            made.add(folder)
        if one.gzipped:
            _write(f"{root}/{one.key}.gz", one.body)
        _write(f"{root}/{one.key}", isal_zlib.decompress(one.body, wbits=_GZIP_WBITS) if one.gzipped else one.body)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise ExportError(f"The object {one.key!r} meets another in a tree of files: one is the folder of the other, "
                          "or they differ in case only where the disk sees no case.") from error
    return 2 if one.gzipped else 1


def _write(path: str, body: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        view = memoryview(body)
        while view:
            view = view[os.write(file, view) :]
    finally:
        os.close(file)


def _refuse_foreign(directory: Path) -> None:
    if not directory.exists():
        return
    if not directory.is_dir():
        raise ExportError(f"{directory} is no folder: name another.")
    if any(directory.iterdir()) and not (directory / MARK).exists():
        raise ExportError(f"{directory} holds files that are not ours: name an empty or a new folder.")


def _remove_left_over(directory: Path) -> None:
    """What an export left beside *directory* that was killed."""
    for folder in _beside(directory):
        pid = folder.name.removeprefix(_ours(directory)).partition("-")[0]
        if pid.isdigit() and not _alive(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def _beside(directory: Path) -> Iterator[Path]:
    if directory.parent.is_dir():
        yield from directory.parent.glob(f"{_ours(directory)}*")


def _ours(directory: Path) -> str:
    return f".{directory.name}.lectern-"


def _alive(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        with contextlib.suppress(PermissionError):
            os.kill(pid, 0)
        return True
    return False
