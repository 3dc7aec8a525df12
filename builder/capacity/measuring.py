"""What a request costs on this machine: bounded runs on loopback, against a site of their own."""
from __future__ import annotations

import http.client
import json
import platform
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import count, cycle
from typing import NamedTuple

import psutil
import psycopg2

from builder.capacity.figures import Figures
from builder.capacity.scratch import EMAIL, PASSWORD, MeasureError, Scratch, scratch

RUN_S = 4.0
WARM_S = 0.5
CLIENTS = 4
_TIMEOUT_S = 10
_OVERLAY_OF = 50  # videos that one page asks for
_QUERIES = 500
_STRANGER = "a" + "x" * 43
_COUNTED = "SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat_statements%'"
_ADDRESSES = cycle([f"10.{a}.{b}.1" for a in range(1, 21) for b in range(250)])  # limits count by address too, and look each one up
_HLS = "/assets/hls"
_ASSET = re.compile(r"""(?:src|href)="(/assets/[^"]+)"|(?:from |import |import\()"(/assets/[^"]+)"|url\(["']?(/assets/[^"')]+)""")


class Request(NamedTuple):
    """What a client sends, and the status that is right."""

    method: str
    path: str
    headers: dict[str, str]
    body: str | None = None
    status: int = http.client.OK


class Run(NamedTuple):
    """What a kind of request took: processor and statements a request, and what came through."""

    cpu_ms: float
    db_cpu_ms: float
    statements: float
    per_s: float
    bytes: float


def measure(say: Callable[[str], None]) -> Figures:
    """Measure, in about half a minute; *say* hears what is being done. Raises MeasureError, LecternError."""
    say("a site of its own is made")
    with scratch() as site:
        say(f"pages, {RUN_S:g} s")
        page = _run(site, [Request("GET", path, {"Accept-Encoding": "gzip"}) for path in site.paths])
        assets, assets_bytes = _assets(site)
        say(f"overlays, {RUN_S:g} s")
        windows = [",".join(map(str, site.videos[n:n + _OVERLAY_OF])) for n in range(max(1, len(site.videos) - _OVERLAY_OF))]
        asks = zip(cycle(site.tokens), cycle(windows), range(200_000), strict=False)
        overlay = _run(site, (Request("GET", f"/api/v1/me/overlay?videos={ids}", {"Cookie": f"session={token}", "Accept-Encoding": "gzip"})
                              for token, ids, _ in asks))
        say(f"progress, {RUN_S:g} s")
        progress = _run(site, _writes(site, [(token, _form_token(site, token)) for token in site.tokens[:400]]))
        say(f"log-ins, {RUN_S:g} s")
        form = {"Cookie": f"session={_STRANGER}", "X-CSRF-Token": _form_token(site, _STRANGER), "Content-Type": "application/json",
                "Sec-Fetch-Site": "same-origin"}
        login = _run(site, [Request("POST", "/api/v1/auth/login", form, json.dumps({"email": EMAIL, "password": PASSWORD}))],
                     clients=1)  # more at once are refused: hashing is held to a few
        return Figures(
            _machine(), datetime.now(UTC).date().isoformat(), page_ms=page.cpu_ms, page_wall_per_s=page.per_s,
            overlay_ms=overlay.cpu_ms, overlay_db_ms=overlay.db_cpu_ms, overlay_statements=overlay.statements,
            overlay_wall_per_s=overlay.per_s, progress_ms=progress.cpu_ms, progress_db_ms=progress.db_cpu_ms,
            progress_statements=progress.statements, progress_wall_per_s=progress.per_s, login_ms=login.cpu_ms, login_db_ms=login.db_cpu_ms,
            login_statements=login.statements, query_wall_ms=_query_ms(site), page_bytes=page.bytes, overlay_bytes=overlay.bytes,
            assets_bytes=assets_bytes, assets=assets, instance_bytes=float(site.server.memory_info().rss))


def _run(site: Scratch, requests: Sequence[Request] | Iterator[Request], clients: int = CLIENTS) -> Run:
    """RUN_S seconds of *requests* from so many connections, after WARM_S that are not counted."""
    source = iter(cycle(requests) if isinstance(requests, Sequence) else requests)
    next_one, totals, failures = threading.Lock(), [0, 0], []
    over = threading.Event()

    def client() -> None:
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", site.port, timeout=_TIMEOUT_S)) as connection:
                while not over.is_set():
                    with next_one:
                        one = next(source)
                    status, size = _ask(connection, one)
                    if status != one.status:
                        raise MeasureError(f"{one.method} {one.path.partition('?')[0]} was answered {status} while it was measured.")
                    with next_one:
                        totals[0] += 1
                        totals[1] += size
        except Exception as error:  # told below: a thread has nobody to raise it to
            failures.append(error)
            over.set()

    threads = [threading.Thread(target=client, daemon=True) for _ in range(clients)]
    for thread in threads:
        thread.start()
    over.wait(WARM_S)
    with closing(psycopg2.connect(site.dsn)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        before, began, spent = totals[0], time.perf_counter(), (_cpu_s(site.server), _cpu_s(site.database))
        size, statements = totals[1], _counted(cursor)
        over.wait(RUN_S)
        done, took_s = totals[0] - before, time.perf_counter() - began
        used = [after - at for after, at in zip((_cpu_s(site.server), _cpu_s(site.database)), spent, strict=True)]
        size, statements = totals[1] - size, _counted(cursor) - statements
    over.set()
    for thread in threads:
        thread.join(_TIMEOUT_S + 1)
    if failures:
        raise failures[0] if isinstance(failures[0], MeasureError) else MeasureError(f"The site stopped answering: {failures[0]}.")
    if not done:
        raise MeasureError("Nothing was answered while it was measured.")
    return Run(used[0] / done * 1000, used[1] / done * 1000, statements / done, done / took_s, size / done)


def _ask(connection: http.client.HTTPConnection, one: Request) -> tuple[int, int]:
    connection.request(one.method, one.path, one.body, one.headers | {"X-Forwarded-For": next(_ADDRESSES)})
    answer = connection.getresponse()
    body = answer.read()
    return answer.status, len(body) + sum(len(name) + len(value) + 4 for name, value in answer.getheaders())


def _get(site: Scratch, path: str, **headers: str) -> bytes:
    with closing(http.client.HTTPConnection("127.0.0.1", site.port, timeout=_TIMEOUT_S)) as connection:
        connection.request("GET", path, headers=headers | {"X-Forwarded-For": next(_ADDRESSES)})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != http.client.OK:
            raise MeasureError(f"{path} was answered {answer.status} while it was measured.")
        return body


def _form_token(site: Scratch, token: str) -> str:
    return str(json.loads(_get(site, "/api/v1/auth/session", Cookie=f"session={token}"))["csrf"])


def _writes(site: Scratch, students: Sequence[tuple[str, str]]) -> Iterator[Request]:
    """Places, each later than the one before, as a player tells them."""
    at_ms = int(time.time() * 1000) - 60_000
    for n, (token, form) in zip(count(), cycle(students), strict=False):
        entry = {"video": site.videos[n % len(site.videos)], "position_s": n % 3600, "at_ms": at_ms + n}
        yield Request("POST", "/api/v1/me/progress", {"Cookie": f"session={token}", "X-CSRF-Token": form, "Sec-Fetch-Site": "same-origin",
                                                      "Content-Type": "application/json"}, json.dumps({"videos": [entry]}))


def _assets(site: Scratch) -> tuple[float, float]:
    """How many files a lecture's page and its player load for a student, by themselves and by what they load, and their bytes with gzip.

    What plays HLS is left out: most lectures are none."""
    sizes: dict[str, int] = {}
    waiting = [_get(site, site.paths[0])]
    while waiting:
        text = waiting.pop().decode("utf-8", "replace")
        for name in {part for found in _ASSET.findall(text) for part in found if part and not part.startswith(_HLS)} - set(sizes):
            sizes[name] = len(_get(site, name, **{"Accept-Encoding": "gzip"}))
            if name.endswith((".js", ".css")):
                waiting.append(_get(site, name))
    return float(max(1, len(sizes))), float(max(1, sum(sizes.values())))


def _query_ms(site: Scratch) -> float:
    """The overlay's statement from one connection: milliseconds from asking to having, the median."""
    times = []
    with closing(psycopg2.connect(site.dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id FROM student.account ORDER BY id LIMIT 500")
        accounts = [row[0] for row in cursor]
        for account in accounts[:_QUERIES]:
            began = time.perf_counter()
            cursor.execute("SELECT body FROM student.overlay(%s, %s::bigint[], NULL)", (account, site.videos[:_OVERLAY_OF]))
            cursor.fetchall()
            times.append(time.perf_counter() - began)
    return sorted(times)[len(times) // 2] * 1000


def _counted(cursor: psycopg2.extensions.cursor) -> int:
    cursor.execute(_COUNTED)
    row = cursor.fetchone()
    return int(row[0]) if row else 0


def _cpu_s(process: psutil.Process) -> float:
    """Processor seconds of *process* and of those under it that run."""
    spent = 0.0
    for one in (process, *process.children(recursive=True)):
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        spent += times.user + times.system
    return spent


def _machine() -> str:
    names = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    model = names[0] if names else platform.machine()
    return f"{model}, {psutil.cpu_count()} processors, Python {platform.python_version()}"


def _lines(path: str) -> list[str]:
    try:
        with open(path) as file:
            return file.read().splitlines()
    except OSError:
        return []
