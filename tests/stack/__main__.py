"""``make soak``: a quarter of an hour of readers, students and editors at the whole stack, while its parts die and come back.

97 % of what is asked are pages by Zipf, 2 % overlays, 1 % writes and log-ins. Meanwhile editors publish and withdraw, the worker is
killed, the API restarted and killed, `refresh` runs, takedowns are made, the database restarted and crashed. Ends with exit code 1
where a page failed, was older than promised or came back, where the API failed outside a restart, or a write was lost.
"""
from __future__ import annotations

import argparse
import random
import signal
import statistics
import sys
import time
from collections import Counter

from tests.bench.measure import Row, report, row
from tests.conftest import open_folder
from tests.stack.known import PROMISE_S
from tests.stack.parts import standing
from tests.stack.run import ERRORS_SHARE, Run

VIDEOS = 400
PEACE_S = 8.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=15, help="how long (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=200, help="requests a second (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="the seed of what is asked and edited")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started ends with it
    print(f"seed {chosen.seed}", flush=True)
    with open_folder("lectern-stack-") as folder, standing(folder, VIDEOS) as stack:
        run = Run(stack, VIDEOS, chosen.rate, random.Random(chosen.seed))
        began = time.monotonic()
        run.play(chosen.minutes * 60, PEACE_S)
        took_s = time.monotonic() - began
        losses = run.losses()
        if losses:
            print(stack.last_words(), file=sys.stderr)
    rows = _rows(run, took_s, losses)
    report("soak", rows)
    print(f"{took_s:.0f} s: " + ", ".join(f"{number} times {what}" for what, number in run.done.items()))
    errors = Counter(under for under, _ in run.figures.errors)
    print("errors of the API: " + (", ".join(f"{number} while {under}" for under, number in errors.items()) or "none"))
    print("\n".join(losses) or "no page failed or was stale, nothing was lost")
    return 1 if losses else 0


def _rows(run: Run, took_s: float, losses: list[str]) -> list[Row]:
    figures, counted = run.figures, run.counted
    peace = [seconds for seconds, under in run.known.seen_s if under == "peace"] or [0.0]
    api = counted.get("hit", 0.0) + counted.get("miss", 0.0)
    return [
        row("wrong: pages, promises, writes", "cases", [float(len(losses))], "none", lambda ours, _: ours == 0),
        row("pages", "answers", [float(figures.pages)], "", lambda ours, _: ours > 0),
        row("pages a second", "1/s", [figures.pages / took_s], "", lambda ours, _: ours > 0),
        row("answers of the API", "answers", [float(run.heard.answers)], "", lambda ours, _: ours > 0),
        row("log-ins", "answers", [float(figures.logins)], "", lambda ours, _: ours > 0),
        row("API errors outside restarts", "%", [100 * len(run.outside_errors) / max(1, run.heard.answers)],
            f"under {100 * ERRORS_SHARE:g} %", lambda ours, _: ours < 100 * ERRORS_SHARE),
        row("API, cached, P99", "ms", [1000 * _p99(figures.cached_s)], "under 200 ms", lambda ours, _: ours < 200),
        row("API, all but log-ins, P99", "ms", [1000 * _p99(figures.api_s)], "", lambda ours, _: True),
        row("query, mean", "ms", [1000 * counted.get("sum", 0.0) / max(1.0, counted.get("count", 0.0))], "under 100 ms",
            lambda ours, _: ours < 100),
        row("hit rate at the edge", "%", [100 * figures.hits / max(1, figures.pages)], "over 80 %", lambda ours, _: ours > 80),
        row("hit rate of the API's cache", "%", [100 * counted.get("hit", 0.0) / max(1.0, api)], "", lambda ours, _: True),
        row("memory of an API instance, at most", "MB", [max(run.api_mb)], "under 3,072 MB", lambda ours, _: ours < 3072),
        row("page at the edge, P99", "ms", [1000 * _p99(figures.page_s)], "", lambda ours, _: True),
        row("edits seen", "edits", [float(len(run.known.seen_s))], "", lambda ours, _: ours > 0),
        row("edit to edge in peace, P50", "ms", [1000 * statistics.median(peace)], "", lambda ours, _: True),
        row("edit to edge, whatever died, at most", "s", [max(seconds for seconds, _ in run.known.seen_s)], f"under {PROMISE_S:g} s",
            lambda ours, _: ours < PROMISE_S),
    ]


def _p99(seconds: list[float]) -> float:
    return sorted(seconds)[int(len(seconds) * 0.99) - 1] if len(seconds) > 100 else max(seconds, default=0.0)


if __name__ == "__main__":
    raise SystemExit(main())
