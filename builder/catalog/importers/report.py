"""What an import did: counts of video records and one line for each thing mended, kept, refused or withheld."""
from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Done = Literal["mended", "kept", "refused", "withheld"]
Outcome = Literal["added", "changed", "unchanged", "refused", "withheld"]
OUTCOMES: tuple[Outcome, ...] = ("added", "changed", "unchanged", "refused", "withheld")
_SHOWN_LETTERS = 200


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that a reader of the report may want to mend at its source.

    *done*: ``mended`` (taken, but not as it stood), ``kept`` (left as it is here, and why somebody should look),
    ``refused`` (the record is not in), ``withheld`` (named by a list of things not to publish).
    """

    file: str
    line: int | None
    field: str
    value: str
    done: Done
    why: str

    def as_json(self) -> dict[str, Any]:
        return {"file": self.file, "line": self.line, "field": self.field, "value": self.value, "done": self.done, "why": self.why}


@dataclass(slots=True)
class Report:
    """Counts and problems of one import. Each video record read counts in exactly one outcome."""

    counts: Counter[Outcome] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)  # "course added", "subject added" …
    seconds: dict[str, float] = field(default_factory=dict)

    def note(self, file: str, line: int | None, field: str, value: object, done: Done, why: str) -> None:
        """Add a problem; the value is shortened and made printable."""
        self.problems.append(Problem(file, line, field, shown(value), done, why))

    def lap(self, stage: str, since: float) -> float:
        """Note the seconds since *since* for *stage*; the moment now."""
        now = time.perf_counter()
        self.seconds[stage] = now - since
        return now

    def refuse(self, kind: str, file: str, line: int | None, faults: Sequence[tuple[str, object, str]]) -> None:
        """A record that is not in, for each of its *faults* (field, value, why). Only videos are counted; a refusal of
        another kind stands among the problems.
        """
        if kind == "video":
            self.counts["refused"] += 1
        for fault in faults:
            self.problems.append(Problem(file, line, fault[0], shown(fault[1]), "refused", fault[2]))

    def in_order(self) -> list[Problem]:
        """The problems by file, line and field."""
        return sorted(self.problems, key=_place)

    @property
    def ok(self) -> bool:
        """False when something was refused."""
        return not any(problem.done == "refused" for problem in self.problems)

    def as_json(self) -> dict[str, Any]:
        """``{"videos": {outcome: n}, "problems": [...]}`` with problems by file, line and field."""
        return {
            "videos": {outcome: self.counts[outcome] for outcome in OUTCOMES},
            "problems": [problem.as_json() for problem in self.in_order()],
        }


def shown(value: object) -> str:
    """A value as a report shows it: at most 200 letters, lone surrogates and controls spelt out."""
    text = value if isinstance(value, str) else "" if value is None else _json(value)
    text = text if len(text) <= _SHOWN_LETTERS else f"{text[:_SHOWN_LETTERS - 1]}…"
    return "".join(c if c.isprintable() or c in "\n\u00ad\u200b\u200c\u200d" else _spelt(c) for c in text)


def _json(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=repr)
    except RecursionError:
        return "…"


def _spelt(c: str) -> str:
    return f"\\u{ord(c):04x}" if ord(c) < 0x10000 else c


def _place(problem: Problem) -> tuple[str, int, str, str]:
    return problem.file, problem.line or 0, problem.field, problem.why
