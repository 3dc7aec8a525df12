"""Keys: what a page depends on, written ``video:831`` or ``video:831/card``, stored as packed integers.

``video:831`` is what the video's own pages depend on; ``video:831/card`` is what other pages show of
it. Further facets: ``video:831/place``, which lists it stands in and what its neighbours choose by;
``batch:12/order``, which videos it has and in what order; ``batch:12/sums``, their number, length and dates;
``…/moved``, the old addresses of a thing. A packed key holds the id above eight bits of kind, so that an
array of them is small and GIN-indexed.
"""
from __future__ import annotations

from xxhash import xxh3_64_intdigest

_NAMES = (
    "site", "course", "course/card", "batch", "batch/card", "subject", "subject/card",
    "instructor", "instructor/card", "video", "video/card",
    "videos", "batches", "courses", "subjects", "instructors",
    "batch/sums", "batch/order", "video/place",
    "course/moved", "batch/moved", "subject/moved", "instructor/moved", "video/moved",
    "search",
)
_CODES = {name: code for code, name in enumerate(_NAMES)}

SITE = _CODES["site"]
VIDEOS, BATCHES = _CODES["videos"], _CODES["batches"]
SEARCH = _CODES["search"]
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


def batch_sums(id: int) -> int:
    return id << 8 | 16


def batch_order(id: int) -> int:
    return id << 8 | 17


def video_place(id: int) -> int:
    return id << 8 | 18


def moved(kind: str, id: int) -> int:
    return id << 8 | _CODES[f"{kind}/moved"]


def code(name: str) -> int:
    """The code of a kind and facet, such as ``video/card``."""
    return _CODES[name]


def card(kind: str, id: int) -> int:
    return id << 8 | _CODES[f"{kind}/card"]


def kind_of(key: int) -> str:
    """The kind of thing that a key is of: ``video`` for ``video:831/card``."""
    return _NAMES[key & 255].partition("/")[0]


def fact(value: int) -> int:
    """What is no key, but stands among a page's: never touched by a change, it tells that the page's shape is another."""
    return value << 8 | 255


def fact_of(value: object) -> int:
    """A fact of anything whose text is always the same."""
    text = value if isinstance(value, str) else repr(value)
    return fact(xxh3_64_intdigest(text.encode()) >> 10)


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
    if key & 255 == 255:
        return f"fact:{key >> 8}"
    name = _NAMES[key & 255]
    if key & 255 in _SINGLE:
        return name
    kind, slash, facet = name.partition("/")
    return f"{kind}:{key >> 8}{slash}{facet}"


_SINGLE = frozenset(_CODES[n] for n in ("site", "videos", "batches", "courses", "subjects", "instructors", "search"))
