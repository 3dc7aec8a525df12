"""``make chaos``: builders are killed at every call of a release, in turn. Prints a seed; ``--seed N --call C`` replays a loss."""
from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from builder.embedded import ensure
from builder.migrate import migrate
from tests.chaos.checks import Lost
from tests.chaos.rounds import Round, Stopped, apart
from tests.chaos.world import quickened
from tests.conftest import open_folder

# No fsync: processes are killed here, not machines. Each COMMIT is in the kernel's hands, since the server crashes too.
CONF = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "on", "shared_buffers": "64MB", "restart_after_crash": "on"}

PROCESSES = 36
"""Builders that are processes of their own, on top: a second each."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=1_500, help="how many, at least (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="the first round's")
    parser.add_argument("--call", type=int, default=0, help="play one round until this call, and say what happens on the way")
    chosen = parser.parse_args()
    if os.environ.get("PYTHONHASHSEED") != "0":  # so that a seed says all
        os.environ["PYTHONHASHSEED"] = "0"
        arguments = [f"--{name}={value}" for name, value in vars(chosen).items()]
        os.execv(sys.executable, [sys.executable, "-m", "tests.chaos", *arguments])
    print(f"seed {chosen.seed}", flush=True)
    with open_folder("lectern-chaos-") as data, ensure(data, conf=CONF, keeper=True) as server, tempfile.TemporaryDirectory() as folder:
        migrate(server.dsn)
        with quickened():
            return chaos(server.dsn, Path(folder), chosen.seed, chosen.kills, chosen.call)


def chaos(dsn: str, folder: Path, seed: int, kills: int, call: int = 0) -> int:
    """Play rounds until there were so many kills; the first loss ends it. Returns the exit code."""
    began = time.monotonic()
    killed = faults = lost = 0
    killed_at = Counter[str]()
    n = seed
    while killed < kills and not lost:
        one = Round(dsn, n, folder, crashes=True, until=call, tell=_say if call else _ignore)
        try:
            counts = one.play()
        except Stopped:
            return 0
        except Lost as error:
            lost = 1
            print(f"lost: {error}: `make chaos ARGS=\"--seed {n} --call {one.world.calls}\"` shows how")
        else:
            print(f"round {n}: {counts.calls} calls, {counts.kills} kills, {counts.faults} faults, {one.crashed} crashes of the server, "
                  f"{time.monotonic() - began:.0f} s", flush=True)
        killed, faults, n = killed + one.world.kills, faults + one.world.faults, n + 1
        killed_at += one.world.killed_at
    print("killed at " + ", ".join(f"{what} {count}" for what, count in killed_at.most_common()))
    if not lost:
        try:
            killed += apart(dsn, seed, folder, PROCESSES).kills
            print(f"{PROCESSES} more were processes, and killed by SIGKILL; {time.monotonic() - began:.0f} s")
        except Lost as error:
            lost = 1
            print(f"lost: {error}, after a SIGKILL: `make chaos ARGS=\"--seed {seed} --kills 0\"` plays these alone")
    print(f"{killed} kills, {faults} faults, {lost} lost (seed {seed})")
    return int(bool(lost))


def _say(line: str) -> None:
    print(line, flush=True)


def _ignore(line: str) -> None:
    """Nobody asked."""


if __name__ == "__main__":
    sys.exit(main())
