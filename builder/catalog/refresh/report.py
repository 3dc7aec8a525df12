"""What a refresh did, for a person and for a program."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Problem(NamedTuple):
    """What gave no clear answer, or is gone."""

    where: str  # a video's address at its provider, or a host
    why: str


@dataclass(slots=True)
class Report:
    """Counts of videos, and a line for each thing to look at."""

    asked: int = 0  # videos whose provider was asked
    changed: int = 0  # videos of which a provider told something new
    failed: int = 0  # videos, pictures or hosts without a clear answer
    behind: int = 0  # videos unseen for more than a day
    pictures: int = 0  # copies made
    cards: int = 0  # cards drawn
    dead: list[Problem] = field(default_factory=list)  # videos that are gone at their providers
    problems: list[Problem] = field(default_factory=list)
    overlaps: bool = False  # another refresh is at work, so this one did nothing

    def fail(self, where: str, why: str) -> None:
        """Count a failure and keep its line."""
        self.failed += 1
        self.problems.append(Problem(where, why))

    def tell(self, where: str, why: str) -> None:
        """Keep a line that counts as no failure."""
        self.problems.append(Problem(where, why))

    def as_json(self) -> dict[str, object]:
        """The counts, and the lines."""
        return {"asked": self.asked, "changed": self.changed, "dead": len(self.dead), "failed": self.failed, "behind": self.behind,
                "pictures": self.pictures, "cards": self.cards, "overlaps": self.overlaps,
                "gone": [problem._asdict() for problem in self.dead], "problems": [problem._asdict() for problem in self.problems]}
