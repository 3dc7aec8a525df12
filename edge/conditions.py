"""What a request's header fields ask for: codings, conditions, ranges (RFC 9110, sections 12 to 14)."""
from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_CODING = re.compile(r"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*(?:;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?")
_ENTITY_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_RANGE = re.compile(r"bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.IGNORECASE | re.ASCII)


class Span(NamedTuple):
    """A satisfiable range: the first and the last byte, counted from 0."""

    first: int
    last: int


UNSATISFIABLE = Span(-1, -1)


@lru_cache(maxsize=512)  # browsers send a handful of values
def takes_gzip(accept_encoding: str | None) -> bool:
    """Whether gzip is to be sent rather than no coding (12.5.3).

    A client that says nothing gets no coding: feed readers and scripts often cannot unpack. Where a
    client likes both equally it gets gzip. One that refuses both gets no coding, as a last resort.
    """
    if not accept_encoding:
        return False
    weights: dict[str, float] = {}
    for part in accept_encoding.split(","):
        if read := _CODING.fullmatch(part):
            weights[read[1].lower()] = 1.0 if read[2] is None else float(read[2])
    gzip = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    # No coding is acceptable unless refused; unnamed it comes last.
    return gzip > 0 and gzip >= weights.get("identity", 0.0)


def names(field: str, etag: str) -> bool:
    """Whether If-None-Match *field* names *etag* (13.1.2): ``*``, or any of a list, compared weakly."""
    if field.strip() == "*":
        return True
    return any(f'"{opaque}"' == etag for _, opaque in _ENTITY_TAG.findall(field))


def names_strongly(field: str, etag: str) -> bool:
    """Whether If-Match or If-Range *field* names *etag* (13.1.1, 13.1.5): no weak form is equal to anything."""
    if field.strip() == "*":
        return True
    return any(not weak and f'"{opaque}"' == etag for weak, opaque in _ENTITY_TAG.findall(field))


def span_of(field: str, size: int) -> Span | None:
    """The part of *size* bytes that Range *field* asks for (14.1.2).

    None where the field is to be ignored: another unit, a malformed one, or several ranges, which a
    server may answer with the whole. UNSATISFIABLE where no byte of it is there.
    """
    if not (read := _RANGE.fullmatch(field.strip())):
        return None
    first, last = read[1], read[2]
    if not first:
        if not last:
            return None
        return Span(max(0, size - int(last)), size - 1) if int(last) and size else UNSATISFIABLE
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        return UNSATISFIABLE
    return Span(int(first), min(int(last), size - 1) if last else size - 1)
