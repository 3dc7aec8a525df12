"""The Pinger port: who is told that feeds or pages changed. One adapter each; what is told is a hint, and never has to be true for long."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from edge.errors import OwedError

ANSWER_S = 5.0
"""A ping is taken in well under a second; whoever takes longer is told later."""


class PingError(OwedError):
    """A ping was not taken."""

    noun = "ping"


class Pinger(Protocol):
    """One hub, or one search engine for all of them. Used by one thread at a time."""

    name: str
    """As `live.debt` names it."""

    told_of: Literal["feeds", "pages"]

    at_once: int
    """URLs that one debt holds."""

    def ping(self, urls: Sequence[str]) -> None:
        """Tell that *urls*, absolute and at most `at_once` of them, changed; returns when that was taken. Idempotent. Raises PingError."""
