#!/usr/bin/env python3
"""An overlay of 50 videos for one of 5,000 students who are signed in, as fast as each server gives it, from 10,000 addresses.

usage: python -m tests.bench.api [--peers DIR] [--seconds 5] [--turns 3] [--only WORD]

wrk, PostgreSQL and the server share this machine. "From the database": what is asked for is in no cache; "from the cache": the
body is, and the session is read from the database all the same. All that a request passes in use is on: limits, headers,
compression, CORS, metrics, log. Turns go through all servers, so that other work on the machine meets all of them.
DIR holds the peers: flask_app.py (the obvious arrangement), fastapi_app.py (bare) and schema.sql.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import psycopg2

from api.auth.csrf import token_of
from api.auth.passwords import Hashing
from api.auth.session_cookie import tag_of
from builder.embedded import ensure
from builder.migrate import migrate
from tests.api import counter_files, redises
from tests.bench import api_servers
from tests.bench.api_servers import Kind, running
from tests.bench.measure import Row, report, row
from tests.edge.servers import free_port

STUDENTS, VIDEOS, WINDOWS = 5_000, 100, 51
CACHED_STUDENTS = 2_000  # whose answers fit into every cache that is measured
CONNECTIONS = 64
WARM_S, STORM_S = 3, 8
PASSWORD = "correct horse battery staple"
_LOAD = Path(__file__).with_name("api_load.lua")
_STORM = """
local n = 0
function request()
  n = n + 1
  local body = '{"email":"student-' .. n %% 5000 + 1 .. '@school.example","password":"%s"}'
  return wrk.format("POST", "/api/v1/auth/login", {["Content-Type"] = "application/json", ["Cookie"] = "session=%s",
    ["X-CSRF-Token"] = "%s", ["Sec-Fetch-Site"] = "same-origin", ["X-Forwarded-For"] = "10.2." .. n %% 200 .. ".1"}, body)
end
"""


class Turn(NamedTuple):
    """What wrk counted."""

    rate: float
    p50_ms: float
    p99_ms: float
    cpu_us: float = 0.0  # processor time of the server's own processes, one answer


class Found(NamedTuple):
    """All turns, by server and by where the answer came from; peaks of memory in MB."""

    turns: dict[tuple[str, str], list[Turn]]
    memory: dict[str, list[float]]


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--peers", type=Path, help="a folder with flask_app.py, fastapi_app.py and schema.sql")
    cli.add_argument("--seconds", type=int, default=5, help="a turn")
    cli.add_argument("--turns", type=int, default=3)
    cli.add_argument("--only", default="", help="servers whose names hold this word")
    args = cli.parse_args()
    if not shutil.which("wrk"):
        raise SystemExit("wrk is not installed: apt install wrk")
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="lectern-bench-"))
        stack.callback(shutil.rmtree, folder)
        folder.chmod(0o755)
        stack.enter_context(counter_files.removed(folder / "data"))
        server = stack.enter_context(ensure(folder / "database", keeper=True))
        migrate(server.dsn)
        fill(server.dsn, args.peers)
        redis = stack.enter_context(redises.server()) if shutil.which("redis-server") else None
        kinds = [*api_servers.ALONE, *api_servers.WITH_REDIS, *api_servers.others(),
                 *(api_servers.peers(args.peers.resolve(), folder) if args.peers else ())]
        kinds = [kind for kind in kinds if args.only in kind.name and (redis or not kind.redis)]
        found = measure(kinds, folder, server.dsn, redis, args.turns, args.seconds)
    report("api", rows_of(found))


def measure(kinds: list[Kind], folder: Path, dsn: str, redis: str | None, turns: int, seconds: int) -> Found:
    """Every server in every turn, one after the other."""
    found = Found(defaultdict(list), defaultdict(list))
    for turn in range(turns):
        for kind in kinds:
            for source in (*(("database",) if kind.reads else ()), *(("cache",) if kind.caches else ())):
                port = free_port()
                with running(kind, port, _env(dsn, folder / "data", port), redis) as process:
                    _check(kind, port, source)
                    _wrk(kind, port, source, folder, WARM_S)
                    before_s = _cpu_s(process)
                    figures = _wrk(kind, port, source, folder, seconds)
                    figures = figures._replace(cpu_us=(_cpu_s(process) - before_s) / (figures.rate * seconds) * 1e6)
                    found.turns[kind.name, source].append(figures)
                    found.memory[kind.name].append(_memory_mb(process))
                    print(f"turn {turn + 1}: {kind.name}, {source}: {figures.rate:.0f}/s, p50 {figures.p50_ms:.1f} ms, "
                          f"p99 {figures.p99_ms:.1f} ms, {figures.cpu_us:.0f} us, {found.memory[kind.name][-1]:.0f} MB", flush=True)
                    if kind in api_servers.ALONE and source == "database":  # where most is kept: every student's answers
                        found.memory[f"{kind.name}, storm"].append(_storm(port, folder, process))
    return found


def rows_of(found: Found) -> list[Row]:
    """The goals, each beside its peer of the same run."""
    turns = found.turns
    rates = {key: [turn.rate for turn in of] for key, of in turns.items()}
    rows = []
    for mine, source, peer, its, least in (
            *((alone.name, *goal) for alone in api_servers.ALONE for goal in (
                ("database", "obvious", "database", 1.6), ("database", "FastAPI and asyncpg, bare", "database", 0.6),
                ("cache", "obvious, cached", "cache", 1.5), ("cache", "FastAPI and asyncpg, bare", "database", 1.3))),
            *((counted.name, *goal) for counted in api_servers.WITH_REDIS for goal in (
                ("database", "obvious, Redis", "database", 1.3), ("cache", "obvious, cached, Redis", "cache", 1.3)))):
        if (mine, source) in rates and (peer, its) in rates:
            rows.append(row(f"{mine}: {source}", "answers/s", rates[mine, source], f"{least:g} of {peer}",
                            partial(_at_least, least), peer=rates[peer, its], peer_name=peer))
    for (name, source), of in turns.items():
        rows.append(row(f"{name}: {source}", "answers/s", rates[name, source], "told", lambda *_: True))
        rows.append(row(f"{name}: {source}, its own processor time", "us/answer", [turn.cpu_us for turn in of], "told", lambda *_: True))
        if name in [kind.name for kind in (*api_servers.ALONE, *api_servers.WITH_REDIS)]:
            rows.append(row(f"{name}: {source}, p99 at {CONNECTIONS}", "ms", [turn.p99_ms for turn in of], "under 80 ms",
                            lambda mine, _: mine < 80))
    for alone in api_servers.ALONE:
        if storm := found.memory.get(f"{alone.name}, storm"):
            rows.append(row(f"{alone.name}: resident, a storm of log-ins included", "MB", storm, "under 300 MB",
                            lambda mine, _: mine < 300))
    return rows


def fill(dsn: str, peers: Path | None) -> None:
    """5,000 students who are signed in, with a place in each of 100 videos and every seventh kept; the same for the peers."""
    kept = Hashing().hash(PASSWORD)
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO catalog.course (id, slug, title) VALUES (1, 'course', 'Course')")
        cursor.execute("INSERT INTO catalog.batch (id, course_id, slug, title) VALUES (1, 1, 'batch', 'Batch')")
        cursor.execute("""INSERT INTO catalog.video (id, slug, title, status, batch_id)
            SELECT n, 'lecture-' || n, 'Lecture ' || n, 'published', 1 FROM generate_series(1, %s) n""", (VIDEOS,))
        cursor.execute("""INSERT INTO student.account (id, email, password) OVERRIDING SYSTEM VALUE
            SELECT n, 'student-' || n || '@school.example', %s FROM generate_series(1, %s) n""", (kept, STUDENTS))
        cursor.execute("""INSERT INTO student.session (token_hash, account_id, expires_at)
            SELECT sha256(convert_to('s' || lpad(n::text, 43, '0'), 'UTF8')), n, now() + interval '30 days'
            FROM generate_series(1, %s) n""", (STUDENTS,))
        cursor.execute("""INSERT INTO student.progress (account_id, video_id, position_s, completed, at)
            SELECT s, v, (s * v) %% 3600, (s + v) %% 3 = 0, now() - make_interval(secs => s + v)
            FROM generate_series(1, %s) s, generate_series(1, %s) v""", (STUDENTS, VIDEOS))
        cursor.execute("""INSERT INTO student.bookmark (account_id, video_id)
            SELECT s, v FROM generate_series(1, %s) s, generate_series(1, %s, 7) v""", (STUDENTS, VIDEOS))
        if peers:
            cursor.execute((peers / "schema.sql").read_text())
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        connection.cursor().execute("VACUUM ANALYZE")


def _at_least(least: float, _: float, ratio: float | None) -> bool:
    return ratio is not None and ratio >= least


def _token(kind: Kind, student: int) -> str:
    return f"s{student:043d}" if kind.ours else f"token-{student}"


def _cookie(kind: Kind, student: int) -> str:
    """What a browser sends that has been answered before."""
    token = _token(kind, student)
    return f"session={token}" + (f"; lectern_state={tag_of(token)}.1" if kind.ours else "")


def _path(kind: Kind) -> str:
    return "/api/v1/me/overlay?videos=" if kind.ours else "/overlay?videos="


def _check(kind: Kind, port: int, source: str) -> None:
    """It gives what was asked for, to its owner: a fast wrong answer is no figure."""
    for student in (1, 77, 1):
        videos = range(1, 51)
        answer, said = _ask(port, _path(kind) + ",".join(map(str, videos)), _cookie(kind, student))
        owner = said["account" if kind.ours else "student"]
        assert (owner, len(said["progress"]), len(said["bookmarks"])) == (student, 50, 8), (kind.name, said)
    assert not kind.ours or answer.getheader("X-Cache") in ("HIT", "MISS")  # another process may have made it
    if kind.ours:
        assert answer.getheader("RateLimit"), "nothing is switched off"
        assert answer.getheader("Content-Security-Policy")


def _ask(port: int, path: str, cookie: str) -> tuple[http.client.HTTPResponse, Any]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", path, headers={"Cookie": cookie, "X-Forwarded-For": "10.1.1.1"})
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == http.client.OK, (answer.status, body)
        return answer, json.loads(body)


def _wrk(kind: Kind, port: int, source: str, folder: Path, seconds: int) -> Turn:
    students = CACHED_STUDENTS if source == "cache" else STUDENTS
    cookies = folder / "cookies"
    cookies.write_text("".join(f"{_cookie(kind, student)}\n" for student in range(1, students + 1)))
    said = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}", "-s", str(_LOAD), f"http://127.0.0.1:{port}"], check=True,
        capture_output=True, text=True, env={**os.environ, "LOAD_COOKIES": str(cookies), "LOAD_PATH": _path(kind),
                                             "LOAD_WINDOWS": "1" if source == "cache" else str(WINDOWS)}).stdout
    rate, p50_ms, p99_ms, errors = said.rpartition("FIGURES ")[2].split()
    assert errors == "0", f"{kind.name}: {errors} answers were none\n{said}"
    return Turn(float(rate), float(p50_ms), float(p99_ms))


def _storm(port: int, folder: Path, process: Any) -> float:
    """The most memory of *process* in MB while 64 connections log in, over and over, as fast as they can."""
    stranger = "a" + "x" * 43
    script = folder / "storm.lua"
    script.write_text(_STORM % (PASSWORD, stranger, token_of(stranger)))
    wrk = subprocess.Popen(["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{STORM_S}", "-s", str(script), f"http://127.0.0.1:{port}"],
                           stdout=subprocess.DEVNULL)
    most = 0.0
    while wrk.poll() is None:
        most = max(most, _memory_mb(process))
        time.sleep(0.1)
    return most


def _cpu_s(process: Any) -> float:
    """Processor seconds of *process* and of all that it started."""
    return float(sum(times.user + times.system for times in (one.cpu_times() for one in (process, *process.children(recursive=True)))))


def _memory_mb(process: Any) -> float:
    return float(sum(one.memory_info().rss for one in (process, *process.children(recursive=True))) / 2**20)


def _env(dsn: str, data: Path, port: int) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LECTERN_", "DATABASE_", "REDIS_"))}
    return clean | {
        "LECTERN_DATA": str(data), "LECTERN_PORT": str(port), "DATABASE_URL": dsn, "LECTERN_TRUSTED_PROXIES": "1",
        "LECTERN_CORS_ORIGINS": "https://learn.example", "LECTERN_METRICS_PORT": str(free_port())}


if __name__ == "__main__":
    main()
