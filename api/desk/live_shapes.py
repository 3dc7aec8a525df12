"""What the routes about what is live read and answer with: the way of a release, the list of releases, health."""
from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from api.bodies import Body, Id


class Rollback(Body, frozen=True):
    """Back to what the site was at a release."""

    to: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]


class Step(Body, frozen=True):
    """A step on the way; ``ms`` since the change, None while it is not done or where nobody noted when it was."""

    name: Literal["committed", "planned", "rendered", "uploaded", "purged", "seen"]
    state: Literal["waiting", "doing", "done", "failed", "none"]
    ms: int | None = None


class Failed(Body, frozen=True):
    """A page that was set aside or held back; ``mend`` says what to do."""

    path: str
    kind: str
    why: str
    mend: str


class Seen(Body, frozen=True):
    """What the edge showed of one page; ``lag_ms`` from the change to the new bytes, None where they were not seen in time."""

    url: str
    encoding: str
    lag_ms: int | None
    served_by: str


class Way(Body, frozen=True):
    """How a change goes live, by its release's row. ``over``: nothing more will come."""

    change: int | None
    release: int | None
    at: str
    over: bool
    steps: tuple[Step, ...]
    rendered: int
    uploaded: int
    retired: int
    purged: int
    held_back: int
    failed: tuple[Failed, ...]
    seen: tuple[Seen, ...]


class Release(Body, frozen=True):
    """A release in the list."""

    release: int
    state: Literal["writing", "live", "superseded"]
    cause: str
    started_at: str
    live_at: str | None
    changes: int
    rendered: int
    uploaded: int
    retired: int
    held_back: int
    can_go_back: bool


class Releases(Body, frozen=True):
    """The newest releases, and where publishing is on hold the one that the site was taken back to."""

    releases: tuple[Release, ...]
    held_at: int | None


class Dead(Body, frozen=True):
    """A video whose provider says that it is gone."""

    id: Id
    title: str
    since: str


class Watched(Body, frozen=True):
    """How many students began a video in a week, and how many finished it; ``estimated`` where not all were counted."""

    id: Id
    title: str
    students: int
    completed: int


class Health(Body, frozen=True):
    """How the site stands, for editors."""

    waiting: int
    lag_s: float
    worker: bool
    held_at: int | None
    dead: tuple[Dead, ...]
    dead_in_all: int
    aside: tuple[Failed, ...]
    aside_in_all: int
    debts: dict[str, int]
    refreshed_at: str | None
    refresh_behind: int
    refresh_known: int
    watched: tuple[Watched, ...]
    watched_estimated: bool
