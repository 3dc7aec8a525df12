"""``make audit-deps``: whether a vulnerability is known in what requirements.lock names.

Where its database is out of reach, pip-audit was seen to find "no known vulnerabilities". So it is asked first about a
version that everybody knows to be vulnerable; who does not know that one knows nothing. Exit code 0: each package was
looked up and none is vulnerable; 1: one is; 2: it could not be found out.
"""
from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

LOCK = Path(__file__).parents[2] / "requirements.lock"
KNOWN = "jinja2==2.4.1"  # CVE-2014-1402 among others
WAIT_S = 600


class Said(NamedTuple):
    """What pip-audit said."""

    code: int
    out: str
    err: str


Ask = Callable[[Path], Said]


def main() -> int:
    """Audit the lock file; the exit code."""
    code, sentence = audit(LOCK, ask)
    print(sentence, file=sys.stderr if code else sys.stdout)
    return code


def audit(lock: Path, ask: Ask) -> tuple[int, str]:
    """The exit code, and a sentence for a person. *ask* audits a file of pinned versions."""
    with tempfile.TemporaryDirectory() as folder:
        probe = Path(folder) / "known.txt"
        probe.write_text(KNOWN + "\n")
        seen = _read(ask(probe))
    if not seen or not any(seen.values()):
        return 2, f"The database of vulnerabilities is out of reach: nothing was audited. ({KNOWN} is vulnerable, and it does not say so.)"
    pinned = {_name(line) for line in lock.read_text().splitlines() if line.strip() and not line.startswith("#")}
    said = ask(lock)
    found = _read(said)
    if found is None or (missing := pinned - found.keys()):
        why = "pip-audit gave no answer" if found is None else f"not looked up: {', '.join(sorted(missing))}"
        return 2, f"The audit is not whole: {why}.\n{said.err[-2000:]}".rstrip()
    if bad := {name: ids for name, ids in found.items() if ids}:
        return 1, "Vulnerable: " + "; ".join(f"{name} ({', '.join(ids)})" for name, ids in sorted(bad.items()))
    if said.code:
        return 2, f"pip-audit ended with {said.code}.\n{said.err[-2000:]}"
    return 0, f"{len(pinned)} packages of {lock.name}: no vulnerability is known."


def ask(requirements: Path) -> Said:
    """pip-audit itself."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pip_audit", "--strict", "--format", "json", "--progress-spinner", "off", "--no-deps", "--disable-pip",
             "--requirement", str(requirements)], capture_output=True, text=True, timeout=WAIT_S)
    except subprocess.TimeoutExpired:
        return Said(2, "", f"pip-audit said nothing for {WAIT_S} s")
    return Said(done.returncode, done.stdout, done.stderr)


def _read(said: Said) -> dict[str, list[str]] | None:
    """The ids of vulnerabilities by package; what was skipped is left out. None where it is no answer."""
    try:
        return {_name(one["name"]): [each["id"] for each in one["vulns"]] for one in json.loads(said.out)["dependencies"]
                if "skip_reason" not in one}
    except (ValueError, KeyError, TypeError):
        return None


def _name(line: str) -> str:
    return line.partition("==")[0].strip().lower().replace("_", "-").replace(".", "-")


if __name__ == "__main__":
    raise SystemExit(main())
