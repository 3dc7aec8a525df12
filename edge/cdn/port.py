"""The Purger port: what a CDN is asked to forget. One adapter a CDN; one conformance suite holds them to it.

A name says what to forget: a tag, a URL or everything. Every purge is hard: after a soft one the next
reader still gets the old page, and an edge that asks a stale shield stores the old page as fresh.
"""
from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from edge.errors import OwedError

MARGIN_S = 5.0
"""What the second purge waits beyond the longest origin fetch: the clocks of edge and builder need not agree."""

_TAG = re.compile(r"[a-z0-9:/-]{1,63}")


class Name(NamedTuple):
    """What one purge names. Written ``tag:p0123…``, ``url:/videos/x/`` or ``all``."""

    kind: Literal["tag", "url", "all"]
    value: str = ""  # the tag; or the site path, percent-encoded as edge.address spells it

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}" if self.value else self.kind


ALL = Name("all")


def tag(value: str) -> Name:
    """All objects that bear a tag."""
    return Name("tag", value)


def url(path: str) -> Name:
    """Whatever stands at a path, an error too."""
    return Name("url", path)


def parse(text: str) -> Name:
    """The name that *text* is written for. Raises ValueError where it is none."""
    kind, _, value = text.partition(":")
    if text == "all":
        return ALL
    if kind == "tag" and value:
        return tag(value)
    if kind == "url" and value.startswith("/"):
        return url(value)
    raise ValueError(f"{text!r} is no name to purge: write tag:…, url:/… or all")


def is_tag(value: str) -> bool:
    """Whether *value* is spelt as every CDN keeps it: ids in ``[a-z0-9:/-]``, under 64 bytes."""
    return _TAG.fullmatch(value) is not None


class Rate(NamedTuple):
    """A token bucket of requests: *burst* at once, refilled at *a_second*."""

    a_second: float
    burst: int


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a CDN can, and what it asks for it. All CDNs can forget everything, as one name."""

    tags_a_request: int  # 0: cannot purge by tag
    urls_a_request: int  # 0: cannot purge by URL
    budget_names: int  # a release that would name more is folded
    names_in_progress: int | None = None  # more are refused until some are done
    rate: Rate | None = None  # of an account
    usd_a_name: float = 0.0
    free_names_a_month: int = 0


class PurgeError(OwedError):
    """A CDN did not acknowledge a purge."""

    noun = "purge"


class QuotaError(PurgeError):
    """Nothing was sent: the account's quota allows the next request in `retry_after_s` seconds."""


class Purger(Protocol):
    """One CDN. May be used by several threads at once."""

    name: str
    """As LECTERN_CDN names it."""

    can: Abilities

    again_after_s: float
    """When a second purge is due: after the longest fetch that an edge may have had under way, plus MARGIN_S."""

    def spell(self, name: Name) -> str:
        """The name as this CDN writes it."""

    def takes(self, name: Name) -> bool:
        """Whether the CDN can be asked for this name; what it cannot take must be covered by another name."""

    def purge(self, names: Sequence[Name]) -> None:
        """Have the names forgotten; returns when the CDN has acknowledged all of them.

        *names* are of one kind and at most one request's worth (`can`). Idempotent. Raises PurgeError.
        """
