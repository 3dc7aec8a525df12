#!/usr/bin/env python3
"""Whole-site builds beside Hugo's, on the same videos, in turn.

usage: python -m tests.bench.build [--catalog DIR] [--videos N] [--turns 3] [--no-peer]

Without --catalog, a synthetic one of N videos. Everything lies in a fresh temporary folder.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

from builder.embedded import ensure
from tests.bench import synthetic
from tests.bench.measure import report, row, run

TOP = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
LECTERN = (sys.executable, str(TOP / "build.py"))


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--catalog", type=Path, help="a catalog in the pyvideo layout")
    cli.add_argument("--videos", type=int, default=8500, help="size of the synthetic catalog")
    cli.add_argument("--turns", type=int, default=3)
    cli.add_argument("--no-peer", action="store_true", help="leave Hugo out")
    args = cli.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="lectern-bench-"))
    folder.chmod(0o755)
    try:
        catalog = args.catalog
        if catalog is None:
            catalog = folder / "catalog"
            synthetic.write(catalog, args.videos)
        with ensure(folder / "database", keeper=True) as server:
            _bench(
                folder,
                catalog,
                server.dsn,
                args.turns,
                not args.no_peer,
                "build" if args.catalog or args.videos == 8500 else f"build-{args.videos}",
            )
    finally:
        shutil.rmtree(folder)


def _bench(folder: Path, catalog: Path, dsn: str, turns: int, peer: bool, name: str) -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("LECTERN_", "DATABASE_"))} | {"DATABASE_URL": dsn}
    importing = run([*LECTERN, "import", catalog], env=env | {"LECTERN_DATA": str(folder / "first")}).seconds
    if peer:
        run([sys.executable, HERE / "hugo" / "make_site.py", catalog, folder / "hugo"], env=env, memory=False)
    full, unchanged, exported, hugo, ours_mb, hugo_mb = [], [], [], [], [], []
    objects = 0
    for turn in range(turns):
        _empty(dsn)
        own = env | {"LECTERN_DATA": str(folder / f"turn-{turn}")}
        built = run([*LECTERN, "build", "--json"], env=own)
        objects = json.loads(built.output)["uploaded"]
        full.append(built.seconds)
        ours_mb.append(built.peak_mb)
        unchanged.append(run([*LECTERN, "build"], env=own).seconds)
        exported.append(run([*LECTERN, "export-site", folder / f"tree-{turn}"], env=own).seconds)
        if peer:
            theirs = run(
                [
                    Path(sysconfig.get_path("scripts")) / "hugo",
                    "--quiet",
                    "--source",
                    folder / "hugo",
                    "--destination",
                    folder / f"hugo-{turn}",
                ],
                env=env,
            )
            hugo.append(theirs.seconds)
            hugo_mb.append(theirs.peak_mb)
    files = [_files(folder / f"files-{turn}", objects) for turn in range(1)]
    both = [a + b for a, b in zip(full, exported, strict=True)]
    rate = objects / sorted(full)[len(full) // 2]
    print(f"{objects} objects, {rate:.0f} a second; import {importing:.1f} s; bare creation of {objects * 2} files {files[0]:.2f} s")
    rows = [
        row(
            "full build",
            "s",
            full,
            "a fifth of Hugo's time",
            lambda ours, ratio: ratio is not None and ratio <= 0.2,
            peer=hugo,
            peer_name="Hugo" if peer else "",
        ),
        row(
            "full build and plain tree",
            "s",
            both,
            "less than Hugo's time",
            lambda ours, ratio: ratio is not None and ratio < 1,
            peer=hugo,
            peer_name="Hugo" if peer else "",
        ),
        row("unchanged build", "s", unchanged, "under 2 s", lambda ours, ratio: ours < 2),
        row(
            "peak memory, all processes",
            "MB",
            ours_mb,
            "under 400 MB (1,000 MB for 200,000 videos)",
            lambda ours, ratio: ours < (400 if objects < 100_000 else 1000),
            peer=hugo_mb,
            peer_name="Hugo" if peer else "",
        ),
        row("import", "s", [importing], "under 20 s for 8,500 videos", lambda ours, ratio: ours < 20 * max(objects / 28_000, 1)),
    ]
    # Without the peer there is nothing to say of what is measured against it.
    report(name, rows if peer else rows[2:])


def _empty(dsn: str) -> None:
    """A first build again: no manifest, no releases, no list numbers; the catalog and its clean texts stay."""
    import psycopg2

    with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("TRUNCATE live.object, live.release, live.retained, live.list_number, live.list_end, live.index_split, "
                       "live.tombstone")
    connection.close()


def _files(folder: Path, count: int) -> float:
    """Seconds that the file system takes to make *count* small files: what any plain tree costs here."""
    import time

    body = b"x" * 2000
    started = time.perf_counter()
    for n in range(count):
        home = folder / str(n // 100)
        if n % 100 == 0:
            home.mkdir(parents=True)
        (home / str(n)).write_bytes(body)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
