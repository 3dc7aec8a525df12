"""``make soak-api``: half an hour of students at `serve` while connections are killed, database and Redis restart, clients stall.

Each answer is checked for its owner and for what its owner wrote last. What may be lost is a 503 for what was in flight
when the database went away. Prints what it did, and ends with exit code 1 where anything was wrong, slow or left over.
"""
from __future__ import annotations

import argparse
import http.client
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg2

from builder.embedded.home import Home, home_of
from builder.embedded.postmaster import find, initialise, start, stop
from builder.migrate import migrate
from tests.api import redises
from tests.api.students import fill
from tests.conftest import open_folder
from tests.edge.servers import free_port, wait_until
from tests.soak.students import VIDEOS, Crowd, Heard, Student

TOP = Path(__file__).parents[2]
STUDENTS, CROWDS, THREADS = 900, 8, 4
STALLED = 40
PEACE_S, STALL_S = 3.0, 4.0
SLOWEST_S = 3.0  # beside clients that stall: a request that waited for one of them would take as long as the stall
GROWTH = 1.1
CONF = {"fsync": "off"}
MISHAPS = ("connections killed", "database restarted", "database restarted while all rest", "redis restarted", "clients stall")


class Soak:
    """The server under its mishaps."""

    def __init__(self, home: Home, dsn: str, port: int, stack: ExitStack) -> None:
        self.home, self.dsn, self.port = home, dsn, port
        self.heard = Heard()
        self.memory_mb: list[float] = []
        self.told = dict.fromkeys(MISHAPS, 0)
        self._redis_port = free_port()
        self._stack = stack
        self._redis = self._start_redis()
        self.process = _serve(home, dsn, port, self._redis_port)
        stack.callback(self.process.kill)

    def play(self, minutes: float, chance: random.Random) -> None:
        """Students and mishaps, for *minutes*."""
        go = self._go = threading.Event()
        go.set()
        each = STUDENTS // CROWDS
        numbers = [range(n * each + 1, (n + 1) * each + 1) for n in range(CROWDS)]
        self.crowds = [Crowd(self.port, [*map(Student, own)], self.heard, go, random.Random(chance.random())) for own in numbers]
        ends, said = time.monotonic() + minutes * 60, 0.0
        order: list[str] = []
        while time.monotonic() < ends and not self.heard.wrong:
            order = order or chance.sample(MISHAPS, len(MISHAPS))
            time.sleep(PEACE_S)
            self.memory_mb.append(psutil.Process(self.process.pid).memory_info().rss / 2**20)
            self.heard.under = what = order.pop()
            {"connections killed": self._kill, "database restarted": self._restart, "redis restarted": self._restart_redis,
             "database restarted while all rest": self._restart_at_rest, "clients stall": self._stall}[what]()
            self.told[what] += 1
            self.heard.under = "peace after " + what
            if time.monotonic() - said > 30:
                said = time.monotonic()
                print(f"{self.heard.answers} answers, {sum(self.told.values())} mishaps, {self.memory_mb[-1]:.0f} MB", flush=True)
        for crowd in self.crowds:
            crowd.end()

    def losses(self) -> list[str]:
        """What is wrong, in sentences."""
        found = list(dict.fromkeys(self.heard.wrong))[:20]
        for what, refused in self.heard.refused.items():
            plain = what.removeprefix("peace after ")
            if plain == "database restarted":
                continue
            most = THREADS * self.told["connections killed"] if plain == "connections killed" else 0
            if refused > most:
                found.append(f"{refused} requests were refused during {what}; at most {most} may be")
        if (slowest_s := self.heard.slowest_s.get("clients stall", 0.0)) > SLOWEST_S:
            found.append(f"beside clients that stall somebody waited for {slowest_s:.1f} s")
        third = len(self.memory_mb) // 3
        if third >= 5:
            before, after = (statistics.median(part) for part in (self.memory_mb[third : 2 * third], self.memory_mb[2 * third :]))
            if after > before * GROWTH:
                found.append(f"memory grew from {before:.0f} to {after:.0f} MB")
        self.process.send_signal(signal.SIGTERM)
        if code := self.process.wait(20):
            found.append(f"the server ended with {code}")
        if left := self._sql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"):
            found.append(f"{left} connections are left over")
        return found

    def _kill(self) -> None:
        self._sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                  "WHERE datname = current_database() AND pid <> pg_backend_pid()")
        time.sleep(0.5)

    def _restart(self) -> None:
        running = find(self.home.cluster)
        assert running is not None
        stop(running)
        start(self.home, CONF)
        time.sleep(3)  # who began to connect before waits for as long as libpq does

    def _restart_at_rest(self) -> None:
        self._go.clear()
        for crowd in self.crowds:
            crowd.resting.wait(20)
        self._restart()
        self._go.set()
        time.sleep(1)

    def _restart_redis(self) -> None:
        self._redis.close()
        time.sleep(1)
        self._redis = self._start_redis()

    def _stall(self) -> None:
        halves = (b"GET /api/v1/me/overlay?videos=1 HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: ",
                  b"POST /api/v1/me/progress HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                  b"Content-Length: 60\r\n\r\n{\"vid")
        with ExitStack() as open_now:
            for n in range(STALLED):
                connection = open_now.enter_context(socket.create_connection(("127.0.0.1", self.port)))
                connection.sendall(halves[n % 2])
            time.sleep(STALL_S)

    def _start_redis(self) -> ExitStack:
        running = self._stack.enter_context(ExitStack())
        running.enter_context(redises.server(self._redis_port))
        return running

    def _sql(self, statement: str) -> int:
        with closing(psycopg2.connect(self.dsn)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(statement)
            row = cursor.fetchone()
        return int(row[0]) if row else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak-api", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="how long (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="the seed of the order of mishaps")
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}", flush=True)
    with open_folder("lectern-soak-") as folder, _database(folder) as (home, dsn), ExitStack() as stack:
        soak = Soak(home, dsn, free_port(), stack)
        soak.play(chosen.minutes, random.Random(chosen.seed))
        heard = soak.heard
        losses = soak.losses()
    print(f"{heard.answers} answers; {', '.join(f'{number} times {what}' for what, number in soak.told.items())}")
    print("refused: " + (", ".join(f"{number} during {what}" for what, number in heard.refused.items()) or "none"))
    print("slowest: " + ", ".join(f"{seconds * 1000:.0f} ms in {what}" for what, seconds in sorted(heard.slowest_s.items())))
    print(f"memory: {soak.memory_mb[0]:.0f} MB at first, {max(soak.memory_mb):.0f} at most, {soak.memory_mb[-1]:.0f} at the end")
    print("\n".join(losses) or "nothing wrong, nothing left over")
    return 1 if losses else 0


@contextmanager
def _database(folder: Path) -> Iterator[tuple[Home, str]]:
    """A server that may be stopped and started, and its filled database."""
    home = home_of(folder)
    initialise(home)
    dsn = start(home, CONF)
    try:
        migrate(dsn)
        fill(dsn, videos=VIDEOS)
        with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
            cursor.execute("""INSERT INTO student.account (id, email) OVERRIDING SYSTEM VALUE
                SELECT n, 'student-' || n || '@school.example' FROM generate_series(1, %s) n""", (STUDENTS,))
            cursor.execute("""INSERT INTO student.session (token_hash, account_id, expires_at)
                SELECT sha256(convert_to('s' || lpad(n::text, 43, '0'), 'UTF8')), n, now() + interval '1 day'
                FROM generate_series(1, %s) n""", (STUDENTS,))
        yield home, dsn
    finally:
        if left := find(home.cluster):
            stop(left)


def _serve(home: Home, dsn: str, port: int, redis_port: int) -> subprocess.Popen[bytes]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LECTERN_", "DATABASE_", "REDIS_"))}
    process = subprocess.Popen([sys.executable, "build.py", "serve"], cwd=TOP, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env=clean | {
        "LECTERN_DATA": str(home.log.parent / "site"), "LECTERN_PORT": str(port), "DATABASE_URL": dsn, "LECTERN_PROFILE": "1m",
        "REDIS_URL": f"redis://127.0.0.1:{redis_port}"})
    wait_until(lambda: _answers(port), what="serve")
    return process


def _answers(port: int) -> bool:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=2)) as connection:
        try:
            connection.request("GET", "/healthz")
            answer: Any = connection.getresponse()
        except OSError:
            return False
        return bool(answer.status == http.client.OK)


if __name__ == "__main__":
    raise SystemExit(main())
