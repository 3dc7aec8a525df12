"""The three-way merge: what the file says now, what it said when it was last imported, what the row says."""
from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

_LONG_LETTERS = 200


@dataclass(slots=True)
class Merged:
    """*changes*: fields to set. *kept*: fields that both file and site changed. *took*: fields that now are as the file says."""

    changes: dict[str, Any] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    took: list[str] = field(default_factory=list)


def merge(said: dict[str, Any], base: dict[str, Any] | None, row: dict[str, Any], *, known_version: bool) -> Merged:
    """Merge field by field. All three hold values in one form, so that equal means equal (*base* as :func:`remembered`).

    Unchanged in the file since the last import: the row's value stays, whoever set it. Changed in the file only:
    the file's. Changed in both, to different values: the row's, and the field is in ``kept``. Without a base
    (never imported) the file is an edit of the row: taken when *known_version*, that is when the file names no version,
    or one that the row has not left behind; else kept.
    """
    merged = Merged()
    for name, value in said.items():
        new, now = remembered(value), remembered(row.get(name))
        if new == now:
            merged.took.append(name)
        elif base is not None and name in base:
            if base[name] == new:
                continue
            if base[name] == now:
                merged.changes[name] = value
                merged.took.append(name)
            else:
                merged.kept.append(name)
        elif (base is None and known_version) or now in (None, "", []):
            merged.changes[name] = value
            merged.took.append(name)
        else:
            merged.kept.append(name)
    return merged


def remembered(value: Any) -> Any:
    """A value as the next merge needs it: a long text only by its hash, for equality is all that is asked."""
    if isinstance(value, str) and len(value) > _LONG_LETTERS:
        return {"blake2b": hashlib.blake2b(value.encode(), digest_size=16).hexdigest()}
    if isinstance(value, list):
        return [remembered(item) for item in value]
    return value
