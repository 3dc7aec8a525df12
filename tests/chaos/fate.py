"""What becomes of a call: each one that a builder makes to store, database or CDN is counted, and goes wrong where the script says."""
from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, NoReturn

What = Literal["kill before", "kill after", "error", "lost", "503", "slow", "undeleted"]


class Fault(NamedTuple):
    """What goes wrong at a call, and at how many calls from there on."""

    what: What
    times: int = 1


class Killed(BaseException):
    """What `kill` raises where the builder runs in the test's own process; no ``except Exception`` holds it."""


class Call(NamedTuple):
    """A call as it was counted: keep, put, get, head, delete, list; sql, copy, commit, rollback; purge."""

    what: str
    key: str  # the first of several; the prefix of a listing; the beginning of a statement


def _raise_killed() -> None:
    raise Killed


class Fate:
    """*faults* by call number, from 1. Several ports of one builder share it, so that a call has one number in all of them.

    A kill ends the process, or raises; who was killed is dead, and every later call kills too, so that no ``finally``
    of the killed builder does anything.
    """

    def __init__(self, faults: Mapping[int, Fault] | None = None, *, kill: Callable[[], None] = _raise_killed,
                 sleep: Callable[[float], None] = lambda seconds: None, dies: Callable[[Call], bool | What] = lambda call: False) -> None:
        """*dies*: at which call it is killed, whatever its number; before it where nothing else is said."""
        self.calls: list[Call] = []
        self.met: list[tuple[int, str]] = []  # the faults that were met, by call number
        self.dead = False
        self.sleep = sleep
        self.lock = threading.RLock()
        self._kill, self._dies = kill, dies
        self._faults = {number + n: fault.what for number, fault in (faults or {}).items() for n in range(fault.times)}

    def meet(self, call: Call, able: frozenset[str]) -> str:
        """Count *call*; what goes wrong with it, "" where nothing does. What is not among *able* is an error."""
        if self.dead:
            self._die()
        self.calls.append(call)
        dies = self._dies(call)
        fault: str = dies if isinstance(dies, str) else "kill before" if dies else self._faults.get(len(self.calls), "")
        if not fault:
            return ""
        if not fault.startswith("kill") and fault not in able:
            fault = "error"
        self.met.append((len(self.calls), fault))
        if fault == "kill before":
            self._die()
        return fault

    def past(self, fault: str) -> None:
        """The call is done: a kill that was to come after it comes."""
        if fault == "kill after":
            self._die()

    def must_live(self) -> None:
        """Raises for who is dead."""
        if self.dead:
            self._die()

    def _die(self) -> NoReturn:
        self.dead = True
        self._kill()
        raise AssertionError("kill must not return")
