"""`make demo` as a person has it: one line when it is ready, nothing left when it ends, recovery after a kill."""
from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import psycopg2
import pytest

from builder.embedded import attach, home, postmaster
from tests.conftest import open_folder

TOP = Path(__file__).resolve().parents[2]
READY_S = 60  # a first start on a busy machine; the second start has a limit of its own
AGAIN_S = 10  # a later start; on a busy machine, no longer than the first one took
STOP_S = 10


@pytest.fixture
def data() -> Iterator[Path]:
    with open_folder("lectern demo ") as top:
        yield top / "data"
        for folder in (top / "data", top / "data/one", top / "data/two"):
            for part in _tree_of(folder):
                part.kill()
            if left := postmaster.find(home.cluster_of(folder)):
                postmaster.stop(left)


class Demo:
    """A demo in a process group of its own, as a terminal gives it one."""

    def __init__(self, data: Path, port: int, *command: str, **more: str) -> None:
        self.data = data
        self.url = f"http://127.0.0.1:{port}/"
        command = command or (sys.executable, "build.py", "demo")
        # As from a person's shell, though the tests may run under make themselves.
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        environ |= {"LECTERN_DATA": str(data), "LECTERN_PORT": str(port), **more}
        self.started = time.monotonic()
        data.mkdir(parents=True, exist_ok=True)
        self.said = data / f"stderr-{port}"
        with self.said.open("a") as stderr:
            self.process = subprocess.Popen(
                command, cwd=TOP, env=environ, stdout=subprocess.PIPE, stderr=stderr, text=True, process_group=0
            )

    def ready(self) -> float:
        """Wait for the line; return the seconds it took."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line == f"ready {self.url}\n", self.said.read_text()
        with urllib.request.urlopen(self.url, timeout=10) as answer:
            assert answer.status == 200
        return time.monotonic() - self.started

    def gone(self) -> None:
        """All of it ends in 10 s, the database too, and nothing more was said on stdout."""
        begun = time.monotonic()
        out, _ = self.process.communicate(timeout=STOP_S)
        assert out == ""
        assert _tree_of(self.data) == []
        assert attach(self.data) is None
        assert time.monotonic() - begun < STOP_S


def test_it_is_ready_with_one_line_and_ends_whole_and_keeps_the_data(data: Path, port: int) -> None:
    demo = Demo(data, port)
    first_s = demo.ready()
    _edit(data, "UPDATE catalog.course SET title = 'A title of my own' WHERE id = (SELECT min(id) FROM catalog.course)")
    demo.process.terminate()
    demo.gone()
    assert demo.process.returncode == 0

    again = Demo(data, port)
    assert again.ready() < max(AGAIN_S, first_s)
    with urllib.request.urlopen(f"{again.url}courses/", timeout=10) as answer:
        assert "A title of my own" in answer.read().decode()
    os.killpg(again.process.pid, signal.SIGINT)
    again.gone()


def test_an_editors_update_is_on_the_served_site_without_a_command(data: Path, port: int) -> None:
    demo = Demo(data, port)
    demo.ready()
    _edit(data, "UPDATE catalog.course SET title = 'Seen at once' WHERE id = (SELECT min(id) FROM catalog.course)")
    _until(lambda: "Seen at once" in _read(f"{demo.url}courses/"))
    _until(lambda: _ask(data, "SELECT count(*) FROM live.receipt WHERE lag_ms IS NOT NULL AND kind = 'courses'") == 3)
    demo.process.terminate()
    demo.gone()


def test_a_real_varnish_stands_before_it_and_is_purged_and_ends_with_it(data: Path, port: int) -> None:
    if not shutil.which("varnishd"):
        pytest.skip("varnishd is not installed")
    demo = Demo(data, port, "make", "demo", "EDGE=varnish", f"PY={sys.executable}", "VENV=true")
    demo.ready()
    _until(lambda: "; hit" in _status(f"{demo.url}courses/"))
    _edit(data, "UPDATE catalog.course SET title = 'Seen past the cache' WHERE id = (SELECT min(id) FROM catalog.course)")
    _until(lambda: "Seen past the cache" in _read(f"{demo.url}courses/"))
    assert "fwd=bypass" in _status(f"{demo.url}api/v1/auth/session")
    assert [process for process in _tree_of(data) if process.name() == "varnishd"]
    demo.process.terminate()
    demo.gone()


def test_a_killed_demo_leaves_no_varnish(data: Path, port: int) -> None:
    if not shutil.which("varnishd"):
        pytest.skip("varnishd is not installed")
    demo = Demo(data, port, sys.executable, "build.py", "demo", "--edge", "varnish")
    demo.ready()
    demo.process.kill()
    _until(lambda: not _tree_of(data))
    demo.process.communicate(timeout=STOP_S)


def test_without_a_varnish_it_says_what_to_install(data: Path, port: int) -> None:
    demo = Demo(data, port, sys.executable, "build.py", "demo", "--edge", "varnish", PATH=str(data))
    demo.process.communicate(timeout=STOP_S)
    assert demo.process.returncode == 2
    assert "apt install varnish" in demo.said.read_text()
    assert attach(data) is None


def test_make_passes_sigterm_on(data: Path, port: int) -> None:
    # Make's own part of it; what it installs is not asked for.
    demo = Demo(data, port, "make", "demo", f"PY={sys.executable}", "VENV=true")
    demo.ready()
    demo.process.terminate()
    demo.gone()


@pytest.mark.parametrize("victim", ["demo", "group", "all", "serve", "watch", "database", "make"])
def test_after_a_sigkill_of_anything_the_next_start_is_ready_in_10_s(victim: str, data: Path, port: int) -> None:
    command = ("make", "demo", f"PY={sys.executable}", "VENV=true") if victim == "make" else ()
    demo = Demo(data, port, *command)
    first_s = demo.ready()
    match victim:
        case "demo":
            demo.process.kill()
        case "group":
            os.killpg(demo.process.pid, signal.SIGKILL)
        case "all":
            _database(data).kill()
            os.killpg(demo.process.pid, signal.SIGKILL)
        case "serve" | "watch":
            _part(data, victim).kill()
        case "database":
            _database(data).kill()
        case "make":
            demo.process.kill()
            _until(lambda: attach(data) is None)
    _until(lambda: not _tree_of(data))  # the parts end with their top
    demo.process.communicate(timeout=STOP_S)
    again = Demo(data, port)
    assert again.ready() < max(AGAIN_S, first_s)
    again.process.terminate()
    again.gone()


def test_two_demos_run_side_by_side_and_one_folder_holds_one(data: Path, port: int) -> None:
    one, two = Demo(data / "one", port), Demo(data / "two", _free_port())
    one.ready()
    two.ready()
    third = Demo(data / "one", _free_port())
    assert third.process.wait(STOP_S) == 2
    assert "already" in third.said.read_text()
    for demo in (one, two):
        demo.process.terminate()
        demo.gone()


def test_a_taken_port_is_said_at_once(data: Path, port: int) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        demo = Demo(data, port)
        demo.process.communicate(timeout=STOP_S)
    assert demo.process.returncode == 2
    assert "LECTERN_PORT" in demo.said.read_text()
    assert attach(data) is None


@pytest.fixture
def port() -> int:
    return _free_port()


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


def _tree_of(data: Path) -> list[psutil.Process]:
    """The demo's children for this folder, by the mark that it gives them."""
    found = []
    for process in psutil.process_iter():
        try:
            marked = process.environ().get("_LECTERN_TREE") == str(data.resolve())
            if marked and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def _part(data: Path, name: str) -> psutil.Process:
    (part,) = [process for process in _tree_of(data) if process.cmdline()[-1] == name]
    return part


def _database(data: Path) -> psutil.Process:
    server = postmaster.find(home.cluster_of(data))
    assert server is not None
    return server


def _edit(data: Path, statement: str) -> None:
    with closing(psycopg2.connect(attach(data) or "")) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)


def _ask(data: Path, query: str) -> object:
    with closing(psycopg2.connect(attach(data) or "")) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()[0]  # type: ignore[index]


def _read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def _status(url: str) -> str:
    """What the cache says that it did."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.headers["Cache-Status"])


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + STOP_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
