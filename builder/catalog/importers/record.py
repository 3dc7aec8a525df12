"""A record: what a set of files says of one course, batch, subject, instructor or video."""
from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Any, Literal

from edge.address import slugify

Kind = Literal["course", "batch", "subject", "instructor", "video"]
KINDS: tuple[Kind, ...] = ("course", "subject", "instructor", "batch", "video")  # each after what it names
NAMED = {"course": "title", "batch": "title", "subject": "title", "instructor": "name", "video": "title"}

_UNSEEN = dict.fromkeys(map(ord, "\u00ad\u200b\u2060\ufeff\u200e\u200f"))
_SPACES = re.compile(r"\s+")


@dataclass(slots=True)
class Record:
    """*values* holds only what the file speaks of, as JSON values by column, and for a video its lists:
    ``subjects`` and ``instructors`` (names or slugs), ``sources`` ([kind, url, start_s]), ``resources``
    ([label, url]), ``aliases`` (paths), ``captions`` ([language, kind, body]); a batch's ``course`` and a
    video's ``batch`` are names or slugs. *ref* is the record's name within its origin.
    """

    kind: Kind
    ref: str
    file: str
    line: int | None
    values: dict[str, Any]
    wish: str = ""  # the slug that a new row should have, if it is free
    id: int | None = None
    slug: str | None = None  # the slug that the file names its row by
    version: int | None = None
    by_name: bool = False  # with neither id nor slug, the row that bears its name is meant
    only_new: dict[str, Any] = field(default_factory=dict)  # what a new row gets and no standing one: words_at, old_slugs


def name_key(name: str) -> str:
    """What makes two names one: the same after NFC, white space, case and letters that are not seen."""
    return _SPACES.sub(" ", unicodedata.normalize("NFC", name).translate(_UNSEEN)).strip().casefold()


def key_of(kind: Kind, name: str) -> str:
    """The key under which a name is one thing. Subjects go by slug, so "lightning-talks" is "Lightning Talks"
    and C, C++ and C# stay three; people's and other names only by :func:`name_key`.
    """
    return slugify(name, "") or name_key(name) if kind == "subject" else name_key(name)
