"""The servers that `make bench-api` asks: ours in several arrangements, and the peers of a folder."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import psutil

from tests.edge.servers import wait_until

TOP = Path(__file__).parents[2]
# What the obvious arrangement leaves to its surroundings: the address behind a proxy, and where the limiter counts.
_OBVIOUS = """
import os, flask_limiter
from werkzeug.middleware.proxy_fix import ProxyFix

class Limiter(flask_limiter.Limiter):
    def __init__(self, *args, **more):
        super().__init__(*args, **{**more, "storage_uri": os.environ.get("PEER_LIMITS", "memory://")})

flask_limiter.Limiter = Limiter
from flask_app import app
app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1)
"""


class Kind(NamedTuple):
    """How one is started. *command* may hold PORT; *ours*: it answers as our API does."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = {}
    ours: bool = True
    redis: bool = False
    caches: bool = True
    reads: bool = True  # from the database


def _granian(interface: str, workers: int, target: str, *more: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "granian", "--interface", interface, "--workers", str(workers), "--no-access-log",
            "--log-level", "error", "--host", "127.0.0.1", "--port", "PORT", *more, *(("--factory",) if target == _APP else ()), target)


def _uwsgi(threads: int, *binding: str) -> tuple[str, ...]:
    """Two processes of *threads*, from the wheel ``pyuwsgi``, which runs in this very interpreter."""
    return (sys.executable, "-c", "import sys, pyuwsgi; pyuwsgi.run(sys.argv[1:])", "--master", "--lazy-apps", "--need-app",
            "--single-interpreter", "--disable-logging", "--die-on-term", "--processes", "2", "--threads", str(threads),
            "--buffer-size", "16384", *binding, "--module", f"{_APP}()")


_APP = "api.wsgi:application"
_TWO = {"LECTERN_API_PROCESSES": "2"}
SERVE = Kind("serve (waitress, 1 process, 4 threads)", (sys.executable, "build.py", "serve"))
ALONE = (SERVE, Kind("granian, 1 process, 4 threads", _granian("wsgi", 1, _APP, "--blocking-threads", "4")),
         Kind("granian, 2 processes, 4 threads", _granian("wsgi", 2, _APP, "--blocking-threads", "4"), _TWO))
"""What counts in memory, as offered."""

WITH_REDIS = (
    SERVE._replace(name="serve, limits and cache in Redis too", redis=True),
    Kind("granian, 2 processes, 4 threads, Redis", _granian("wsgi", 2, _APP, "--blocking-threads", "4"),
         _TWO, redis=True),
)
OTHERS = (
    Kind("gunicorn gthread, 1 process, 4 threads",
         (sys.executable, "-m", "gunicorn", "-k", "gthread", "-w", "1", "--threads", "4", "--keep-alive", "75", "--log-level", "error",
          "-b", "127.0.0.1:PORT", f"{_APP}()")),
)
# Three ways to speak HTTP: its router keeps connections, and is a process more; a worker's own socket keeps none, or keeps each with
# a thread of its own, so that there must be as many threads as there are clients.
UWSGI = (
    Kind("uWSGI, 2 processes, 4 threads, router", _uwsgi(4, "--http", "127.0.0.1:PORT", "--http-keepalive=75"), _TWO),
    Kind("uWSGI, 2 processes, 4 threads, a connection a request",
         _uwsgi(4, "--http-socket", "127.0.0.1:PORT", "--add-header", "Connection: close"), _TWO),
    Kind("uWSGI, 2 processes, 40 threads, a thread a connection", _uwsgi(40, "--http11-socket", "127.0.0.1:PORT"), _TWO),
)


def others() -> tuple[Kind, ...]:
    """What was not chosen; uWSGI where its wheel is installed."""
    if find_spec("pyuwsgi"):
        return OTHERS + UWSGI
    print("uWSGI is left out: pip install pyuwsgi")
    return OTHERS


def peers(folder: Path, scratch: Path) -> tuple[Kind, ...]:
    """The peers of *folder*: the obvious arrangement from the database, from its cache, and with limits in Redis; bare FastAPI."""
    (scratch / "obvious.py").write_text(_OBVIOUS)
    env = {"PYTHONPATH": f"{scratch}{os.pathsep}{folder}"}
    flask = _granian("wsgi", 2, "obvious:app", "--blocking-threads", "4")
    return (
        Kind("obvious", flask, env, ours=False, caches=False),
        Kind("obvious, cached", flask, env | {"CACHE": "1"}, ours=False, reads=False),
        Kind("obvious, Redis", flask, env, ours=False, redis=True, caches=False),
        Kind("obvious, cached, Redis", flask, env | {"CACHE": "1"}, ours=False, redis=True, reads=False),
        Kind("FastAPI and asyncpg, bare", _granian("asgi", 2, "fastapi_app:app"), env, ours=False, caches=False),
    )


@contextmanager
def running(kind: Kind, port: int, env: Mapping[str, str], redis_url: str | None) -> Iterator[psutil.Process]:
    """*kind* on *port* while the block runs; it, and all that it started, is killed at the end."""
    env = {**env, **kind.env}
    metrics = tempfile.TemporaryDirectory(prefix="lectern-bench-metrics-")
    if "LECTERN_API_PROCESSES" in env:
        env["PROMETHEUS_MULTIPROC_DIR"] = metrics.name
    if kind.redis and redis_url:
        env["REDIS_URL" if kind.ours else "PEER_LIMITS"] = redis_url
    process = subprocess.Popen([part.replace("PORT", str(port)) for part in kind.command], cwd=TOP, env=env,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        wait_until(lambda: process.poll() is not None or _answers(port), what=kind.name)
        if process.poll() is not None:
            raise SystemExit(f"{kind.name} ended at once: run it by hand: {' '.join(kind.command)}")
        yield psutil.Process(process.pid)
    finally:
        # granian was seen to overhear SIGTERM under load
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        metrics.cleanup()


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/nothing")
        return connection.getresponse().status > 0
    except OSError:
        return False
    finally:
        connection.close()
