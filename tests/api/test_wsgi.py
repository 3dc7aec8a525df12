"""The server of the deployments: granian's processes answer as one instance, finish what is under way, and come back when killed."""
from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError, URLError

import psutil

from api.auth.csrf import token_of
from edge.deploy.deployment import PROCESSES
from tests.api import counter_files, redises
from tests.api.students import Student, fill, sql
from tests.edge.servers import free_port, wait_until

TOP = Path(__file__).parents[2]
END_S = 20


class Running(NamedTuple):
    process: psutil.Popen
    port: int
    metrics_port: int

    @property
    def workers(self) -> set[int]:
        """The processes that answer: one that is still starting has no ear for a signal either."""
        return {child.pid for child in self.process.children() if _listens(child, self.port)}

    def leaves(self) -> int:
        """Its exit code after SIGTERM."""
        self.process.terminate()
        return int(self.process.wait(END_S))


@contextmanager
def serving(folder: Path, dsn: str, **more: str) -> Iterator[Running]:
    """granian as deployments start it, while the block runs."""
    port, metrics_port = free_port(), free_port()
    (folder / "metrics").mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LECTERN_", "DATABASE_", "REDIS_"))}
    environ = {**kept, "LECTERN_DATA": str(folder / "data"), "DATABASE_URL": dsn, "LECTERN_API_PROCESSES": str(PROCESSES),
               "LECTERN_METRICS_PORT": str(metrics_port), "PROMETHEUS_MULTIPROC_DIR": str(folder / "metrics"), **more}
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--factory", "--workers", str(PROCESSES), "--blocking-threads",
               "4", "--workers-max-rss", "1300", "--respawn-failed-workers", "--workers-kill-timeout", "10", "--host", "127.0.0.1",
               "--port", str(port), "--no-access-log", "api.wsgi:application"]
    with counter_files.removed(folder / "data"):
        process = psutil.Popen(command, cwd=TOP, env=environ, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            running = Running(process, port, metrics_port)
            wait_until(lambda: len(running.workers) == PROCESSES, within_s=30)
            assert _got(f"http://127.0.0.1:{port}/readyz")[0] == 200
            yield running
        finally:
            for one in [*process.children(), process] if process.is_running() else []:
                one.kill()
            process.wait(END_S)


def _listens(process: psutil.Process, port: int) -> bool:
    with suppress(psutil.Error):
        return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in process.net_connections("tcp"))
    return False


def _speaks(process: psutil.Process, port: int) -> bool:
    return any(one.raddr and one.raddr.port == port for one in process.net_connections("tcp"))


def _got(url: str) -> tuple[int, str]:
    try:
        with closing(urllib.request.urlopen(url, timeout=5)) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()
    except (URLError, ConnectionError):
        return 0, ""


def test_two_processes_answer_as_one_instance_as_deployments_start_them(tmp_path: Path, dsn: str) -> None:
    with redises.server() as redis, serving(tmp_path, dsn, REDIS_URL=redis) as running:
        for _ in range(8):
            assert _got(f"http://127.0.0.1:{running.port}/api/openapi.json")[0] == 200
        counted = 'lectern_request_seconds_count{method="GET",route="openapi.openapi_json",status="2xx"} 8.0'
        wait_until(lambda: counted in _got(f"http://127.0.0.1:{running.metrics_port}/metrics")[1], within_s=15)
        assert running.leaves() == 0


def test_granian_believes_a_name_with_underscores_so_it_needs_a_proxy_that_drops_such(tmp_path: Path, dsn: str) -> None:
    """As ours do (tests/edge/conformance/test_hostile.py): the application cannot tell the two apart."""
    with serving(tmp_path, dsn, LECTERN_TRUSTED_PROXIES="1") as running:
        assert _left(running.port, "X-Forwarded-For: 192.0.2.1", "X_Forwarded_For: 192.0.2.2") == 999
        assert _left(running.port, "X-Forwarded-For: 192.0.2.2") == 998
        assert _left(running.port, "X-Forwarded-For: 192.0.2.1") == 999
        assert running.leaves() == 0


def test_a_request_that_is_under_way_at_sigterm_is_finished(tmp_path: Path, dsn: str) -> None:
    fill(dsn)
    ada = Student(dsn)
    body = json.dumps({"videos": [{"video": 1, "position_s": 5.0, "at_ms": 1_700_000_000_000}]}).encode()
    with serving(tmp_path, dsn) as running:
        with closing(socket.create_connection(("127.0.0.1", running.port), timeout=END_S)) as raw, raw.makefile("rb") as said:
            raw.sendall((f"POST /api/v1/me/progress HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: session={ada.cookies['session']}\r\n"
                         f"Sec-Fetch-Site: same-origin\r\nX-CSRF-Token: {token_of(ada.cookies['session'])}\r\nExpect: 100-continue\r\n"
                         f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n").encode())
            assert said.readline().startswith(b"HTTP/1.1 100"), "the application reads the body"
            (answering,) = [child for child in running.process.children() if _speaks(child, raw.getsockname()[1])]
            running.process.terminate()
            wait_until(lambda: not _listens(answering, running.port), what="its end to have begun")
            raw.sendall(body)
            assert said.readline() + said.readline() == b"\r\nHTTP/1.1 200 OK\r\n"
        assert running.process.wait(END_S) == 0
        assert sql(dsn, "SELECT position_s FROM student.progress") == [(5.0,)]


def test_a_process_that_is_killed_comes_back_and_all_end_with_exit_code_0(tmp_path: Path, dsn: str) -> None:
    with serving(tmp_path, dsn) as running:
        killed = min(running.workers)
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: len(running.workers) == PROCESSES and killed not in running.workers, within_s=20, what="a process in its place")
        assert _got(f"http://127.0.0.1:{running.port}/readyz")[0] == 200
        assert running.leaves() == 0


def _left(port: int, *headers: str) -> int:
    """How often that client may still ask."""
    with closing(socket.create_connection(("127.0.0.1", port))) as raw:
        lines = ("GET /api/v1/nothing HTTP/1.1", "Host: 127.0.0.1", *headers, "Connection: close", "", "")
        raw.sendall("\r\n".join(lines).encode())
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    found = re.search(rb"\r\nratelimit: .*;r=(\d+);", answer, re.IGNORECASE)
    assert found, answer
    return int(found[1])
