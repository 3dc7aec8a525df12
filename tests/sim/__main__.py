#!/usr/bin/env python3
"""A day of a million students through eight edges by each profile's tiers, and samples of it through a real Varnish.

usage: python -m tests.sim [--students 1000000] [--seed 1] [--no-api]

The samples are all requests for some of the pages at the smallest edge, from noon to midnight, with time compressed; what the same rules
predict for them is compared with what Varnish did. Then pages a second from that Varnish (wrk), and what an API instance and its
database take, for 10,000 requests a second over 20 instances.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import Progress, TaskID

from builder.capacity import hits
from builder.capacity.measuring import measure
from edge.tiers import DAY_S, HOUR_S, PROFILES
from tests.bench.measure import Row, report
from tests.sim.cache import Served, serve
from tests.sim.sample import Compared, compare, sample
from tests.sim.varnish import compressed, varnish
from tests.sim.world import Asked, Purged, World, asked, popularity, purged, rules

TURNS = 3
FACTOR = 1_200  # two hours are six seconds
HOURS_REPLAYED = (12, 24)
PAGES_REPLAYED = 0.06
WITHIN = 0.02
MOST_S = 300
GUIDE_PER_S, GUIDE_INSTANCES = 10_000, 20
_WRK_S = 4


class Day(NamedTuple):
    """A profile's day: how many requests, what all edges did, and the store's busiest minute."""

    asked: int
    hit_ratio: float
    fetch_ratio: float
    store_per_s: float
    worst_hit_ratio: float


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--students", type=int, default=1_000_000)
    cli.add_argument("--seed", type=int, default=1)
    cli.add_argument("--no-api", action="store_true", help="leave out what is measured of the API")
    args = cli.parse_args()
    if not shutil.which("wrk"):
        raise SystemExit("wrk is not installed: apt install wrk")
    began = time.perf_counter()
    chance = np.random.default_rng(args.seed)
    world = World(students=args.students)
    with Progress(console=Console(stderr=True)) as progress:
        days, smallest, away = simulate(world, chance, progress)
        turns, pages_per_s = replay(world, smallest, away, chance, progress)
    rows = [row for name, day in days.items() for row in rows_of(name, day, world)] + compared_rows(turns)
    rows.append(_row(f"pages from one Varnish on this machine, its client beside it (guide: {GUIDE_PER_S:,})", "pages/s",
                     statistics.median(pages_per_s), f"at least {GUIDE_PER_S:,}", statistics.median(pages_per_s) >= GUIDE_PER_S))
    rows += [] if args.no_api else api_rows()
    took_s = time.perf_counter() - began
    rows.append(_row("the whole run", "s", took_s, f"under {MOST_S}", took_s < MOST_S))
    report("sim", rows)


def simulate(world: World, chance: np.random.Generator, progress: Progress) -> tuple[dict[str, Day], Asked, Purged]:
    """The day by each profile; and the smallest edge's requests with the purges, to take samples from."""
    away = purged(world, chance)
    served: dict[str, list[Served]] = {name: [] for name in PROFILES}
    task = progress.add_task(f"{world.students:,} students at {len(world.points)} edges", total=sum(world.points) * len(PROFILES))
    for share in sorted(world.points, reverse=True):
        here = asked(world, share, chance)
        for name in PROFILES:
            served[name].append(serve(here.at_s, here.page, rules(world, name), away))
            progress.advance(task, share)
    return {name: _day(of) for name, of in served.items()}, here, away


def replay(world: World, here: Asked, away: Purged, chance: np.random.Generator, progress: Progress) -> tuple[list[Compared], list[float]]:
    """TURNS samples through a real Varnish, each beginning empty; and pages a second from it when it is warm."""
    turns, per_s = [], []
    for turn in range(TURNS):
        small = sample(world, here, away, chance, hours=HOURS_REPLAYED, pages=PAGES_REPLAYED, factor=FACTOR)
        task = progress.add_task(f"Varnish, turn {turn + 1}: {len(small.at_s):,} requests in {small.long_s:.0f} s", total=1.0)
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lectern-sim-")))
            folder.chmod(0o755)
            profile = stack.enter_context(compressed("1m", FACTOR))
            edge = stack.enter_context(varnish(folder, profile, world.lists))
            turns.append(compare(world, profile, edge, small, partial(_done, progress, task)))
            per_s.append(_wrk(edge.port, folder, small.page))
        progress.update(task, completed=1.0)
    return turns, per_s


def _done(progress: Progress, task: TaskID, share: float) -> None:
    progress.update(task, completed=share)


def rows_of(name: str, day: Day, world: World) -> list[Row]:
    """A profile's figures, beside the closed formula that `capacity` uses."""
    formula = _formula(name, day.asked, world)
    return [
        _row(f"{name}: pages that nobody waited for", "%", day.hit_ratio * 100, "over 80", day.hit_ratio > 0.8, formula.hit * 100,
             "the formula of `capacity`, requests spread evenly over the day"),
        _row(f"{name}: the same, the smallest edge", "%", day.worst_hit_ratio * 100, "told", True),
        _row(f"{name}: requests that the store saw", "%", day.fetch_ratio * 100, "told", True, formula.fetched * 100, "the same formula"),
        _row(f"{name}: store, its busiest minute", "requests/s", day.store_per_s, "told", True),
    ]


def compared_rows(turns: Sequence[Compared]) -> list[Row]:
    """What was predicted beside what Varnish did; each turn is to hold."""
    rows = []
    for what, pairs in (("hits", [(t.predicted.hit_ratio, t.measured.hit_ratio) for t in turns]),
                        ("requests that the store saw", [(t.predicted.fetch_ratio, t.measured.fetch_ratio) for t in turns])):
        worst = max(abs(ours - theirs) for ours, theirs in pairs)
        rows.append(_row(f"replayed: {what}, predicted", "%", statistics.median(ours for ours, _ in pairs) * 100,
                         f"each turn within {WITHIN * 100:g} points; worst {worst * 100:.2f}", worst <= WITHIN,
                         statistics.median(theirs for _, theirs in pairs) * 100, "measured at Varnish"))
    rows.append(_row("replayed: requests a turn, and the latest of them", "s late", max(t.measured.late_s for t in turns),
                     f"told; {statistics.median(len(t.measured.page) for t in turns):,.0f} requests", True))
    return rows


def api_rows() -> list[Row]:
    """10,000 API requests a second over 20 instances, by what one takes, measured now."""
    sys.argv[0] = str(Path(__file__).parents[2] / "build.py")  # what the measurement starts
    found = measure(lambda what: print(f"measuring: {what}", file=sys.stderr))
    by_processor = GUIDE_INSTANCES * 2 / found.overlay_ms * 1000
    by_process = GUIDE_INSTANCES * found.overlay_wall_per_s
    database = GUIDE_PER_S * found.overlay_db_ms / 1000
    return [
        _row("overlays from 20 times what one process gave here, client and PostgreSQL beside it", "requests/s",
             by_process, f"at least {GUIDE_PER_S:,}", by_process >= GUIDE_PER_S),
        _row("overlays from 20 instances of 2 processors, by the processor time of one", "requests/s", by_processor,
             f"at least {GUIDE_PER_S:,}", by_processor >= GUIDE_PER_S),
        _row("PostgreSQL at 10,000 overlays a second, none from a cache", "processors", database, "told", True),
        _row("PostgreSQL's limit on 32 processors, 70 % busy", "overlays/s", 32 * 0.7 / found.overlay_db_ms * 1000, "told", True),
    ]


def _day(served: Sequence[Served]) -> Day:
    total = sum(one.asked for one in served)
    fetched = np.concatenate([one.fetched_at_s for one in served])
    minutes = np.bincount((fetched // 60).astype(np.int64), minlength=DAY_S // 60)
    first_hour = HOUR_S // 60  # all edges begin empty at midnight, which no day does
    return Day(total, sum(one.hits + one.stale for one in served) / total, len(fetched) / total, float(minutes[first_hour:].max() / 60),
               min(one.hit_ratio for one in served))


def _formula(profile: str, count: int, world: World) -> hits.Share:
    of, times = popularity(world), rules(world, profile)
    purged_per_s = (world.publishes * world.pages_a_publish + 23 * world.refreshed_an_hour) / world.pages / DAY_S
    hit = fetched = 0.0
    for share in world.points:
        for part in (slice(0, world.lists), slice(world.lists, world.pages)):
            weight = float(of[part].sum())
            one = hits.pages(count * share / DAY_S * weight, [float(x) / weight for x in of[part]], float(times.kept_s[part][0]),
                             float(times.stale_s[part][0]), purged_per_s)
            hit, fetched = hit + share * weight * one.hit, fetched + share * weight * one.fetched
    return hits.Share(hit, fetched)


def _wrk(port: int, folder: Path, page: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> float:
    """Pages a second that a warm Varnish gives to 64 connections, of the hundred pages most asked for."""
    names, counts = np.unique(page, return_counts=True)
    best = ", ".join(f'"/videos/{n}/"' for n in names[np.argsort(-counts)[:100]])
    script = folder / "pages.lua"
    script.write_text(f'local paths, n = {{{best}}}, 0\n'
                      'function request()\n n = n + 1\n return wrk.format("GET", paths[n % #paths + 1])\nend\n')
    said = subprocess.run(["wrk", "-t1", "-c64", f"-d{_WRK_S}", "-s", str(script), "-H", "Accept-Encoding: gzip", f"http://127.0.0.1:{port}"],
                          check=True, capture_output=True, text=True, env=os.environ).stdout
    assert "Non-2xx" not in said, said
    return float(said.partition("Requests/sec:")[2].split()[0])


def _row(name: str, unit: str, ours: float, goal: str, holds: bool, peer: float | None = None, peer_name: str = "") -> Row:
    ratio = round(ours / peer, 3) if peer else None
    return Row(name, unit, round(ours, 3), None if peer is None else round(peer, 3), peer_name, ratio, goal, holds)


if __name__ == "__main__":
    main()
