"""Passwords: what is taken, and how it is kept. Sources: OWASP ASVS 5.0 V6.2, RFC 9106 (Argon2)."""
from __future__ import annotations

import threading
import time
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from api.auth.lanes import lane
from api.errors import BusyError, Wrong
from api.problems import PASSWORD_COMMON, PASSWORD_LONG, PASSWORD_OBVIOUS, PASSWORD_SHORT

LEAST_LETTERS = 8
MOST_LETTERS = 128

MEMORY_KIB = 19 * 1024
PASSES = 2
LANES = 1
"""OWASP's first choice for argon2id: 16 to 28 ms of one core here; docs/security.md has others beside it. More lanes would take the other
cores too."""

AT_ONCE = 2
"""Hashes at a time, in all processes of an instance together: each holds 19 MiB and a core."""

WAITING = 1
"""The server has four threads: two check, one waits, one answers everybody else, and tells who comes too many to come
back. Measured with 60 clients that log in without a pause, on two cores with the clients on them: others' requests took
0.06 to 0.26 s so, and 2.1 s with 16 that wait; 117 MB in both."""

WAIT_S = 2.0

_BUSY = "Too many people log in at this moment: try again in a second."
T = TypeVar("T")


class Hashing:
    """At most *at_once* hashes at a time, and a short queue before them; with *lanes*, a folder, at most ``AT_ONCE`` in all
    processes that have the same one.

    They run on threads of their own, so that their memory is given to so many heaps and no more. The
    threads are made at the first hash: after a server has forked.
    """

    def __init__(self, at_once: int = AT_ONCE, waiting: int = WAITING, wait_s: float = WAIT_S, *, lanes: Path | None = None) -> None:
        self._hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
        self._threads = ThreadPoolExecutor(at_once, "hash")
        self._places = threading.BoundedSemaphore(at_once + waiting)
        self._wait_s = wait_s
        self._lanes = lanes
        _nobody()  # or the first to ask for an absent account would wait for two

    def hash(self, password: str) -> str:
        """*password*, encoded for the database. Raises BusyError."""
        return self._queued(lambda: self._hasher.hash(normal(password)))

    def matches(self, password: str, encoded: str | None) -> bool:
        """Whether *encoded* was made of *password*; where there is none it takes as long to say no. Raises BusyError."""
        return self._queued(lambda: self._verify(normal(password), encoded))

    def is_old(self, encoded: str) -> bool:
        """Whether *encoded* was made with other costs than today's."""
        return self._hasher.check_needs_rehash(encoded)

    def _verify(self, password: str, encoded: str | None) -> bool:
        try:
            return self._hasher.verify(encoded or _nobody(), password) and encoded is not None
        except (VerificationError, InvalidHashError):
            return False

    def _queued(self, work: Callable[[], T]) -> T:
        if not self._places.acquire(blocking=False):
            raise BusyError(_BUSY, retry_s=1)
        until = time.monotonic() + self._wait_s
        try:
            future = self._threads.submit(self._in_lane, work, until)
            future.add_done_callback(lambda _: self._places.release())
        except BaseException:
            self._places.release()
            raise
        try:
            return future.result(self._wait_s)
        except TimeoutError as error:
            if future.cancel():
                raise BusyError(_BUSY, retry_s=1) from error
            return future.result()  # it has begun: what is left of it is short


    def _in_lane(self, work: Callable[[], T], until: float) -> T:
        if self._lanes is None:
            return work()
        with lane(self._lanes, AT_ONCE, until) as free:
            if not free:
                raise BusyError(_BUSY, retry_s=1)
            return work()


def normal(password: str) -> str:
    """The same letters typed on another keyboard are the same password (NIST SP 800-63B, NFKC)."""
    return unicodedata.normalize("NFKC", password)


def fault(password: str, *words: str, field: str = "password") -> Wrong | None:
    """What is wrong with a new *password*, which came in *field*; None where nothing is.

    *words* are what anybody would try first: the address, the site's name.
    """
    password = normal(password)
    if len(password) < LEAST_LETTERS:
        return Wrong(field, f"A password has at least {LEAST_LETTERS} letters.", PASSWORD_SHORT.uri, LEAST_LETTERS)
    if len(password) > MOST_LETTERS:
        return Wrong(field, f"A password has at most {MOST_LETTERS} letters.", PASSWORD_LONG.uri, MOST_LETTERS)
    folded = password.casefold()
    if folded in commonest() or len(set(folded)) < 3:
        return Wrong(field, "This is one of the passwords that are tried first: choose another.", PASSWORD_COMMON.uri)
    bare = _letters(folded)
    if bare in {_letters(word) for word in words} - {""}:
        return Wrong(field, "A password must not be your address or this site's name: choose another.", PASSWORD_OBVIOUS.uri)
    return None


@cache
def commonest() -> frozenset[str]:
    """The passwords most often found in published leaks, of those that are long enough: the first 5,000 of zxcvbn's list (MIT)."""
    return frozenset((Path(__file__).parent / "commonest.txt").read_text("utf-8").split())


@cache
def _nobody() -> str:
    """What the password of an absent account is compared with: made with today's costs, so it takes today's time."""
    return PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES).hash("nobody's")


def _letters(text: str) -> str:
    return "".join(letter for letter in normal(text).casefold() if letter.isalpha())
