"""What the routes about one student read and answer with. Videos and batches go by public id alone."""
from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from api.bodies import Body, Id

MOST_VIDEOS = 100
"""That one overlay may name: a list page shows at most 99."""

MOST_ENTRIES = 500
"""That one write of progress may hold; some 60 bytes each in a beacon's 64 KiB."""

MOST_EMAILS = 200
MOST_PAGE = 100
LONGEST_S = 86_400  # catalog.video.duration_s ends there
NOTE_LETTERS = 4_000
LAST_MS = 8_640_000_000_000_000
"""The last moment that a browser's Date knows."""

_LANGUAGE = r"^([a-z]{2,3}(-[A-Za-z0-9]{2,8})*)?(?![\s\S])"  # "$" would let a line's end pass

Seconds = Annotated[float, msgspec.Meta(ge=0, le=LONGEST_S)]
Moment = Annotated[int, msgspec.Meta(ge=0, le=LAST_MS)]
"""Milliseconds since 1970, as ``Date.now()`` gives them."""

Version = Annotated[str, msgspec.Meta(max_length=64, description="The state that the asker knows of: TAG.REVISION")]
Cursor = Annotated[str, msgspec.Meta(max_length=64, description="Where the last page ended: its `next`")]
Limit = Annotated[int, msgspec.Meta(ge=1, le=MOST_PAGE)]


class Read(Body, frozen=True):
    """The query of a plain read."""

    v: Version = ""


class PageRead(Body, frozen=True):
    """The query of a page of a list."""

    v: Version = ""
    after: Cursor = ""
    limit: Limit = 50


class BegunRead(Body, frozen=True):
    """The query of what to go on with."""

    v: Version = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=50)] = 12


class NotesRead(Body, frozen=True):
    """The query of a page of a video's notes."""

    video: Id
    v: Version = ""
    after: Cursor = ""
    limit: Limit = 50


class OverlayRead(Body, frozen=True):
    """The query of an overlay: a batch, or videos, and not both."""

    v: Version = ""
    batch: Id | None = None
    videos: Annotated[str, msgspec.Meta(max_length=2_000, description=f"At most {MOST_VIDEOS} ids, comma-separated")] = ""


class Entry(Body, frozen=True):
    """Where a student is in a video, at a moment of the client's. ``completed`` is said only where it changes."""

    video: Id
    position_s: Seconds
    at_ms: Moment
    completed: bool | None = None


class Progress(Body, frozen=True):
    """Many entries at once. ``csrf`` stands here for ``navigator.sendBeacon``, which sends no header."""

    videos: Annotated[tuple[Entry, ...], msgspec.Meta(max_length=MOST_ENTRIES)]
    csrf: str = ""


class NewNote(Body, frozen=True):
    """A note to be made."""

    video: Id
    at_s: Seconds
    body: Annotated[str, msgspec.Meta(min_length=1, max_length=NOTE_LETTERS)]


class NoteText(Body, frozen=True):
    """A note's new place and words."""

    at_s: Seconds
    body: Annotated[str, msgspec.Meta(min_length=1, max_length=NOTE_LETTERS)]


class Preferences(Body, frozen=True):
    """What a student set for player and pages."""

    playback_rate: Annotated[float, msgspec.Meta(ge=0.25, le=4)] = 1.0
    captions: bool = False
    captions_language: Annotated[str, msgspec.Meta(max_length=35, pattern=_LANGUAGE)] = ""
    autoplay: bool = False
    theme: Literal["auto", "light", "dark"] = "auto"


class Enrol(Body, frozen=True):
    """Students to be enrolled, by address."""

    emails: Annotated[tuple[Annotated[str, msgspec.Meta(min_length=3, max_length=254)], ...],
                      msgspec.Meta(min_length=1, max_length=MOST_EMAILS)]


class Written(Body, frozen=True):
    """After a write: whose, and the state that it made; ``v`` goes into the address of the next reads."""

    account: int
    revision: int
    v: str


class Recorded(Written, frozen=True):
    """After progress was written. ``refused``: ids of what is not published, and was left out."""

    refused: tuple[int, ...] = ()


class Place(Body, frozen=True):
    """Where a student is in a video."""

    video: int
    position_s: float
    completed: bool
    at_ms: int


class OverlayPlace(Body, frozen=True):
    """The same, as the overlay has it."""

    video: int
    position_s: float
    completed: bool


class NoteCount(Body, frozen=True):
    """How many notes a student has in a video."""

    video: int
    count: int


class BatchProgress(Body, frozen=True):
    """How far a student is in a batch, of its published videos."""

    batch: int
    started: int
    completed: int
    last_video: int | None = None


class Overlay(Body, frozen=True):
    """All that one page needs. A video that stands nowhere in it was neither begun nor kept."""

    account: int
    revision: int
    enrolled: tuple[int, ...]
    progress: tuple[OverlayPlace, ...]
    bookmarks: tuple[int, ...]
    notes: tuple[NoteCount, ...]
    batch: BatchProgress | None = None


class Owned(Body, frozen=True):
    """Whose an answer is, and of which state."""

    account: int
    revision: int


class Places(Owned, frozen=True):
    """Places of several videos, the last first."""

    places: tuple[Place, ...]
    next: str | None = None


class Kept(Body, frozen=True):
    """A video that is kept, or a batch that a student is in."""

    id: int
    at_ms: int


class Bookmarks(Owned, frozen=True):
    """Videos that are kept, the last first."""

    bookmarks: tuple[Kept, ...]
    next: str | None = None


class Enrolments(Owned, frozen=True):
    """Batches that a student is in, the last first."""

    enrolments: tuple[Kept, ...]
    next: str | None = None


class Note(Body, frozen=True):
    """A note at a time in a video."""

    id: int
    video: int
    at_s: float
    body: str
    made_at_ms: int
    changed_at_ms: int


class OneNote(Owned, frozen=True):
    """A note, and whose it is."""

    note: Note


class Notes(Owned, frozen=True):
    """Notes of a video, in the video's order."""

    notes: tuple[Note, ...]
    next: str | None = None


class NoteWritten(Written, frozen=True):
    """A note as it stands after the write."""

    note: Note


class Preferred(Owned, frozen=True):
    """What a student set."""

    preferences: Preferences


class Enrolled(Body, frozen=True):
    """How many of the addresses are enrolled now, and which no account bears, or whose account is full."""

    enrolled: int
    unknown: tuple[str, ...] = ()
    full: tuple[str, ...] = ()


class Students(Body, frozen=True):
    """Who is in a batch, by account."""

    batch: int
    students: tuple[Kept, ...]
    next: str | None = None
