"""``make upgrade ARGS="--from REV"``: an upgrade from a git revision, under load, and the way back.

The old code serves and publishes; `migrate` of the code that is here runs; both serve and publish side by side; the old one ends,
and its server comes back once more. Each answer is checked for its owner, for what its owner wrote last and for what editors were
promised; sessions hold at both. Ends with exit code 1 where anything was wrong: a 5xx or a broken line too, since none is promised.
"""
from __future__ import annotations

import argparse
import random
import signal
import sys
from contextlib import ExitStack

from tests.conftest import open_folder
from tests.upgrade.former import NoSuchRevision, of_revision
from tests.upgrade.run import Upgrade

VIDEOS = 200


def main() -> int:
    parser = argparse.ArgumentParser(prog="make upgrade", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="revision", required=True, metavar="REV", help="the code of before")
    parser.add_argument("--seconds", type=float, default=20, help="how long each state lasts (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=40, help="requests a second (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="the seed of what is asked and edited")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started ends with it
    print(f"from {chosen.revision}, seed {chosen.seed}", flush=True)
    with open_folder("lectern-upgrade-") as folder, ExitStack() as stack:
        (folder / "code").mkdir()
        try:
            code = of_revision(chosen.revision, folder / "code")
        except NoSuchRevision as error:
            parser.error(str(error))
        told = Upgrade(folder, code, VIDEOS, chosen.rate, random.Random(chosen.seed), stack).play(chosen.seconds)
    print(f"{told.pages} pages, {sum(told.answers.values())} answers of the API, {told.logins} log-ins, {told.edits} edits seen")
    print("published " + ", ".join(f"{number} ({where})" for where, number in told.published.items()))
    print("\n".join(told.wrong) or "nothing wrong, nothing lost")
    return 1 if told.wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
