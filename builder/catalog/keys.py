"""Keys: what a page depends on, written ``video:831`` or ``video:831/card``, stored as packed integers.

``video:831`` is what the video's own pages depend on; ``video:831/card`` is what other pages show of
it. A packed key holds the id above eight bits of kind, so that an array of them is small and GIN-indexed.
"""
from __future__ import annotations

_NAMES = (
    "site", "course", "course/card", "batch", "batch/card", "subject", "subject/card",
    "instructor", "instructor/card", "video", "video/card",
    "videos", "batches", "courses", "subjects", "instructors",
)
_CODES = {name: code for code, name in enumerate(_NAMES)}

SITE = _CODES["site"]
VIDEOS, BATCHES = _CODES["videos"], _CODES["batches"]
COURSES, SUBJECTS, INSTRUCTORS = _CODES["courses"], _CODES["subjects"], _CODES["instructors"]


def course(id: int) -> int:
    return id << 8 | 1


def course_card(id: int) -> int:
    return id << 8 | 2


def batch(id: int) -> int:
    return id << 8 | 3


def batch_card(id: int) -> int:
    return id << 8 | 4


def subject(id: int) -> int:
    return id << 8 | 5


def subject_card(id: int) -> int:
    return id << 8 | 6


def instructor(id: int) -> int:
    return id << 8 | 7


def instructor_card(id: int) -> int:
    return id << 8 | 8


def video(id: int) -> int:
    return id << 8 | 9


def video_card(id: int) -> int:
    return id << 8 | 10


def parse(text: str) -> int:
    """The packed key of ``kind``, ``kind:id`` or ``kind:id/card``. Raises ValueError for anything else."""
    name, colon, rest = text.partition(":")
    number, slash, facet = rest.partition("/")
    name += slash + facet
    if name not in _CODES or bool(colon) == (_CODES[name] in _SINGLE) or (colon and not number.isdecimal()):
        raise ValueError(f"{text!r} is not a key: write kind:id, as in video:831")
    return int(number or 0) << 8 | _CODES[name]


def show(key: int) -> str:
    """A packed key as people write it."""
    name = _NAMES[key & 255]
    if key & 255 in _SINGLE:
        return name
    kind, slash, facet = name.partition("/")
    return f"{kind}:{key >> 8}{slash}{facet}"


_SINGLE = frozenset(_CODES[n] for n in ("site", "videos", "batches", "courses", "subjects", "instructors"))
