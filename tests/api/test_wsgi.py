"""The server of the deployments: two processes of granian answer as one instance, with one count of metrics."""
from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from contextlib import closing
from pathlib import Path
from urllib.error import HTTPError, URLError

from edge.deploy.deployment import PROCESSES
from tests.api import redises
from tests.edge.servers import free_port, wait_until

TOP = Path(__file__).parents[2]


def _got(url: str) -> tuple[int, str]:
    try:
        with closing(urllib.request.urlopen(url, timeout=5)) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()
    except (URLError, ConnectionError):
        return 0, ""


def test_two_processes_answer_as_one_instance_as_deployments_start_them(tmp_path: Path, dsn: str) -> None:
    port, metrics_port = free_port(), free_port()
    (tmp_path / "metrics").mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LECTERN_", "DATABASE_", "REDIS_"))}
    with redises.server() as redis:
        environ = {**kept, "LECTERN_DATA": str(tmp_path / "data"), "DATABASE_URL": dsn, "REDIS_URL": redis,
                   "LECTERN_API_PROCESSES": str(PROCESSES), "LECTERN_METRICS_PORT": str(metrics_port),
                   "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics")}
        command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--factory", "--workers", str(PROCESSES), "--blocking-threads",
                   "4", "--workers-max-rss", "1300", "--respawn-failed-workers", "--workers-kill-timeout", "10", "--host", "127.0.0.1",
                   "--port", str(port), "--no-access-log", "api.wsgi:application"]
        process = subprocess.Popen(command, cwd=TOP, env=environ, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            wait_until(lambda: _got(f"http://127.0.0.1:{port}/readyz")[0] == 200, within_s=30)
            for _ in range(8):
                assert _got(f"http://127.0.0.1:{port}/api/openapi.json")[0] == 200
            counted = 'lectern_request_seconds_count{method="GET",route="openapi.openapi_json",status="2xx"} 8.0'
            wait_until(lambda: counted in _got(f"http://127.0.0.1:{metrics_port}/metrics")[1], within_s=15)
        finally:
            process.terminate()
            assert process.wait(20) == 0
