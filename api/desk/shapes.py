"""What the desk's routes read and answer with. Moments are ISO 8601 in UTC; ETags stand without quotation marks."""
from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from api.bodies import Body, Id
from api.errors import Problem

EDIT_BYTES = 8 * 1024 * 1024
"""An edit may bring captions in several languages."""

FILE_BYTES = 16 * 1024 * 1024
"""Of one import over the desk; a larger one goes by the command."""

MOST_AT_ONCE = 200
MOST_VIDEOS = 1_000
"""That a batch holds."""

MOST_LISTED = 100
TEXT_LETTERS = 262_144
CAPTION_LETTERS = 4_194_304

Kind = Literal["course", "batch", "subject", "instructor", "video"]
Markup = Literal["plain", "markdown", "rst", "html"]
Status = Literal["draft", "scheduled", "published", "withdrawn"]
Outcome = Literal["published", "scheduled", "saved", "withdrawn", "deleted", "merged", "unchanged"]
SourceKind = Literal["youtube", "vimeo", "peertube", "archive", "file", "hls", "link"]
Line = Annotated[str, msgspec.Meta(max_length=2_000)]
Url = Annotated[str, msgspec.Meta(max_length=2_048)]
Etag = Annotated[str, msgspec.Meta(max_length=64)]
Moment = Annotated[str, msgspec.Meta(max_length=40, description="ISO 8601 with its zone")]
Day = Annotated[str, msgspec.Meta(max_length=10, description="YYYY-MM-DD")]


class Source(Body, frozen=True):
    """Where a video can be watched; ``kind`` says who plays it."""

    kind: SourceKind
    url: Url
    start_s: Annotated[int, msgspec.Meta(ge=0, le=604_800)] = 0


class Resource(Body, frozen=True):
    """A link beside a video."""

    label: Line
    url: Url


class Caption(Body, frozen=True):
    """WebVTT for captions, plain text for a transcript."""

    language: Annotated[str, msgspec.Meta(max_length=35)]
    body: Annotated[str, msgspec.Meta(max_length=CAPTION_LETTERS)]
    kind: Literal["captions", "transcript"] = "captions"


Ids = Annotated[tuple[Id, ...], msgspec.Meta(max_length=100)]


class Values(Body, frozen=True):
    """The fields that an edit sets; what is left out stays. An instructor's name is its ``title``. A draft may hold what is not
    fit to be published yet. ``videos`` is a batch's order; ``into`` is what a merge goes to."""

    slug: Annotated[str, msgspec.Meta(max_length=180)] | UnsetType = UNSET
    title: Line | UnsetType = UNSET
    description: Annotated[str, msgspec.Meta(max_length=TEXT_LETTERS)] | UnsetType = UNSET
    description_markup: Markup | UnsetType = UNSET
    course: Id | UnsetType = UNSET
    url: Url | UnsetType | None = UNSET
    starts_on: Day | UnsetType | None = UNSET
    ends_on: Day | UnsetType | None = UNSET
    gated: bool | UnsetType = UNSET
    videos: Annotated[tuple[Id, ...], msgspec.Meta(max_length=MOST_VIDEOS)] | UnsetType = UNSET
    batch: Id | UnsetType = UNSET
    language: Annotated[str, msgspec.Meta(max_length=35)] | UnsetType | None = UNSET
    duration_s: Annotated[int, msgspec.Meta(ge=1, le=86_400)] | UnsetType | None = UNSET
    recorded_on: Day | UnsetType | None = UNSET
    status: Status | UnsetType = UNSET
    publish_at: Moment | UnsetType | None = UNSET
    licence: Line | UnsetType = UNSET
    picture_url: Url | UnsetType | None = UNSET
    subjects: Ids | UnsetType = UNSET
    instructors: Ids | UnsetType = UNSET
    sources: Annotated[tuple[Source, ...], msgspec.Meta(max_length=20)] | UnsetType = UNSET
    resources: Annotated[tuple[Resource, ...], msgspec.Meta(max_length=100)] | UnsetType = UNSET
    captions: Annotated[tuple[Caption, ...], msgspec.Meta(max_length=60)] | UnsetType = UNSET
    into: Id | UnsetType = UNSET


FIELDS: dict[str, frozenset[str]] = {
    "course": frozenset(("slug", "title", "description", "description_markup")),
    "batch": frozenset(("slug", "title", "description", "description_markup", "course", "url", "starts_on", "ends_on", "gated", "videos")),
    "subject": frozenset(("slug", "title")),
    "instructor": frozenset(("slug", "title")),
    "video": frozenset(("slug", "title", "description", "description_markup", "language", "duration_s", "recorded_on", "status",
                        "publish_at", "batch", "licence", "picture_url", "subjects", "instructors", "sources", "resources", "captions")),
}
"""What a thing of each kind has."""


class Who(Body, frozen=True):
    """An editor by account; 0 is the webhook."""

    id: Annotated[int, msgspec.Meta(ge=0)]
    name: str


class Listed(Body, frozen=True):
    """A thing in a list. ``waiting``: somebody has an edit of it that is not published; ``aside``: a page of it could not be rendered."""

    id: Id
    kind: Kind
    title: str
    slug: str
    status: Status | None
    batch: Id | None
    publish_at: str | None
    videos: int | None
    waiting: bool
    aside: bool


class ListRead(Body, frozen=True):
    """The query of a list, newest first. ``q`` is sought in titles and slugs; ``ids`` names things, comma-separated."""

    q: Annotated[str, msgspec.Meta(max_length=200)] = ""
    status: Status | Literal["", "waiting", "aside"] = ""
    batch: Id | None = None
    ids: Annotated[str, msgspec.Meta(max_length=2_000)] = ""
    after: Annotated[str, msgspec.Meta(max_length=64)] = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_LISTED)] = 50


class Things(Body, frozen=True):
    """A page of a list; ``next`` is the next one's ``after``."""

    things: tuple[Listed, ...]
    next: str | None


class Edit(Body, frozen=True):
    """An edit. ``base`` is the thing as it was when it began, ``changes`` what it sets. ``stale``: the thing is another by now."""

    id: Id
    etag: Etag
    kind: Kind
    thing: Id | None
    deed: Literal["create", "change", "merge", "delete"]
    state: Literal["open", "published", "discarded"]
    base_etag: Etag
    stale: bool
    base: dict[str, Any]
    changes: dict[str, Any]
    author: Who
    publisher: Who | None
    undoes: Id | None
    undone_by: Id | None
    begun_at: str
    saved_at: str
    published_at: str | None
    change: Id | None


class Edits(Body, frozen=True):
    """Edits, the last saved or published first."""

    edits: tuple[Edit, ...]
    next: str | None


class Other(Body, frozen=True):
    """Another editor's open edit of the same thing."""

    edit: Id
    author: Who
    saved_at: str


class Thing(Body, frozen=True):
    """A thing as it is published or waits: ``values`` by field, ``names`` of what they name by ``kind:id``. ``path`` is its page's,
    None where it has none. ``edit`` is the asker's own open one."""

    kind: Kind
    id: Id
    etag: Etag
    values: dict[str, Any]
    names: dict[str, str]
    path: str | None
    picture: str | None
    unavailable_since: str | None
    edit: Edit | None
    others: tuple[Other, ...]


class EditsRead(Body, frozen=True):
    """The query of open edits."""

    mine: Literal["yes", "no"] = "yes"
    after: Annotated[str, msgspec.Meta(max_length=64)] = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_LISTED)] = 50


class HistoryRead(Body, frozen=True):
    """The query of a page of history, of one thing or of all; ``imported`` names an import, for what came with its file."""

    imported: Id | None = None
    after: Annotated[str, msgspec.Meta(max_length=64)] = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_LISTED)] = 50


class Difference(Body, frozen=True):
    """A field before and after."""

    field: str
    before: Any
    after: Any


class Entry(Body, frozen=True):
    """A published edit: who, when, what. ``can_undo``: its fields are still as it left them. ``imported``: the import that it came
    with, None where it was made by hand."""

    id: Id
    etag: Etag
    kind: Kind
    thing: Id
    title: str
    deed: Literal["create", "change", "merge", "delete"]
    by: Who
    at: str
    what: tuple[Difference, ...]
    undoes: Id | None
    undone_by: Id | None
    can_undo: bool
    change: Id | None
    imported: Id | None


class History(Body, frozen=True):
    """A page of history, newest first."""

    entries: tuple[Entry, ...]
    next: str | None


Tab = Annotated[str, msgspec.Meta(max_length=64, description="A name that the page makes up for each tab")]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1, description="Raised by the tab with each save that it sends")]


class Begin(Body, frozen=True):
    """An edit to be begun: of a thing (If-Match names its ETag), or of a new one."""

    kind: Kind
    thing: Id | None = None
    deed: Literal["create", "change", "merge", "delete"] = "change"
    changes: Values = Values()
    tab: Tab = ""
    count: Count = 0


class Save(Body, frozen=True):
    """All that an edit sets. ``base``: the thing's present ETag, where the editor has looked at it and goes on from there."""

    changes: Values
    base: Etag = ""
    tab: Tab = ""
    count: Count = 0


class Publish(Body, frozen=True):
    """Publish, or with ``at`` schedule. ``keep_status``: what is a draft or withdrawn stays so."""

    at: Moment | None = None
    keep_status: bool = False


class Named(Body, frozen=True):
    """An edit and the ETag that its editor saw."""

    id: Id
    etag: Etag = ""


class PublishMany(Body, frozen=True):
    """Several edits in one transaction: all or none."""

    edits: Annotated[tuple[Named, ...], msgspec.Meta(min_length=1, max_length=MOST_AT_ONCE)]
    at: Moment | None = None
    keep_status: bool = False


class UndoMany(Body, frozen=True):
    """Several published edits to be taken back in one transaction, the newest first: all or none."""

    edits: Annotated[tuple[Named, ...], msgspec.Meta(min_length=1, max_length=MOST_AT_ONCE)]


class Withdraw(Body, frozen=True):
    """Withdraw a video; with ``takedown`` any thing, at once, everywhere, for good."""

    takedown: bool = False


class NamedThing(Body, frozen=True):
    """A thing and the ETag that its editor saw."""

    kind: Kind
    id: Id
    etag: Etag = ""


class WithdrawMany(Body, frozen=True):
    """Several things at once: all or none."""

    things: Annotated[tuple[NamedThing, ...], msgspec.Meta(min_length=1, max_length=MOST_AT_ONCE)]
    takedown: bool = False


class Done(Body, frozen=True):
    """What became of one edit."""

    edit: Id
    etag: Etag
    kind: Kind
    thing: Id | None
    thing_etag: Etag | None
    outcome: Outcome


class Published(Body, frozen=True):
    """What was done. ``change`` leads to ``GET …/ways/CHANGE``; None where no page can show it. ``questions``: takedowns asked for."""

    edits: tuple[Done, ...]
    change: Id | None
    questions: tuple[Id, ...] = ()


class Conflict(Problem, frozen=True):
    """412: somebody was faster. ``yours`` is what was sent, ``theirs`` what stands there, ``base`` what both began with, ``fields``
    where they differ; ``now`` is the ETag to go on with."""

    now: str = ""
    edit: int | None = None
    kind: str = ""
    thing: int | None = None
    yours: dict[str, Any] = msgspec.field(default_factory=dict)
    theirs: dict[str, Any] = msgspec.field(default_factory=dict)
    base: dict[str, Any] = msgspec.field(default_factory=dict)
    fields: tuple[str, ...] = ()
