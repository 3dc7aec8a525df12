"""Keys as people name them: a thing is more than one packed key."""
from __future__ import annotations

from collections.abc import Iterable

from builder.catalog import keys
from edge.errors import LecternError

_FACETS = {"course": ("/moved",), "batch": ("/sums", "/order", "/moved"), "subject": ("/moved",), "instructor": ("/moved",),
           "video": ("/place", "/moved")}


class NoKeyError(LecternError):
    """What was given is no key."""


def of_things(texts: Iterable[str], *, whole: bool = False) -> frozenset[int]:
    """The packed keys that *texts* mean. ``video:831`` is the thing: its own key and its card; with *whole*, its place,
    its order and its old addresses too. ``video:831/card`` is that key alone. Raises NoKeyError."""
    found: set[int] = set()
    for text in texts:
        try:
            key = keys.parse(text)
        except ValueError as error:
            raise NoKeyError(f"{error}.") from error
        found.add(key)
        kind, colon, rest = text.partition(":")
        if colon and "/" not in rest:
            found |= {key & ~255 | keys.code(kind + facet) for facet in ("/card", *(_FACETS[kind] if whole else ()))}
    return frozenset(found)
