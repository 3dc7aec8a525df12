"""``make mutants``: whether tests notice when the code is wrong.

Each module of `modules.py` is made wrong in one place after the other, and its tests run against that: what they let pass is
printed with its line. Exit code 0: each module's tests notice enough; 1: they do not; 2: they fail as they are.
"""
from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.mutants.finding import Mutant, mutants
from tests.mutants.modules import LEAST_KILLED, MODULES, ROOT, Module
from tests.mutants.trying import BaselineError, Stand, stand


def main(words: list[str]) -> int:
    """Try the modules whose path holds one of *words*; all where there is none. The exit code."""
    chosen = [module for module in MODULES if not words or any(word in module.path for word in words)]
    scores: list[tuple[str, int, int]] = []
    with tempfile.TemporaryDirectory(prefix="lectern-mutants-") as folder:
        Path(folder).chmod(0o755)
        with stand(Path(folder)) as here:
            for module in chosen:
                try:
                    scores.append(_tried(here, module))
                except BaselineError as error:
                    print(error, file=sys.stderr)
                    return 2
    scores.append(("all", sum(made for _, made, _ in scores), sum(killed for _, _, killed in scores)))
    print()
    for path, made, killed in scores:
        print(f"{path:26} {made:5} mutants {killed:5} killed {killed / max(made, 1):7.1%}")
    weak = [path for path, made, killed in scores if killed < LEAST_KILLED * made]
    if weak:
        print(f"Under {LEAST_KILLED:.0%}: {', '.join(weak)}. Say in a test what each survivor breaks.", file=sys.stderr)
    return 1 if weak else 0


def _tried(here: Stand, module: Module) -> tuple[str, int, int]:
    """Path, mutants, and those that the tests caught."""
    begun = time.monotonic()
    once_s = here.warm(module)
    made = list(mutants(module))
    survivors = [mutant for mutant in made if not here.catches(module, mutant.code)]
    print(f"{module.path}: {len(made) - len(survivors)} of {len(made)} killed in {time.monotonic() - begun:.0f} s; "
          f"the tests alone take {once_s:.1f} s", flush=True)
    for mutant in survivors:
        print(f"  {module.path}:{mutant.line} {mutant.mistake}: {_changed_line(module, mutant)}", flush=True)
    return module.path, len(made), len(made) - len(survivors)


def _changed_line(module: Module, mutant: Mutant) -> str:
    """The first line that the mutant has otherwise."""
    before, after = (ROOT / module.path).read_text("utf-8").splitlines(), mutant.code.splitlines()
    return next((line.strip() for was, line in zip(before, after, strict=False) if was != line), "a line less")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
