"""The parts, each a process of its own that may be killed and started again."""
from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import psycopg2

from api.auth.passwords import Hashing
from builder.embedded import Server
from builder.embedded.home import Home, home_of
from builder.embedded.postmaster import find, initialise, start, stop
from builder.migrate import migrate
from edge.config.cache_node import CacheNode, Upstream
from edge.deploy.deployment import PROCESSES
from edge.policy import page_headers
from tests.api import redises
from tests.api.poolers import pgbouncer
from tests.edge.fakes.varnish import running_varnish
from tests.edge.servers import free_port, wait_until

TOP = Path(__file__).parents[2]
PROFILE = "1m"
BATCHES, STUDENTS, LOGGERS = 10, 300, 20
PASSWORD = "correct horse battery"
REFRESH_S = 20  # of which a run takes no more
_CONF = {"fsync": "off"}  # the machine stays; what a killed server had promised is in its log all the same
SERVER_CONNECTIONS = 20  # of PgBouncer
_END_S = 12.0


class Part:
    """One command of Lectern's, of the code in a folder, that runs until it is ended. It has a process group of its own."""

    def __init__(self, command: str, env: Mapping[str, str], ready: str, code: Path = TOP) -> None:
        self._command, self._env, self._ready, self._code = command, env, ready, code
        self.lines: list[str] = []
        self.begin()

    def begin(self) -> None:
        """Start it, and wait until it says that it is ready."""
        before = self._start([sys.executable, "build.py", self._command])
        wait_until(lambda: any(self._ready in line for line in self.lines[before:]), within_s=60, what=self._command)

    def kill(self) -> None:
        """SIGKILL to all of it, and nothing else."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def leave(self) -> int:
        """SIGTERM; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_END_S)

    @property
    def memory_mb(self) -> float:
        """RSS of its processes, each counted whole."""
        first = psutil.Process(self.process.pid)
        return sum(float(one.memory_info().rss) for one in (first, *first.children(recursive=True))) / 2**20

    def _start(self, command: list[str]) -> int:
        """Start it; how many lines were there before."""
        self.process = subprocess.Popen(command, cwd=self._code, env=dict(self._env), text=True, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, start_new_session=True)
        before = len(self.lines)
        threading.Thread(target=self._listen, args=(self.process,), daemon=True).start()
        return before

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.lines.append(line)
            del self.lines[:-2000]


class Instance(Part):
    """An instance of the API as deployments start it: granian with some processes."""

    def __init__(self, port: int, metrics: Path, env: Mapping[str, str]) -> None:
        self._port, self._metrics = port, metrics
        super().__init__("granian", {**env, "LECTERN_API_PROCESSES": str(PROCESSES), "PROMETHEUS_MULTIPROC_DIR": str(metrics)}, "")

    def begin(self) -> None:
        """Start it, and wait until it is ready for traffic."""
        shutil.rmtree(self._metrics, ignore_errors=True)
        self._metrics.mkdir()
        self._start([sys.executable, "-m", "granian", "--interface", "wsgi", "--factory", "--workers", str(PROCESSES), "--blocking-threads",
                     "4", "--respawn-failed-workers", "--workers-kill-timeout", "10", "--host", "127.0.0.1", "--port", str(self._port),
                     "--no-access-log", "api.wsgi:application"])
        wait_until(self._is_ready, within_s=60, what="the API")

    def _is_ready(self) -> bool:
        try:
            with closing(urllib.request.urlopen(f"http://127.0.0.1:{self._port}/readyz", timeout=5)):
                return True
        except OSError:
            return False


class Database:
    """A PostgreSQL that may be stopped, crashed and started."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.dsn = start(home, _CONF)

    def end(self) -> None:
        """Stop it where it runs."""
        if running := find(self.home.cluster):
            stop(running)

    def restart(self, *, crash: bool) -> None:
        """Down and up again; *crash*: without a word to anybody, so that it has to recover."""
        running = find(self.home.cluster)
        assert running is not None
        if crash:
            running.send_signal(signal.SIGQUIT)
            wait_until(lambda: find(self.home.cluster) is None, what="the crash")
        else:
            stop(running)
        start(self.home, _CONF)


class Stack:
    """Everything, and how to reach it."""

    def __init__(self, folder: Path, database: Database, films: int, stack: ExitStack) -> None:
        self.dsn, self.database = database.dsn, database
        self.port, origin, api, self.metrics = (free_port() for _ in range(4))
        self.url = f"http://127.0.0.1:{self.port}"
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("LECTERN_", "DATABASE_", "REDIS_", "AWS_"))}
        self.env = clean | {
            "DATABASE_URL": self.dsn, "LECTERN_DATA": str(folder / "data"), "LECTERN_PROFILE": PROFILE, "LECTERN_BASE_URL": self.url,
            "LECTERN_CDN": "varnish", "LECTERN_VARNISH_URL": self.url, "LECTERN_TRUSTED_PROXIES": "1",
            "LECTERN_REFRESH_PRIVATE_HOSTS": f"127.0.0.1:{films}", "LECTERN_REFRESH_BUDGET_S": str(REFRESH_S)}
        self.run("build")
        self.origin = Part("serve", self.env | {"LECTERN_PORT": str(origin)}, "ready")
        stack.callback(self.origin.kill)
        running = find(database.home.cluster)
        assert running is not None
        pooled = stack.enter_context(pgbouncer(self.dsn, Server(self.dsn, running.pid, False), size=SERVER_CONNECTIONS))
        self.api = Instance(api, folder / "metrics", self.env | {
            "DATABASE_URL": pooled, "DATABASE_DIRECT_URL": self.dsn, "REDIS_URL": stack.enter_context(redises.server()),
            "LECTERN_METRICS_PORT": str(self.metrics)})
        stack.callback(lambda: self.api.kill())
        pages, students = (Upstream("http", "127.0.0.1", port) for port in (origin, api))
        place = CacheNode(self.url, PROFILE, page_headers(https=False), pages, students)
        stack.enter_context(running_varnish(place, self.port))
        self.worker = Part("watch", self.env, "watching")
        stack.callback(lambda: self.worker.kill())

    def run(self, *command: str) -> int:
        """One of Lectern's commands, to its end; its exit code."""
        return subprocess.run([sys.executable, "build.py", *command], cwd=TOP, env=self.env, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False, timeout=300).returncode

    def last_words(self) -> str:
        """How things stand and what worker and API said last, for whoever asks why."""
        said = subprocess.run([sys.executable, "build.py", "status"], cwd=TOP, env=self.env, capture_output=True, text=True, check=False,
                              timeout=60)
        return "".join(["status:\n", said.stdout, said.stderr, "the worker:\n", *self.worker.lines[-60:], "the API:\n",
                        *self.api.lines[-20:]])


@contextmanager
def standing(folder: Path, videos: int) -> Iterator[Stack]:
    """The whole stack with a catalog of *videos*, built and served; it ends with the block."""
    home = home_of(folder)
    initialise(home)
    with ExitStack() as stack:
        films = stack.enter_context(_films())
        database = Database(home)
        stack.callback(database.end)
        migrate(database.dsn)
        fill(database.dsn, videos, films)
        yield Stack(folder, database, films, stack)


def fill(dsn: str, videos: int, films: int) -> None:
    """A catalog whose films lie at the port *films*, and students who are signed in, or may be."""
    encoded = Hashing().hash(PASSWORD)
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO catalog.course (id, slug, title) VALUES (1, 'course', 'Course')")
        cursor.execute("""INSERT INTO catalog.batch (id, course_id, slug, title)
            SELECT n, 1, 'batch-' || n, 'Batch ' || n FROM generate_series(1, %s) n""", (BATCHES,))
        cursor.execute("""INSERT INTO catalog.subject (id, slug, title)
            SELECT n, 'subject-' || n, 'Subject ' || n FROM generate_series(1, 8) n""")
        cursor.execute("""INSERT INTO catalog.video (id, slug, title, status, batch_id, recorded_on, description)
            SELECT n, 'lecture-' || n, 'Lecture ' || n || ' rev 0', 'published', 1 + n %% %s, date '2020-01-01' + n, 'About number ' || n
            FROM generate_series(1, %s) n""", (BATCHES, videos))
        cursor.execute("INSERT INTO catalog.video_subject SELECT id, 1 + id % 8 FROM catalog.video")
        cursor.execute("""INSERT INTO catalog.source (video_id, position, kind, url)
            SELECT id, 0, 'file', 'http://127.0.0.1:' || %s || '/films/' || id || '.mp4' FROM catalog.video""", (films,))
        cursor.execute("""INSERT INTO student.account (id, email) OVERRIDING SYSTEM VALUE
            SELECT n, 'student-' || n || '@school.example' FROM generate_series(1, %s) n""", (STUDENTS,))
        cursor.execute("""INSERT INTO student.session (token_hash, account_id, expires_at)
            SELECT sha256(convert_to('s' || lpad(n::text, 43, '0'), 'UTF8')), n, now() + interval '1 day'
            FROM generate_series(1, %s) n""", (STUDENTS,))
        cursor.execute("""INSERT INTO student.account (id, email, password, email_verified_at) OVERRIDING SYSTEM VALUE
            SELECT %s + n, 'login-' || n || '@school.example', %s, now() FROM generate_series(1, %s) n""", (STUDENTS, encoded, LOGGERS))


class _Film(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "video/mp4")
        self.send_header("Content-Length", "1000000")
        self.send_header("ETag", '"film"')
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextmanager
def _films() -> Iterator[int]:
    """A server of films, which `refresh` asks whether they are there; its port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Film) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server.server_port
        server.shutdown()
