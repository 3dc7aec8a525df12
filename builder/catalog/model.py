"""What the catalog holds, as values: a row each, read-only, slotted."""
from __future__ import annotations

from datetime import date
from typing import NamedTuple


class Course(NamedTuple):
    id: int
    slug: str
    title: str
    description: str
    description_markup: str
    card: str | None  # what other sites show of it
    namesakes: int  # courses of the same title with a smaller id


class Batch(NamedTuple):
    id: int
    slug: str
    title: str
    description: str
    description_markup: str
    url: str | None
    starts_on: date | None
    ends_on: date | None
    gated: bool
    card: str | None
    course_id: int
    course_slug: str
    course_title: str
    namesakes: int
    videos: int  # published ones
    total_s: int  # of those that have a length
    timed: int  # how many have one
    first_on: date | None
    last_on: date | None


class Topic(NamedTuple):
    """A subject, or an instructor (whose title is a name)."""

    id: int
    slug: str
    title: str
    namesakes: int


class Link(NamedTuple):
    """A subject or instructor as a video names it."""

    id: int
    slug: str
    title: str


class Source(NamedTuple):
    kind: str
    url: str
    start_s: int


class Resource(NamedTuple):
    label: str
    url: str


class Caption(NamedTuple):
    language: str
    kind: str  # "captions" or "transcript"


class Video(NamedTuple):
    id: int
    slug: str
    title: str
    html: str  # clean HTML of the description
    plain: str  # its first words without markup
    language: str | None
    duration_s: int | None
    recorded_on: date | None
    licence: str
    picture_url: str | None
    picture: str | None
    card: str | None  # what other sites show of it
    unavailable_since: date | None  # by UTC
    batch_id: int


class Clip(NamedTuple):
    """What sitemaps say of a video."""

    id: int
    slug: str
    title: str
    plain: str
    long_html: str  # clean HTML where it needs pages of its own; else ""
    duration_s: int | None
    recorded_on: date | None
    picture_url: str | None
    picture: str | None
    gated: bool
    batch_id: int


class Card(NamedTuple):
    """What other pages show of a video."""

    id: int
    slug: str
    title: str
    duration_s: int | None
    recorded_on: date | None
    language: str | None
    picture: str | None
    batch_id: int
    instructors: tuple[Link, ...]


class Order(NamedTuple):
    """A batch's published videos in the editor's order."""

    ids: list[int]
    titles: list[str]
