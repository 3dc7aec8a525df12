"""The audit never passes what it has not looked up."""
from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.audit.__main__ import KNOWN, Said, audit

WHOLE: dict[str, list[str]] = {"flask": [], "jinja2": []}


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    lock = tmp_path / "requirements.lock"
    lock.write_text("# versions\nFlask==3.1.3\nJinja2==3.1.6\n")
    return lock


def _said(found: dict[str, list[str]], code: int = 0, skipped: str = "") -> Said:
    packages: list[dict[str, object]] = [{"name": n, "version": "1", "vulns": [{"id": i} for i in ids]} for n, ids in found.items()]
    packages += [{"name": skipped, "skip_reason": "not found"}] if skipped else []
    return Said(code, json.dumps({"dependencies": packages, "fixes": []}), "its words")


@pytest.mark.parametrize(("known", "given", "code", "words"), [
    (_said({"jinja2": ["CVE-1"]}, 1), _said(WHOLE), 0, "2 packages"),
    (_said({"jinja2": ["CVE-1"]}, 1), _said(WHOLE | {"flask": ["CVE-2"]}, 1), 1, "flask (CVE-2)"),
    (_said({"jinja2": []}), _said(WHOLE), 2, "out of reach"),
    (Said(1, "", "no route"), _said(WHOLE), 2, "out of reach"),
    (Said(0, "No known vulnerabilities found", ""), _said(WHOLE), 2, "out of reach"),
    (_said({"jinja2": ["CVE-1"]}, 1), _said({"jinja2": []}, skipped="flask"), 2, "not looked up: flask"),
    (_said({"jinja2": ["CVE-1"]}, 1), Said(0, "", "no route"), 2, "not whole"),
    (_said({"jinja2": ["CVE-1"]}, 1), _said(WHOLE, 1), 2, "ended with 1"),
], ids=["clean", "vulnerable", "a mute database", "no database", "no json", "one skipped", "gone midway", "a bad end"])
def test_only_what_was_looked_up_whole_passes(lock: Path, known: Said, given: Said, code: int, words: str) -> None:
    got, sentence = audit(lock, lambda file: known if file.read_text().strip() == KNOWN else given)
    assert got == code
    assert words in sentence
