"""An edge that keeps a copy of all that it ever fetched until a purge names it: so whatever is never purged stays old for ever.

It is as unkind as an edge may be: somebody asks again right after each purge; somebody asks for a page before it exists,
and the error is kept; and a fetch that began before an upload may store its old bytes just after the first purge.
"""
from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from edge.address import Key, path_of
from edge.cdn.port import Abilities, Name, PurgeError, is_tag
from edge.store.port import RETAINED, Store
from tests.chaos.fate import Call, Fate

ERRORS_KEPT = 1_000
"""With a smaller budget errors are not named, since they last for seconds: then this edge keeps none."""


class Copy(NamedTuple):
    """What an edge answers with: which version, under which tags. An error has neither."""

    digest: str
    write_number: int
    tags: str


ERROR = Copy("", 0, "")


class Edge:
    """One CDN in front of *store*."""

    again_after_s = 60.0

    def __init__(self, name: str, store: Store, *, budget: int = ERRORS_KEPT) -> None:
        self.name = name
        self.can = Abilities(tags_a_request=8, urls_a_request=8, budget_names=budget)
        self.copies: dict[str, Copy] = {}
        self.slow: dict[str, Copy] = {}
        self._store = store

    def spell(self, name: Name) -> str:
        """As it is written."""
        return name.value

    def takes(self, name: Name) -> bool:
        """Tags, paths and everything."""
        return name.kind != "tag" or is_tag(name.value)

    def purge(self, names: Sequence[Name]) -> None:
        """Forget; then what was being fetched arrives, or somebody asks at once."""
        for key, copy in list(self.copies.items()):
            if any(_hits(name, key, copy) for name in names):
                if key in self.slow:
                    self.copies[key] = self.slow.pop(key)
                else:
                    del self.copies[key]
                    self.ask(key)

    def ask(self, key: str) -> None:
        """Somebody asks for *key*: what is not kept is fetched."""
        if key not in self.copies:
            self.copies[key] = self._fetched(key)
            if self.copies[key] == ERROR and self.can.budget_names < ERRORS_KEPT:
                del self.copies[key]

    def ask_for_all(self) -> None:
        """Somebody asks for all that there is."""
        for head in self._store.list():
            if not head.key.startswith(RETAINED):
                self.ask(head.key)

    def begin_slow(self, chance: Random) -> None:
        """Some fetches begin now, and store what they got only after the next purge."""
        for key in chance.sample(sorted(self.copies), min(6, len(self.copies))):
            if self.copies[key] == self._fetched(key):
                self.slow[key] = self.copies[key]

    def end_slow(self) -> None:
        """The longest fetch is over, and so is all that may store old bytes."""
        self.slow.clear()

    def stale(self) -> list[str]:
        """Keys whose copy is not what the store holds now. An asset's name bears its digest: written once more, it is the same."""
        now = {key: self._fetched(key) for key in self.copies}
        return sorted(key for key, copy in self.copies.items()
                      if copy != (now[key]._replace(write_number=copy.write_number) if key.startswith("assets/") else now[key]))

    def _fetched(self, key: str) -> Copy:
        found = self._store.get(key)
        return Copy(found[0].digest, found[0].write_number, found[0].tags) if found else ERROR


class ChaosPurger:
    """An edge whose acknowledgement may fail, or be lost, by script."""

    def __init__(self, edge: Edge, fate: Fate) -> None:
        self.name, self.can, self.again_after_s = edge.name, edge.can, edge.again_after_s
        self.spell, self.takes = edge.spell, edge.takes
        self._edge, self._fate = edge, fate

    def purge(self, names: Sequence[Name]) -> None:
        """See the port."""
        fault = self._fate.meet(Call("purge", f"{self.name} {names[0]}"), frozenset(("error", "lost")))
        if fault != "error":
            self._edge.purge(names)
        self._fate.past(fault)
        if fault:
            raise PurgeError(f"{self.name} answers 500 by script.")


def _hits(name: Name, key: str, copy: Copy) -> bool:
    if name.kind == "all":
        return True
    if name.kind == "url":
        return path_of(Key(key)) == name.value
    return name.value in copy.tags.split()
