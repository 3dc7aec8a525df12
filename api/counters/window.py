"""What a counter is asked, and what it answers."""
from __future__ import annotations

from typing import NamedTuple

Wanted = tuple[str, int, int]
"""A key, its limit, and its window's length in seconds."""


class Window(NamedTuple):
    """What is known of a key after a look at it."""

    allowed: bool
    left: int
    reset_s: float
    """Seconds until the oldest that counts leaves the window; the window's length where none does."""
