"""Objects as text that people can compare: headers first, then the body, a line a thing."""
from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from builder.packing import unpacked
from edge.store.port import Object

CONTEXT = 1
# Between two tags, after a value of JSON, after a sentence: a page stands in few lines, and an edit touches one of these.
_BREAK = re.compile(r'(?<=>)\s*(?=<)|(?<=,)(?=["{\[])|(?<=[.!?]) (?=\S)')
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def headers(thing: Object) -> dict[str, str]:
    """The headers that an object is stored with, by their names; what it has not is left out."""
    named = {
        "Status": str(thing.status), "Content-Type": thing.content_type, "Cache-Control": thing.cache_control,
        "Content-Encoding": "gzip" if thing.gzipped else "", "Location": thing.location, "Tags": thing.tags,
    }
    return {name: value for name, value in named.items() if value}


def lines(thing: Object | None, *, with_body: bool = True) -> list[str]:
    """An object as lines; none where there is none."""
    if thing is None:
        return []
    found = [f"{name}: {value}" for name, value in headers(thing).items()]
    if not with_body:
        return found
    raw = unpacked(thing)
    if not thing.gzipped:
        return [*found, "", f"({len(raw):,} bytes)"]
    broken = (_BREAK.sub("\n", part) for part in raw.decode("utf-8", "replace").splitlines())
    return [*found, "", *(line for part in broken for line in part.split("\n") if line)]


def unified(path: str, old: Sequence[str], new: Sequence[str], most: int) -> str:
    """A unified diff of at most *most* lines; the last one says how many more there are."""
    made = list(difflib.unified_diff(old, new, f"live{path}", f"next{path}", lineterm="", n=CONTEXT))
    if len(made) > most:
        made = [*made[:most], f"… and {len(made) - most} more lines"]
    return "\n".join(made)


def harmless(text: str) -> str:
    """Text for a terminal: what would steer it is shown by its number."""
    return _UNSAFE.sub(lambda found: f"\\u{ord(found.group()):04x}", text)
