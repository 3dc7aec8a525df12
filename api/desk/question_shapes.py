"""What the routes by which the desk asks the builder read and answer with."""
from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from api.bodies import Body, Id
from api.desk.shapes import MOST_AT_ONCE, TEXT_LETTERS, Markup, Url


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
