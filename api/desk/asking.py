"""What the desk's routes about the builder read and answer with: questions, the way of a release, health, the webhook."""
from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from api.bodies import Body, Id
from api.desk.shapes import MOST_AT_ONCE, TEXT_LETTERS, Kind, Line, Markup, Url, Values


class Preview(Body, frozen=True):
    """Open edits to be seen together as pages."""

    edits: Annotated[tuple[Id, ...], msgspec.Meta(min_length=1, max_length=MOST_AT_ONCE)]


class Fill(Body, frozen=True):
    """An address that an editor pasted."""

    url: Url


class Words(Body, frozen=True):
    """A description as it is being written."""

    text: Annotated[str, msgspec.Meta(max_length=TEXT_LETTERS)]
    markup: Markup = "markdown"


class Export(Body, frozen=True):
    """The whole catalog as a file."""

    format: Literal["csv", "jsonl"] = "csv"


class Upload(Body, frozen=True):
    """The query of an upload: the file's name, whose ending says what it is."""

    name: Annotated[str, msgspec.Meta(max_length=200, pattern=r"^[^/\\\x00-\x1f]{1,194}\.(csv|jsonl|ndjson)$")]


class Rollback(Body, frozen=True):
    """Back to what the site was at a release."""

    to: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]


class Question(Body, frozen=True):
    """What was asked of the builder. ``answer`` is the kind's own, or ``{"why"}`` where it failed; ``address`` is where the answer's
    objects lie until ``expires_at``."""

    id: Id
    etag: str
    kind: Literal["preview", "impact", "fill", "markdown", "check", "import", "export", "takedown", "rollback", "unhold"]
    state: Literal["waiting", "taken", "answered", "failed"]
    answer: dict[str, Any]
    address: str | None
    asked_at: str
    done_at: str | None
    expires_at: str


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


class HookRecord(Body, frozen=True):
    """A thing by its slug: changed where there is one, made where there is none. Of a video, ``status`` says what becomes of it."""

    kind: Kind
    slug: Annotated[str, msgspec.Meta(min_length=1, max_length=180)]
    values: Values = Values()


class Hook(Body, frozen=True):
    """What another system has published. All of it is applied, or nothing."""

    records: Annotated[tuple[HookRecord, ...], msgspec.Meta(min_length=1, max_length=MOST_AT_ONCE)]


class HookDone(Body, frozen=True):
    """What became of a record."""

    kind: Kind
    slug: str
    id: Id
    outcome: Literal["made", "changed", "unchanged"]


class Hooked(Body, frozen=True):
    """The answer to a delivery. ``repeated``: it had come before, nothing was done now, and this is what was answered then."""

    delivery: Line
    repeated: bool
    records: tuple[HookDone, ...]
    change: int | None
