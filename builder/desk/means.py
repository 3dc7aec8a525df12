"""What the answers stand on, and what a question is."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from builder.catalog.providers.port import Provider
from builder.catalog.providers.web import Web
from builder.pages.page import Site
from edge.cdn.port import Purger
from edge.errors import LecternError
from edge.store.port import Store


class UnanswerableError(LecternError):
    """A question that has no answer; the message is for the editor who asked."""


class Means(NamedTuple):
    """The site that is asked about, its store and caches, and the web, which no private address belongs to."""

    dsn: str
    store: Store
    site: Site
    profile: str
    purgers: Sequence[Purger]
    executors: Callable[[], AbstractContextManager[Executor]]
    web: Web
    providers: Callable[[], Mapping[str, Provider]]  # made anew for each question, with its share of a quota


class Question(NamedTuple):
    """A row of desk.question: *token* names the folder of its objects, "" where it has none."""

    id: int
    kind: str
    asked: dict[str, Any]
    file: bytes | None
    token: str
    asked_by: int


Answer = dict[str, Any]
