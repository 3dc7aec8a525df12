#!/usr/bin/env python3
"""What the generated Varnish costs, holds and spares the origin, on loopback, the load generator on the same machine.

usage: python -m tests.bench.edge [--turns 3] [--seconds 4] [--idle 20000] [--pages 10000]

Cached gzip pages through our configuration and through the barest one that caches, in turns. Then connections that were used once and stay
open. Then a trace in which the n-th page is asked for 1/n as often as the first, over a cache that was filled before, while each second
one publish writes eleven objects, of which the home page is one, and purges them twice.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import resource
import select
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple
from wsgiref.types import StartResponse, WSGIEnvironment

from edge.address import Path as SitePath
from edge.address import key_of, own_tag
from edge.cdn.port import tag
from edge.cdn.varnish import Varnish as Purger
from edge.config import files
from edge.config.cache_node import CacheNode, Upstream
from edge.origin import Origin
from edge.policy import page_headers
from edge.store.port import Put
from edge.store.sqlite import SQLiteStore
from edge.tiers import cache_control
from tests.bench.measure import Row, report, row
from tests.edge.conformance.site import running
from tests.edge.fakes.varnish import Varnish, running_vcl, with_robots
from tests.edge.pages import page

HOST = "edge.example"
HOT = 100  # pages of the comparison
CONNECTIONS = 50
ZIPF_S = 20
FILL_EACH = 1_000  # pages that one reader asks for
HELD_S = 10.0  # so long nothing is said on an idle connection
MEMORY_MB = 256
PAGE_WORDS = 900  # some 6 KB of text, 2 KB compressed
BARE = """vcl 4.1;
backend default { .host = "127.0.0.1"; .port = "%d"; }
"""
_FIGURES = re.compile(r"FIGURES (\S+) (\d+) (\d+)")
_ROOM = 200  # file descriptors beside those of the connections


class Load(NamedTuple):
    """What wrk saw."""

    rate: float  # answers a second
    requests: int
    errors: int


class Counted:
    """The origin, and how often it was asked."""

    def __init__(self, origin: Origin) -> None:
        self._origin, self.asked = origin, 0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        self.asked += 1
        return self._origin(environ, start_response)


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--turns", type=int, default=3)
    cli.add_argument("--seconds", type=int, default=4, help="length of a turn")
    cli.add_argument("--idle", type=int, default=20_000, help="connections held open")
    cli.add_argument("--pages", type=int, default=10_000, help="pages of the trace")
    args = cli.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # Varnish inherits it
    folder = Path(tempfile.mkdtemp(prefix="lectern-bench-"))
    try:
        with ExitStack() as stack:
            store = stack.enter_context(closing(SQLiteStore(folder / "site.db")))
            paths = [f"/videos/lecture-{n}/" for n in range(args.pages)]
            _publish(store, paths, 1)
            origin = Counted(Origin(store, page_headers(https=False)))
            port = stack.enter_context(running(with_robots(origin))).port
            behind = Upstream("http", "127.0.0.1", port)
            place = CacheNode(f"http://{HOST}", "1m", page_headers(https=False), behind, behind)
            ours = stack.enter_context(running_vcl(files("varnish", place)["default.vcl"], HOST, memory_mb=MEMORY_MB))
            bare = stack.enter_context(running_vcl(BARE % port, HOST, memory_mb=MEMORY_MB))
            rows = _rates(folder, ours, bare, paths[:HOT], args.turns, args.seconds)
            rows.append(_idle(ours, paths[0], args.idle))
            rows += _trace(folder, ours, origin, store, paths, args.turns)
            report("edge", rows)
    finally:
        shutil.rmtree(folder)


def _publish(store: SQLiteStore, paths: Sequence[str], version: int) -> None:
    words = random.Random(version)
    store.put(Put(page(key_of(SitePath(path)), f"<h1>{path} {version}</h1>" + " ".join(
        words.choices(("lecture", "notes", "proof", "graph", "limit", "series"), k=PAGE_WORDS)), version,
        tags=f"{own_tag(SitePath(path))} all", cache_control=cache_control("metadata", "1m"))) for path in paths)


def _load(folder: Path, edge: Varnish, paths: Sequence[str], seconds: int) -> Load:
    listed = folder / "paths"
    listed.write_text("".join(f"{path}\n" for path in paths))
    said = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(Path(__file__).with_name("edge_load.lua")), edge.url],
        env={**os.environ, "LOAD_PATHS": str(listed)}, capture_output=True, text=True, check=True, timeout=seconds + 60)
    found = _FIGURES.search(said.stdout)
    assert found, said.stdout + said.stderr
    return Load(float(found[1]), int(found[2]), int(found[3]))


def _rates(folder: Path, ours: Varnish, bare: Varnish, hot: Sequence[str], turns: int, seconds: int) -> list[Row]:
    found: dict[str, list[float]] = {"ours": [], "bare": []}
    for edge in (ours, bare):
        _fill(edge, hot)
    for _ in range(turns):
        for name, edge in (("ours", ours), ("bare", bare)):
            load = _load(folder, edge, hot, seconds)
            assert not load.errors, f"{load.errors} of {load.requests} answers of {name} were none"
            found[name].append(load.rate)
    return [row("cached gzip pages", "answers/s", found["ours"], "0.9 of bare", lambda _, ratio: ratio is not None and ratio >= 0.9,
                peer=found["bare"], peer_name="Varnish, bare")]


def _fill(edge: Varnish, paths: Iterable[str]) -> None:
    """Ask for each once, as many readers: one alone may not cause so many fetches."""
    for n, path in enumerate(paths):
        _ask(edge, path, f"PROXY TCP4 192.0.2.{n // FILL_EACH + 1} 127.0.0.1 1024 80\r\n").close()


def _ask(edge: Varnish, path: str, proxy: str = "") -> socket.socket:
    """A connection that has had one answer, and stays open. *proxy*: the line by which a proxy tells whose it is."""
    line = socket.create_connection(("127.0.0.1", edge.proxied_port if proxy else int(edge.url.rpartition(":")[2])), timeout=30)
    line.sendall(proxy.encode())
    line.sendall(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nAccept-Encoding: gzip\r\n\r\n".encode())
    got = line.recv(65536)
    while not (length := re.search(rb"(?i)content-length: (\d+)", got)) or len(got.partition(b"\r\n\r\n")[2]) < int(length[1]):
        got += line.recv(65536)
    assert got.startswith(b"HTTP/1.1 200"), got[:100]
    return line


def _idle(edge: Varnish, path: str, most: int) -> Row:
    """How many connections are still open, and answer, after HELD_S of silence."""
    room = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _ROOM
    lines: list[socket.socket] = []
    try:
        for _ in range(min(most, room)):
            lines.append(_ask(edge, path))
        time.sleep(HELD_S)
        poll = select.poll()
        for line in lines:
            poll.register(line, select.POLLIN | select.POLLHUP)
        closed = len(poll.poll(0))
        for line in random.Random(1).sample(lines, min(200, len(lines))):
            line.sendall(f"HEAD {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
            closed += not line.recv(65536).startswith(b"HTTP/1.1 200")
    finally:
        for line in lines:
            line.close()
    return row("idle keep-alive connections held", "", [len(lines) - closed], f"{most}", lambda held, _: held >= most)


def _trace(folder: Path, edge: Varnish, origin: Counted, store: SQLiteStore, paths: list[str], turns: int) -> list[Row]:
    chance = random.Random(14)
    asked = ["/", *paths]
    _publish(store, ["/"], 1)
    trace = chance.choices(asked, weights=[1 / n for n in range(1, len(asked) + 1)], k=500_000)
    _fill(edge, asked)
    hits, spared, rates = [], [], []
    for turn in range(turns):
        ending = threading.Event()
        publisher = threading.Thread(target=_publishing, args=(edge, store, asked, ending, turn * 1000 + 2))
        before = origin.asked, edge.count("MAIN.cache_hit"), edge.count("MAIN.cache_miss")
        publisher.start()
        load = _load(folder, edge, trace, ZIPF_S)
        ending.set()
        publisher.join()
        hit, miss = edge.count("MAIN.cache_hit") - before[1], edge.count("MAIN.cache_miss") - before[2]
        assert not load.errors, f"{load.errors} of {load.requests} were no answers"
        hits.append(100 * hit / (hit + miss))
        spared.append(load.requests / max(1, origin.asked - before[0]))
        rates.append(load.rate)
    return [row("hits of a Zipf trace, a publish a second", "%", hits, "98 %", lambda mine, _: mine >= 98),
            row("edge requests to one at the origin", "", spared, "200", lambda mine, _: mine >= 200),
            row("answers of that trace", "answers/s", rates, "told", lambda *_: True)]


def _publishing(edge: Varnish, store: SQLiteStore, paths: list[str], ending: threading.Event, version: int) -> None:
    """Each second eleven objects anew, and their purges: at once, and those of the second before once more."""
    purger, chance = Purger([edge.url], f"http://{HOST}"), random.Random(version)
    before: list[str] = []
    while not ending.wait(1):
        version += 1
        changed = ["/", *chance.sample(paths[1:], 10)]
        _publish(store, changed, version)
        purger.purge([tag(own_tag(SitePath(path))) for path in dict.fromkeys(changed + before)])
        before = changed


if __name__ == "__main__":
    main()
