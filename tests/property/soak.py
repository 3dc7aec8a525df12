"""``make soak-histories``: many more histories than the tests play. Prints a seed; ``--seed`` replays them, ``--from`` goes on."""
from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from builder.embedded import ensure
from builder.migrate import migrate
from tests.conftest import open_folder
from tests.property.histories import History, World, random_history, shrunk, small_site

PROGRESS_S = 10.0
CONF = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "64MB"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak-histories", description=__doc__)
    parser.add_argument("--histories", type=int, default=10_000, help="how many (default: %(default)s)")
    parser.add_argument("--edits", type=int, default=10, help="edits in each (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="the seed of an earlier run")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the number of the first history to play")
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}", flush=True)
    with open_folder("lectern-soak-") as data, ensure(data, conf=CONF, keeper=True) as server:
        migrate(server.dsn)
        with tempfile.TemporaryDirectory() as folder, small_site(Path(folder)) as templates:
            return soak(World(server.dsn, templates), chosen.seed, chosen.first, chosen.histories, chosen.edits)


def soak(world: World, seed: int, first: int, histories: int, edits: int) -> int:
    """Play them; the first one that fails is made small, shown, and ends it. Returns the exit code."""
    began = said = time.monotonic()
    for n in range(first, histories):
        history = random_history(random.Random(f"{seed}/{n}"), edits)
        if wrong := _wrong(world, history):
            print(f"history {n} of seed {seed}: {wrong}\nmaking it small ...", flush=True)
            least = shrunk(history, lambda less: bool(_wrong(world, less)))
            print(f"{least}\n{_wrong(world, least)}")
            return 1
        if time.monotonic() - said > PROGRESS_S or n == histories - 1:
            said = time.monotonic()
            print(f"{n + 1} of {histories} histories, {(n + 1 - first) * edits} edits, {(said - began) / (n + 1 - first):.2f} s each",
                  flush=True)
    return 0


def _wrong(world: World, history: History) -> str:
    """What differs, or how it failed."""
    try:
        return world.play(history)
    except Exception as error:  # whatever it is, it is this history's
        return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    sys.exit(main())
