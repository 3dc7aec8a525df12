"""docs/security.md names a test for each threat, and every test that it names is there."""
from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

TOP = Path(__file__).parents[3]
PAGE = (TOP / "docs" / "security.md").read_text("utf-8")
ROWS = [line for line in PAGE.splitlines() if re.match(r"\| \d+\.", line)]  # and none of a table of figures


def test_each_threat_has_its_item_its_answer_and_tests_that_are_there() -> None:
    files = (TOP / "tests").rglob("test_*.py")
    there = Counter(name for file in files for name in re.findall(r"^def (test_\w+)", file.read_text("utf-8"), re.MULTILINE))
    assert len(ROWS) > 40
    for row in ROWS:
        items, threat, answer, tests = (cell.strip() for cell in row.strip("|").split(" | "))
        assert re.match(r"\d+\.\d+\.\d+", items)
        assert threat
        assert answer
        named = re.findall(r"`(test_\w+)`", tests)
        assert named, row
        assert [there[name] for name in named] == [1] * len(named), row
