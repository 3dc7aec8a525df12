"""``make fuzz``: 50,000 requests made from the API's description. Prints a seed; ``--seed`` plays it again."""
from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path

from builder.embedded import ensure
from builder.migrate import migrate
from tests.conftest import open_folder
from tests.fuzz.play import application, play
from tests.property.soak import CONF


def main() -> None:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--examples", type=int, default=50_000, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="the seed of an earlier run")
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}", flush=True)
    began = time.monotonic()
    with open_folder("lectern-fuzz-") as data, ensure(data, conf=CONF, keeper=True) as server, tempfile.TemporaryDirectory() as folder:
        migrate(server.dsn)
        with application(server.dsn, Path(folder)) as app:
            found = play(app, server.dsn, chosen.examples, chosen.seed)
    print(f"{found.total()} requests in {time.monotonic() - began:.0f} s, each answered as described: "
          + ", ".join(f"{number} times {status}" for status, number in sorted(found.items())))


if __name__ == "__main__":
    main()
