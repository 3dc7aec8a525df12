"""Slugs for new rows: the wished one for the first in order, numbers for the others; never one in use."""
from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from builder.catalog.importers.record import Kind
from edge.address import Slug, numbered

# Purpose: every slug that a new row may not take: a row's own, or one that leads on to a row.
_IN_USE = "SELECT slug FROM catalog.{kind} UNION ALL SELECT slug FROM catalog.old_slug WHERE kind = '{kind}'"
# Purpose: wishes that the database's own rule for slugs refuses.
_UNFIT = "SELECT wish FROM unnest(%s::text[]) AS wish WHERE NOT catalog.is_slug(wish)"


def allot(cursor: Any, kind: Kind, wishes: Iterable[tuple[str, str]]) -> dict[str, str]:
    """A slug for each (ref, wished slug), the same whatever order they come in.

    Of several with one wish, the first by ref gets it as it is and the others ``-2``, ``-3`` … in order of ref;
    nobody's number takes what another wishes.
    """
    cursor.execute(_IN_USE.format(kind=kind))
    used = {slug for (slug,) in cursor.fetchall()}
    wished = sorted(wishes)
    cursor.execute(_UNFIT, (list({wish for _, wish in wished}),))
    unfit = {wish for (wish,) in cursor.fetchall()}
    given: dict[str, str] = {}
    later: list[tuple[str, str]] = []
    for ref, wish in wished:
        slug = f"{kind}-{hashlib.blake2b(wish.encode(), digest_size=4).hexdigest()}" if wish in unfit else wish
        if slug in used:
            later.append((ref, slug))
        else:
            used.add(slug)
            given[ref] = slug
    following: dict[str, int] = {}
    for ref, slug in later:
        n = following.get(slug, 2)
        while (candidate := numbered(Slug(slug), n)) in used:
            n += 1
        following[slug] = n + 1
        used.add(candidate)
        given[ref] = candidate
    return given
