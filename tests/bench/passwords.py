"""What a password's hash costs: argon2id's memory, passes and lanes, alone and as the API checks them, two at a time.

`python -m tests.bench.passwords [TURNS]`: processor time of one hash and how long it takes alone, the least of the turns, and what two
at a time take of memory. Each candidate in a process of its own.
"""
from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher

from api.auth.passwords import AT_ONCE, LANES, MEMORY_KIB, PASSES

CANDIDATES = [  # memory in KiB, passes, lanes: OWASP's five, RFC 9106's second, and what more lanes change
    (47_104, 1, 1), (19_456, 2, 1), (12_288, 3, 1), (9_216, 4, 1), (7_168, 5, 1), (65_536, 3, 4), (19_456, 2, 2), (19_456, 2, 4)]
TURNS = 30


def measure(memory_kib: int, passes: int, lanes: int, turns: int) -> dict[str, float]:
    """What one candidate costs, in this process."""
    hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=lanes)
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with ThreadPoolExecutor(AT_ONCE) as threads:  # before this thread has a heap of its own
        list(threads.map(hasher.hash, ["correct horse battery staple"] * turns))
    taken_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib
    processor_s, took_s = [], []
    for _ in range(turns):
        begun, used = time.perf_counter(), time.process_time()
        hasher.hash("correct horse battery staple")
        took_s.append(time.perf_counter() - begun)
        processor_s.append(time.process_time() - used)
    return {"processor_ms": min(processor_s) * 1000, "alone_ms": min(took_s) * 1000, "mb": taken_kib / 1000}


def main() -> None:
    """The table, as Markdown."""
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else TURNS
    print("| memory, passes, lanes | processor time | alone | memory of two at a time |\n| --- | --- | --- | --- |")
    for one in CANDIDATES:
        code = f"import json; from tests.bench.passwords import measure; print(json.dumps(measure(*{one}, {turns})))"
        found = json.loads(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)
        chosen = " (ours)" if one == (MEMORY_KIB, PASSES, LANES) else ""
        print(f"| {one[0] / 1024:.0f} MiB, {one[1]}, {one[2]}{chosen} | {found['processor_ms']:.0f} ms | {found['alone_ms']:.0f} ms "
              f"| {found['mb']:.0f} MB |", flush=True)


if __name__ == "__main__":
    main()
