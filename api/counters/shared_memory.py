"""One count for all processes of this machine that serve one data folder: moving windows in shared memory, without Redis.

The memory is a file on tmpfs, ``/dev/shm/lectern-USER-DIGEST.counts`` (where there is none, below the data folder), mapped by
each process and kept over restarts until the machine's. A key is found by a keyed digest in one of eight slots; where all are
taken, the one that was silent longest gives way, so a flood of addresses takes no more memory. A window moves in steps, a
thirtieth of it each: a request counts for up to one step longer than the window, never shorter.

Whoever counts holds a POSIX semaphore for some microseconds. It is taken without giving the interpreter up, as a file's lock
is not: that would be held until the thread gets the interpreter back. A process that is killed just then leaves it taken;
after ``LOCK_S`` the next goes on without, and by giving it back sets it right.
"""
from __future__ import annotations

import mmap
import os
import secrets
import stat
import time
from _multiprocessing import SemLock  # type: ignore[import-not-found]  # what multiprocessing's own locks are made of
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

from api.counters.memory import MemoryCounter
from api.counters.window import Wanted, Window
from api.errors import ServeError

LOCK_S = 0.2
KEYS = 131_072
"""How many are counted at once, of each kind of window; 19 MB for the short ones, 7 for the long, where all are used."""

_LAYOUT = b"1"  # another one counts in another file
_TMPFS = Path("/dev/shm")
_BOOT = Path("/proc/sys/kernel/random/boot_id")  # the clock begins anew with it, and so must the counts
_WAYS = 8
_SETS = KEYS // _WAYS
_SHORT_STEPS, _LONG_STEPS = 30, 10
_LONG_S = 24 * 60 * 60
_KEY_BYTES = 16
_HEAD_BYTES = 64
_SEMAPHORE = 1  # the kind that any process may give back
_OLDEST, _SUM, _NUMBERS = 1, 2, 3
"""A slot: when it was touched in seconds, its oldest step that counts, the sum of all; then a number a step."""


class SharedMemoryCounter(MemoryCounter):
    """Counts with all others that have the same *folder*. *clock* gives seconds since the machine began."""

    STORAGE_SCHEME = ["lectern+shared-memory"]  # noqa: RUF012  (as its base class has it)

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, *, folder: Path,
                 clock: Callable[[], float] = time.monotonic, **options: Any) -> None:
        super().__init__(uri, wrap_exceptions)
        self._now = clock
        self._file = file_of(folder)
        self._lock = _semaphore(self._file)
        memory = memoryview(_mapped(self._file))
        self._head, rest = memory[:_HEAD_BYTES], memory[_HEAD_BYTES:]
        short = _Table.size(_SHORT_STEPS)
        self._short, self._long = _Table(rest[:short], _SHORT_STEPS), _Table(rest[short:], _LONG_STEPS)
        self._key = self._common_key()

    def hit_all(self, wanted: Sequence[Wanted]) -> list[Window]:
        """As MemoryCounter's, under one lock."""
        now, digests = self._now(), [self._digest(key) for key, _, _ in wanted]
        found = []
        self._lock.acquire(True, LOCK_S)
        try:
            for digest, (_, limit, window_s) in zip(digests, wanted, strict=True):
                found.append(self._table(window_s).hit(digest, limit, window_s, 1, now))
        finally:
            self._free()
        return found

    def hit(self, key: str, limit: int, window_s: int, amount: int = 1) -> Window:
        """As MemoryCounter's."""
        now, digest = self._now(), self._digest(key)
        self._lock.acquire(True, LOCK_S)
        try:
            return self._table(window_s).hit(digest, limit, window_s, amount, now)
        finally:
            self._free()

    def look(self, key: str, limit: int, window_s: int) -> Window:
        """As MemoryCounter's."""
        now, digest = self._now(), self._digest(key)
        self._lock.acquire(True, LOCK_S)
        try:
            return self._table(window_s).look(digest, limit, window_s, now)
        finally:
            self._free()

    @property
    def keys(self) -> int:
        """As MemoryCounter's."""
        return self._short.keys + self._long.keys

    def get(self, key: str) -> int:
        """As Storage says, of the last step that was counted."""
        return sum(table.total(self._digest(key)) for table in (self._short, self._long))

    def reset(self) -> int:
        """As Storage says."""
        number = self.keys
        self._lock.acquire(True, LOCK_S)
        try:
            self._short.clear()
            self._long.clear()
        finally:
            self._free()
        return number

    def _table(self, window_s: int) -> _Table:
        return self._short if window_s < _LONG_S else self._long

    def _digest(self, key: str) -> int:
        return int.from_bytes(blake2b(key.encode("utf-8", "replace"), key=self._key, digest_size=8).digest(), "little") or 1

    def _common_key(self) -> bytes:
        """Of chance, so that nobody can choose addresses that share a slot."""
        self._lock.acquire(True, LOCK_S)
        try:
            if not any(self._head[:_KEY_BYTES]):
                self._head[:_KEY_BYTES] = secrets.token_bytes(_KEY_BYTES)
            return bytes(self._head[:_KEY_BYTES])
        finally:
            self._free()

    def _free(self) -> None:
        with suppress(ValueError):  # it was free: somebody waited too long, and went on without
            self._lock.release()


def file_of(folder: Path) -> Path:
    """Where those count who serve from *folder*, until the machine starts again."""
    boot = _BOOT.read_bytes() if _BOOT.exists() else b""
    name = blake2b(b"\0".join((_LAYOUT, boot, os.fsencode(folder.resolve()))), digest_size=6).hexdigest()
    return (_TMPFS if os.access(_TMPFS, os.W_OK) else folder) / f"lectern-{os.getuid()}-{name}.counts"


class _Table:
    """Slots in *memory*, eight to a digest: a window of *steps* each."""

    def __init__(self, memory: memoryview, steps: int) -> None:
        self._digests = memory[: KEYS * 8].cast("Q")
        self._slots = memory[KEYS * 8 : self.size(steps)].cast("I")
        self._steps = steps
        self._length = _NUMBERS + steps + 1  # the step that is over in part still counts whole

    @staticmethod
    def size(steps: int) -> int:
        """Bytes."""
        return KEYS * (8 + 4 * (_NUMBERS + steps + 1))

    def hit(self, digest: int, limit: int, window_s: int, amount: int, now: float) -> Window:
        step = int(now * self._steps / window_s)
        slots, at = self._slots, self._find(digest)
        if at < 0:
            at = self._claim(digest, step)
        else:
            self._drop(at, step)
        slots[at] = int(now)
        allowed = slots[at + _SUM] + amount <= limit
        if allowed:
            slots[at + _SUM] += amount
            slots[at + _NUMBERS + step % (self._steps + 1)] += amount
        return self._window(at, limit, window_s, now, allowed)

    def look(self, digest: int, limit: int, window_s: int, now: float) -> Window:
        if (at := self._find(digest)) < 0:
            return Window(limit > 0, limit, float(window_s))
        self._drop(at, int(now * self._steps / window_s))
        return self._window(at, limit, window_s, now, self._slots[at + _SUM] < limit)

    @property
    def keys(self) -> int:
        return KEYS - self._digests.tolist().count(0)

    def total(self, digest: int) -> int:
        at = self._find(digest)
        return self._slots[at + _SUM] if at >= 0 else 0

    def clear(self) -> None:
        self._digests.cast("B")[:] = bytes(KEYS * 8)

    def _find(self, digest: int) -> int:
        """Where its slot begins; -1 where it has none."""
        first = digest % _SETS * _WAYS
        found = self._digests[first : first + _WAYS].tolist()
        return (first + found.index(digest)) * self._length if digest in found else -1

    def _claim(self, digest: int, step: int) -> int:
        """A slot for it, empty: a free one, or that of who was silent longest."""
        first, slots, length = digest % _SETS * _WAYS, self._slots, self._length
        found = self._digests[first : first + _WAYS].tolist()
        way = found.index(0) if 0 in found else min(range(_WAYS), key=lambda one: slots[(first + one) * length])
        at = (first + way) * length
        for place in range(at, at + length):
            slots[place] = 0
        slots[at + _OLDEST] = step
        self._digests[first + way] = digest
        return at

    def _drop(self, at: int, step: int) -> None:
        """Take out what has left the window. The sum is made anew: who was killed while counting left a wrong one."""
        slots, ring = self._slots, self._steps + 1
        oldest = slots[at + _OLDEST]
        if slots[at + _SUM] and oldest > step - ring:
            return
        for gone in range(oldest, min(step - ring, oldest + self._steps) + 1):
            slots[at + _NUMBERS + gone % ring] = 0
        slots[at + _SUM] = sum(slots[at + _NUMBERS : at + self._length])
        slots[at + _OLDEST] = next((one for one in range(max(oldest, step - ring + 1), step) if slots[at + _NUMBERS + one % ring]), step)

    def _window(self, at: int, limit: int, window_s: int, now: float, allowed: bool) -> Window:
        total = self._slots[at + _SUM]
        if not total:
            return Window(allowed, limit, float(window_s))
        ends = (self._slots[at + _OLDEST] + self._steps + 1) * window_s / self._steps
        return Window(allowed, max(0, limit - total), ends - now)


def _mapped(file: Path) -> mmap.mmap:
    """*file*, which nobody else may have made: anybody can write into that folder. Raises ServeError."""
    size = _HEAD_BYTES + _Table.size(_SHORT_STEPS) + _Table.size(_LONG_STEPS)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        opened = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            found = os.fstat(opened)
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid():
                raise ServeError(f"{file}, in which the API's processes count together, is somebody else's: remove it.")
            os.ftruncate(opened, size)  # longer it never was: another layout has another name
            return mmap.mmap(opened, size)
        finally:
            os.close(opened)
    except OSError as error:
        raise ServeError(f"{file}, in which the API's processes count together, cannot be used ({error.strerror}): set REDIS_URL, or "
                         "LECTERN_API_PROCESSES to 1.") from error


def _semaphore(file: Path) -> SemLock:
    name = semaphore_of(file)
    try:
        try:
            return SemLock(_SEMAPHORE, 1, 1, name, False)
        except FileExistsError:
            return SemLock._rebuild(0, _SEMAPHORE, 1, name)
    except OSError as error:
        raise ServeError(f"The semaphore {name}, under which the API's processes count together, cannot be used ({error.strerror}): set "
                         "REDIS_URL, or LECTERN_API_PROCESSES to 1.") from error


def semaphore_of(file: Path) -> str:
    """What the semaphore of *file* is called."""
    return f"/{file.stem}"
