"""A CDN's cache as the fakes have it: it keeps what an origin answers, errors too, and forgets what it is told to."""
from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from tests.edge.asking import Application, ask


class Seen(NamedTuple):
    """What a reader at the edge got, and whether the edge had it."""

    status: int
    hit: bool
    text: str


class Edge(Protocol):
    """A CDN as a reader sees it."""

    def get(self, path: str) -> Seen:
        """One GET at the edge."""


class Cache:
    """Entries by path. Tags come from the origin's answer, where *reads_tags* holds."""

    def __init__(self, origin: Application) -> None:
        self.reads_tags = True
        self._origin = origin
        self._entries: dict[str, tuple[int, str, frozenset[str]]] = {}

    def get(self, path: str) -> Seen:
        """One GET at the edge."""
        hit = path in self._entries
        if not hit:
            answer = ask(self._origin, path)
            tags = answer.headers.get("surrogate-key", "") if self.reads_tags else ""
            self._entries[path] = (answer.status, answer.text, frozenset(tags.split()))
        status, text, _ = self._entries[path]
        return Seen(status, hit, text)

    def forget_tags(self, tags: Iterable[str], *, fold_case: bool = False) -> None:
        """Hard purge of all that bear one of the tags."""
        wanted = {tag.lower() if fold_case else tag for tag in tags}
        for path, (_, _, has) in list(self._entries.items()):
            if wanted & {tag.lower() if fold_case else tag for tag in has}:
                del self._entries[path]

    def forget_path(self, path: str) -> None:
        """Hard purge of what stands there."""
        self._entries.pop(path, None)

    def forget_all(self) -> None:
        """Hard purge of everything."""
        self._entries.clear()
