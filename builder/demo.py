"""All of it on one machine, as one tree of processes: database, bundled catalog, build, site and API.

This process keeps house. The steps and the server are its children, run by the same commands as a
person's; the database is the embedded one, or DATABASE_URL. Whatever a killed demo left running
carries a mark in its environment: by that the next one finds it, and ends it first.
"""
from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

import psutil
import psycopg2

from builder import demo_varnish
from builder.embedded import ensure
from builder.embedded.postmaster import is_alive
from builder.migrate import make_ready, migrate, state
from edge.command_line import TREE
from edge.errors import LecternError
from edge.settings import Settings

CATALOG = Path(__file__).with_name("demo_catalog")
CHILDREN_STOP_S = 3.0  # and the database 6 s at worst: under 10 s together
_GLANCE_S = 0.2


class DemoError(LecternError):
    """The demo cannot start, or a part of it ended; the message says which."""


def run(settings: Settings, *, behind_varnish: bool = False) -> None:
    """Run until Ctrl-C, SIGTERM or the end of a part, then end all parts.

    The server's line ``ready http://127.0.0.1:PORT/`` is the only one on stdout. *behind_varnish*: a Varnish of its own answers
    there, and the worker purges it.
    """
    if behind_varnish:
        demo_varnish.find()
        if settings.cdn.names:
            raise DemoError("LECTERN_CDN is set, and the demo's own Varnish is what it would purge: take it out, or start it without EDGE.")
    settings.data.mkdir(parents=True, exist_ok=True)
    with _one_demo_a_folder(settings.data), _leaving_on_signals():
        tree = _Tree(settings.data)
        tree.end()  # what a killed demo left
        _claim(settings.port)
        given = settings.database_direct_url or settings.database_url
        if given:
            make_ready(given)
            _show(tree, settings, given, {}, behind_varnish)
            return
        with ensure(settings.data, keeper=True) as server:
            if state(server.dsn) != "newer":
                migrate(server.dsn)
            make_ready(server.dsn)
            tree.watched.append(psutil.Process(server.pid))
            _show(tree, settings, server.dsn, {"DATABASE_URL": server.dsn}, behind_varnish)


def _show(tree: _Tree, settings: Settings, dsn: str, environ: Mapping[str, str], behind_varnish: bool) -> None:
    try:
        if _is_empty(dsn):
            tree.step("import", str(CATALOG), environ=environ)
        tree.step("build", environ=environ)
        if behind_varnish:
            _serve_behind_varnish(tree, settings, environ)
        else:
            tree.keep("watch", environ=environ, until="watching")
            tree.keep("serve", environ=environ)
        tree.wait()
    finally:
        tree.end()


def _serve_behind_varnish(tree: _Tree, settings: Settings, environ: Mapping[str, str]) -> None:
    """The server moves to a port of its own. Varnish starts empty, so the build before it owed it nothing."""
    port, public = _free_port(), f"http://127.0.0.1:{settings.port}"
    environ = {**environ, "LECTERN_BASE_URL": settings.base_url}
    tree.keep("serve", environ={**environ, "LECTERN_PORT": str(port), "LECTERN_LISTEN": "127.0.0.1", "LECTERN_TRUSTED_PROXIES": "1"},
              until=f"ready http://127.0.0.1:{port}/")
    tree.parts["varnish"] = demo_varnish.start(settings, port, tree.environ(environ))
    tree.keep("watch", environ={**environ, "LECTERN_CDN": "varnish", "LECTERN_VARNISH_URL": public}, until="watching")
    print(f"ready {public}/", flush=True)


class _Tree:
    """The processes under this one: steps that end by themselves, and parts that are kept."""

    def __init__(self, data: Path) -> None:
        self.mark = str(data.resolve())
        self.parts: dict[str, subprocess.Popen[bytes]] = {}
        self.watched: list[psutil.Process] = []
        self.parent = os.getppid() if "MAKELEVEL" in os.environ else None

    def step(self, *command: str, environ: Mapping[str, str]) -> None:
        """Run a command to its end, its output on stderr; findings (exit code 1) are no failure."""
        if self._start(command, environ, stdout=sys.stderr.fileno()).wait() not in (0, 1):
            raise DemoError(f"The step `{command[0]}` failed; why stands above.")

    def keep(self, *command: str, environ: Mapping[str, str], until: str = "") -> None:
        """Start a part that runs until the demo ends. With *until*, return when it has said that line, which is not shown."""
        part = self.parts[command[0]] = self._start(command, environ, stdout=subprocess.PIPE if until else None)
        if until and part.stdout and part.stdout.readline().decode().strip() != until:
            raise DemoError(f"`{command[0]}` did not start; why stands above.")

    def wait(self) -> None:
        """Return when make is gone; raise DemoError when a part ends by itself."""
        while self.parent in (None, os.getppid()):
            for name, part in self.parts.items():
                if (code := part.poll()) is not None:
                    raise DemoError(f"`{name}` ended with exit code {code}, so the demo ends; start it again.")
            if not all(is_alive(process) for process in self.watched):
                raise DemoError("The database ended, so the demo ends; start it again.")
            time.sleep(_GLANCE_S)

    def environ(self, more: Mapping[str, str]) -> dict[str, str]:
        """What a process of this tree is started with: this one's, *more*, and the mark."""
        return {**os.environ, **more, TREE: self.mark}

    def end(self) -> None:
        """End every process of the tree, its orphans too: asked first, killed after 3 s."""
        ours = [process for process in psutil.process_iter() if self._is_marked(process)]
        for how in (psutil.Process.terminate, psutil.Process.kill):
            for process in ours:
                try:
                    how(process)
                except psutil.NoSuchProcess:
                    continue
            _, ours = psutil.wait_procs(ours, CHILDREN_STOP_S)

    def _start(
        self, command: tuple[str, ...], environ: Mapping[str, str], stdout: int | None
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, os.path.abspath(sys.argv[0]), *command],
            env=self.environ(environ),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
        )

    def _is_marked(self, process: psutil.Process) -> bool:
        try:
            return is_alive(process) and process.environ().get(TREE) == self.mark
        except (psutil.Error, OSError):
            return False  # another account's: not ours


def _is_empty(dsn: str) -> bool:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT NOT EXISTS (SELECT FROM catalog.course)")
        return cursor.fetchone() == (True,)


def _claim(port: int) -> None:
    """Say at once, not after the build, that the port is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as e:
            raise DemoError(f"Port {port} cannot be used ({e.strerror}): set LECTERN_PORT to a free one.") from e


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _one_demo_a_folder(data: Path) -> Iterator[None]:
    with (data / "demo.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoError(f"A demo runs for {data} already: end it, or set LECTERN_DATA and LECTERN_PORT.") from None
        yield


@contextmanager
def _leaving_on_signals() -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal leave by the blocks' ends; a second signal changes nothing."""
    names = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def leave(signum: int, frame: FrameType | None) -> NoReturn:
        for name in names:
            signal.signal(name, signal.SIG_IGN)
        raise SystemExit(0)

    before = {name: signal.signal(name, leave) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
