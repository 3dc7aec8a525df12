#!/usr/bin/env python3
"""From an editor's COMMIT to the new bytes, seen through a real Varnish on the same machine: worker, lease, journal and fsync included.

usage: python -m tests.bench.publish [--catalog DIR] [--videos N] [--edits 100]

Without --catalog, a synthetic one of N videos. One published video's title is changed at a time; the edge, which
held the old page, is asked until it shows the new one: first with another title altogether, then with one word of it
changed, as an editor would. Then 100 publishes in 10 s, and 1,000 edits in one transaction.
"""

from __future__ import annotations

import argparse
import http.client
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
from markupsafe import escape

from builder.embedded import ensure
from edge.address import Path as SitePath
from edge.address import own_tag
from tests.bench import synthetic
from tests.bench.build import LECTERN
from tests.bench.measure import Row, report, row, run
from tests.edge.fakes.varnish import varnish_before
from tests.edge.servers import free_port, listening, wait_until

GIVE_UP_S = 30.0
PURGES = 20  # publishes of which each purged name is looked at
QUIET_S = 0.4  # between publishes, so that each is a lone one: what comes right after a release waits for its like
_LINE = re.compile(r"release\.live (.*)")


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--catalog", type=Path, help="a catalog in the pyvideo layout")
    cli.add_argument("--videos", type=int, default=8500, help="size of the synthetic catalog")
    cli.add_argument("--edits", type=int, default=100, help="publishes measured one by one")
    args, _ = cli.parse_known_args()  # `make bench` gives all its programs the same arguments
    folder = Path(tempfile.mkdtemp(prefix="lectern-bench-"))
    folder.chmod(0o755)
    try:
        catalog = args.catalog
        if catalog is None:
            catalog = folder / "catalog"
            synthetic.write(catalog, args.videos)
        with ensure(folder / "database", keeper=True) as server:
            report("publish" if args.catalog or args.videos == 8500 else f"publish-{args.videos}",
                   _bench(folder, catalog, server.dsn, args.edits))
    finally:
        shutil.rmtree(folder)


def _bench(folder: Path, catalog: Path, dsn: str, edits: int) -> list[Row]:
    port, edge = free_port(), "edge.example"
    with varnish_before(port, edge) as cache:
        env = {k: v for k, v in os.environ.items() if not k.startswith(("LECTERN_", "DATABASE_"))} | {
            "DATABASE_URL": dsn, "LECTERN_DATA": str(folder / "data"), "LECTERN_PORT": str(port), "LECTERN_CDN": "varnish",
            "LECTERN_VARNISH_URL": cache.url, "LECTERN_BASE_URL": f"http://{edge}"}
        run([*LECTERN, "import", catalog], env=env, memory=False)
        run([*LECTERN, "build"], env=env, memory=False)
        with _part([*LECTERN, "serve"], env), _part([*LECTERN, "watch"], env) as worker, closing(psycopg2.connect(dsn)) as editor:
            wait_until(lambda: listening(port), what="the origin")
            wait_until(lambda: any("watching" in line for line in worker), what="the worker")
            editor.autocommit = True
            reader = Reader(int(cache.url.rpartition(":")[2]), edge)
            with editor.cursor() as cursor:
                cursor.execute("""SELECT id, slug, title FROM catalog.video WHERE status = 'published' AND slug ~ '^[a-z0-9-]+$'
                    ORDER BY md5(id::text)""")
                titles = cursor.fetchall()
                videos = [(id, slug) for id, slug, _ in titles]
                _one(cursor, reader, *videos[0], f"Edit 0 of {videos[0][0]}")  # the first pays for what is warm from then on
                begun = len(worker)
                lags = [_one(cursor, reader, id, slug, f"Edit {n} of {id}") for n, (id, slug) in enumerate(videos[1 : edits + 1], 1)]
                stages = _stages(worker[begun:])
                said = _said(worker[begun:])
                mended = [_one(cursor, reader, id, slug, _mended(title)) for id, slug, title in titles[-PURGES - edits : -PURGES]]
                rows = [
                    row("commit to new bytes, p50", "ms", [statistics.median(lags)], "under 40 ms", lambda ours, _: ours < 40),
                    row("commit to new bytes, p99", "ms", [sorted(lags)[int(len(lags) * 0.99) - 1]], "under 150 ms",
                        lambda ours, _: ours < 150),
                    row("one word of a title to new bytes, p50", "ms", [statistics.median(mended)], "", lambda ours, _: True),
                    row("pages rendered for one that changed", "pages", [said["rendered"] / said["uploaded"]], "at most 2",
                        lambda ours, _: ours <= 2),
                    *(row(f"of which {name}", "ms", values, "", lambda ours, _: True) for name, values in stages.items() if name.islower()),
                ]
                rows += _burst(cursor, reader, videos[edits + 1 : edits + 101])
                amiss = [float(_amiss(cursor, worker, id)) for id, _ in videos[-PURGES:]]
                rows.append(row(f"names purged of what did not change, or left out, in {PURGES} publishes", "names", [sum(amiss)], "none",
                                lambda ours, _: ours == 0))
                rows += _many(editor, worker, videos[:1000])
    return rows


def _one(cursor: Any, reader: Reader, id: int, slug: str, title: str) -> float:
    """Milliseconds from COMMIT of another title to the new bytes at the edge, which held the old ones."""
    time.sleep(QUIET_S)
    reader.get(slug)
    cursor.execute("UPDATE catalog.video SET title = %s WHERE id = %s", (title, id))
    return reader.until(slug, str(escape(title)), time.perf_counter()) * 1000


def _mended(title: str) -> str:
    """*title* with another word in the place of its longest."""
    return title.replace(max(title.split(), key=len), "Mended")


def _amiss(cursor: Any, worker: list[str], id: int) -> int:
    """Names that one publish purged though their objects did not change, and those of objects that changed and were not purged."""
    time.sleep(QUIET_S)
    begun, before = len(worker), _owed(cursor)
    cursor.execute("UPDATE catalog.video SET title = title || ' again' WHERE id = %s", (id,))
    wait_until(lambda: any(_LINE.search(line) for line in worker[begun:]), within_s=GIVE_UP_S, what="the release")
    owed = _owed(cursor)
    cursor.execute("""SELECT path FROM live.object WHERE kind <> 'asset'
        AND release = (SELECT max(number) FROM live.release WHERE state = 'live')""")
    paths = [SitePath(row[0]) for row in cursor]
    changed = {f"tag:{own_tag(path)}" for path in paths}
    needless = owed - before - changed - {f"url:{path}" for path in paths}  # by its URL what is new, whose 404 an edge may keep
    if needless or changed - owed:
        print(f"amiss when {id} was published: {sorted(needless)} for nothing, {sorted(changed - owed)} left out")
    return len(needless | (changed - owed))


def _owed(cursor: Any) -> set[str]:
    """The names of second purges that are still to be sent: they stand for a while, the first ones do not."""
    cursor.execute("SELECT unnest(what) FROM live.debt WHERE kind = 'purge' AND again")
    return {row[0] for row in cursor}


def _burst(cursor: Any, reader: Reader, videos: list[tuple[int, str]]) -> list[Row]:
    """A publish each tenth of a second; each is looked for by itself."""
    for _, slug in videos:
        reader.get(slug)
    lags: list[float] = []
    ended: list[float] = []
    threads = []
    last = 0.0
    for n, (id, slug) in enumerate(videos):
        due = time.perf_counter() + 0.1
        cursor.execute("UPDATE catalog.video SET title = %s WHERE id = %s", (f"Burst {n} of {id}", id))
        last = time.perf_counter()

        def look(slug: str = slug, mark: str = f"Burst {n} of {id}", since: float = last) -> None:
            lags.append(Reader(reader.port, reader.host).until(slug, mark, since, pause_s=0.01))
            ended.append(time.perf_counter())

        threads.append(threading.Thread(target=look))
        threads[-1].start()
        time.sleep(max(0.0, due - time.perf_counter()))
    for thread in threads:
        thread.join()
    return [row("100 publishes in 10 s, the slowest", "s", [max(lags)], "under 1 s", lambda ours, _: ours < 1),
            row("100 publishes in 10 s, all after the last", "s", [max(ended) - last], "under 0.5 s", lambda ours, _: ours < 0.5)]


def _many(editor: Any, worker: list[str], videos: list[tuple[int, str]]) -> list[Row]:
    """Many edits in one transaction."""
    begun = len(worker)
    editor.autocommit = False
    with editor, editor.cursor() as cursor:
        for id, _ in videos:
            cursor.execute("UPDATE catalog.video SET description = description || ' More.' WHERE id = %s", (id,))

    def live() -> list[str]:
        return [line for line in worker[begun:] if _LINE.search(line)]

    wait_until(lambda: bool(live()), within_s=GIVE_UP_S, what="the release")
    time.sleep(1)
    return [row(f"{len(videos)} edits in one transaction", "releases", [len(live())], "one", lambda ours, _: ours == 1)]


def _stages(lines: list[str]) -> dict[str, list[float]]:
    """Milliseconds by stage, and counts, of each release."""
    found: dict[str, list[float]] = {}
    for line in lines:
        if said := _LINE.search(line):
            for name, value in re.findall(r"(\w+)_ms=([\d.]+)", said[1]):
                found.setdefault(name, []).append(float(value))
    return found


def _said(lines: list[str]) -> dict[str, int]:
    """Sums over all releases of what each says of itself."""
    sums: dict[str, int] = {}
    for line in lines:
        if said := _LINE.search(line):
            for name, value in re.findall(r"\b(rendered|uploaded|purged)=(\d+)", said[1]):
                sums[name] = sums.get(name, 0) + int(value)
    return sums


class Reader:
    """A reader at the edge, over one kept connection."""

    def __init__(self, port: int, host: str) -> None:
        self.port, self.host = port, host
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def get(self, slug: str) -> bytes:
        """The page's bytes, uncompressed."""
        self._connection.request("GET", f"/videos/{slug}/", headers={"Host": self.host, "Accept-Encoding": "identity"})
        return self._connection.getresponse().read()

    def until(self, slug: str, mark: str, since: float, pause_s: float = 0.001) -> float:
        """Seconds from *since* until the page says *mark*."""
        wanted = mark.encode()
        while wanted not in self.get(slug):
            if time.perf_counter() - since > GIVE_UP_S:
                raise AssertionError(f"{slug} did not show {mark!r} in {GIVE_UP_S:g} s")
            time.sleep(pause_s)
        return time.perf_counter() - since


@contextmanager
def _part(command: list[str] | tuple[str, ...], env: dict[str, str]) -> Iterator[list[str]]:
    """A process that runs as long as the block; gives the lines that it says, as they come."""
    process = subprocess.Popen([*command], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines: list[str] = []

    def read() -> None:
        for line in process.stdout or ():
            lines.append(line)

    threading.Thread(target=read, daemon=True).start()
    try:
        yield lines
    finally:
        process.send_signal(signal.SIGTERM)
        if process.wait(timeout=20) not in (0, -signal.SIGTERM, 143):
            print("".join(lines[-20:]), file=sys.stderr)


if __name__ == "__main__":
    main()
