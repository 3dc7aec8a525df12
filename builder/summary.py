"""What a release did, and how long each of its stages took."""
from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from builder.task import Failure


class Clock:
    """Seconds by stage, one after the other."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._at = time.perf_counter()

    def lap(self, stage: str) -> None:
        """What has passed since the last lap belongs to *stage*."""
        now = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0) + now - self._at
        self._at = now


@dataclass(slots=True)
class Summary:
    """What a release did; `release` is None where nothing changed."""

    release: int | None = None
    pages: dict[str, int] = field(default_factory=dict)
    changes: int = 0
    rendered: int = 0
    uploaded: int = 0
    retired: int = 0
    purged: int = 0
    set_aside: list[Failure] = field(default_factory=list)
    held_back: list[str] = field(default_factory=list)
    seconds: Mapping[str, float] = field(default_factory=dict)
    bytes: int = 0
