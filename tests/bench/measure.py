"""How a command is measured: wall seconds, and the memory of all its processes together (PSS, every 100 ms)."""

from __future__ import annotations

import json
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

RESULTS = Path(__file__).parent / "results"
_SAMPLE_S = 0.1


class Run(NamedTuple):
    seconds: float
    peak_mb: float  # PSS of the process tree, PostgreSQL not counted
    output: str


def run(command: Sequence[str | Path], *, env: dict[str, str], timeout_s: float = 3600, memory: bool = True) -> Run:
    """Run *command*; raises CalledProcessError with its words where it fails."""
    started = time.perf_counter()
    process = subprocess.Popen([*map(str, command)], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    peak, over = [0.0], threading.Event()
    sampler = threading.Thread(target=_sample, args=(process.pid, peak, over), daemon=True)
    if memory:
        sampler.start()
    output, _ = process.communicate(timeout=timeout_s)
    seconds = time.perf_counter() - started
    over.set()
    if process.returncode not in (0, 1):
        raise subprocess.CalledProcessError(process.returncode, command, output)
    return Run(seconds, peak[0], output)


def _sample(pid: int, peak: list[float], over: threading.Event) -> None:
    while not over.wait(_SAMPLE_S):
        try:
            tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        except psutil.NoSuchProcess:
            return
        total = 0
        for process in tree:
            try:
                if "postgres" not in process.name():
                    total += process.memory_full_info().pss
            except (psutil.NoSuchProcess, psutil.AccessDenied, FileNotFoundError):
                continue
        peak[0] = max(peak[0], total / 2**20)


class Row(NamedTuple):
    """A figure beside its peer's, and whether it holds its goal."""

    name: str
    unit: str
    ours: float
    peer: float | None
    peer_name: str
    ratio: float | None
    goal: str
    holds: bool


def row(
    name: str,
    unit: str,
    ours: Sequence[float],
    goal: str,
    holds: Callable[[float, float | None], bool],
    *,
    peer: Sequence[float] = (),
    peer_name: str = "",
) -> Row:
    """The medians of *ours* and of *peer*, and whether (ours, ratio) *holds*."""
    mine = statistics.median(ours)
    theirs = statistics.median(peer) if peer else None
    ratio = mine / theirs if theirs else None
    return Row(
        name,
        unit,
        round(mine, 3),
        round(theirs, 3) if theirs else None,
        peer_name,
        round(ratio, 3) if ratio else None,
        goal,
        holds(mine, ratio),
    )


def report(name: str, rows: Sequence[Row]) -> None:
    """Print the table and write ``results/NAME.json``."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps([r._asdict() for r in rows], indent=1) + "\n")
    print(f"{'what':44} {'ours':>10} {'peer':>10} {'ratio':>6}  goal")
    for r in rows:
        peer = f"{r.peer:10.2f}" if r.peer is not None else " " * 10
        ratio = f"{r.ratio:6.2f}" if r.ratio is not None else " " * 6
        print(
            f"{r.name + ', ' + r.unit:44} {r.ours:10.2f} {peer} {ratio}  {r.goal}: {'holds' if r.holds else 'MISSED'}"
            + (f" ({r.peer_name})" if r.peer_name else "")
        )
