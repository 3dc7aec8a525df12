"""docs/edge.md says what holds of HTTP: each row names its case, and each case of the suite stands in some row or is not of HTTP."""
from __future__ import annotations

import ast
import re
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
NOT_OF_HTTP = {
    "test_every_answer_bears_the_security_headers", "test_a_post_to_the_api_arrives_with_its_body",
    "test_what_is_shut_stays_shut_in_every_spelling", "test_what_operators_ask_is_not_asked_through_an_edge",
    "test_the_api_sees_who_asked_and_no_header_that_poses_as_a_proxys"}


def _cases() -> set[str]:
    files = [file for file in Path(__file__).parent.glob("test_*.py") if file != Path(__file__)]
    return {node.name for file in files for node in ast.parse(file.read_text()).body
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_each_row_names_a_case_and_each_case_has_a_row() -> None:
    rows = [line for line in (TOP / "docs/edge.md").read_text().splitlines() if re.match(r"\| (?:RFC )?[0-9]", line)]
    assert len(rows) > 30
    named = [set(re.findall(r"`(test_\w+)`", row)) for row in rows]
    assert [row for row, names in zip(rows, named, strict=True) if not names] == []
    assert set().union(*named) - _cases() == set(), "no such case"
    assert _cases() - set().union(*named) == NOT_OF_HTTP
