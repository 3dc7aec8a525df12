"""Texts converted beside an import: what processes are worth, and that none outlives the import."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import psutil
import psycopg2

from builder.catalog.text import CleanText, clean, text_hash
from builder.catalog.text_pool import TextPool
from builder.embedded.postmaster import is_alive

TOP = Path(__file__).resolve().parents[2]
WAIT_S = 20
KILLED = """
import sys, psycopg2
from builder.catalog.text_pool import TextPool
if __name__ == "__main__":
    warmer = TextPool()
    cursor = psycopg2.connect(sys.argv[1]).cursor()
    for n in range(1000):
        warmer.offer(cursor, f"text *{n}*", "rst")
    print(*warmer._pool._processes, flush=True)
    sys.stdin.read()
"""


def _kept(dsn: str) -> dict[bytes, CleanText]:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT hash, html, plain, note FROM live.clean_text")
        return {bytes(hash): CleanText(*text) for hash, *text in cursor.fetchall()}


def test_texts_are_kept_once_under_their_hash_with_what_was_wrong(dsn: str) -> None:
    texts = [(f"``text`` *{n % 150}*", "rst") for n in range(300)] + [("see word_ and ``more``", "rst")]
    for turn in range(2):
        with closing(psycopg2.connect(dsn)) as connection, connection, closing(TextPool()) as warmer:
            with connection.cursor() as cursor:
                hashes = [warmer.offer(cursor, *text) for text in texts]
                steps = list(warmer.finish(cursor))
            assert hashes == [text_hash(*text) for text in texts]
            assert list(warmer.notes()) == [hashes[-1]]
            assert bool(steps) == (turn == 0), "what is known is not made again"
    assert _kept(dsn) == {text_hash(*text): clean(*text) for text in texts}


def test_a_killed_import_leaves_no_process(dsn: str) -> None:
    importing = subprocess.Popen(
        [sys.executable, "-c", KILLED, dsn], cwd=TOP, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert importing.stdout is not None
    children = [psutil.Process(int(pid)) for pid in importing.stdout.readline().split()]
    assert children
    os.kill(importing.pid, signal.SIGKILL)
    importing.wait()
    until = time.monotonic() + WAIT_S
    while any(map(is_alive, children)):
        assert time.monotonic() < until, "a process outlived its import"
    for pipe in (importing.stdin, importing.stdout):
        if pipe is not None:
            pipe.close()
