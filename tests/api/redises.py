"""Real Redis servers, alone, as a cluster of three and behind TLS, those that fall silent, and what looks like one and never answers."""
from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from redis import Redis
from redis.cluster import RedisCluster
from redis.exceptions import RedisError

from api.shared_redis import Client, SharedRedis
from tests.conftest import open_folder
from tests.edge.servers import free_port, listening, wait_until

KINDS = ["redis", "cluster"] if shutil.which("redis-server") else []
_BUS = 10_000  # a cluster's nodes talk on their port plus this
_RUNNING: dict[int, subprocess.Popen[bytes]] = {}  # by port


@contextmanager
def server(port: int | None = None, *more: str) -> Iterator[str]:
    """The URL of a Redis that runs as long as the block."""
    port = port or free_port()
    with open_folder("lectern-redis-") as folder:
        process = subprocess.Popen(
            ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder), *more],
            stdout=subprocess.DEVNULL)
        _RUNNING[port] = process
        try:
            wait_until(lambda: listening(port), what="Redis")
            yield f"redis://127.0.0.1:{port}"
        finally:
            del _RUNNING[port]
            process.kill()
            process.wait()


@contextmanager
def running(kind: str) -> Iterator[str]:
    """The URL of one of ``KINDS``."""
    with cluster() if kind == "cluster" else server() as url:
        yield url


@contextmanager
def cluster() -> Iterator[str]:
    """The URL of a cluster of three nodes."""
    ports: list[int] = []
    while len({port + bus for port in ports for bus in (0, _BUS)}) < 6:  # one's bus may be where another would listen
        ports = [free_port(also=_BUS) for _ in range(3)]
    with ExitStack() as stack:
        for port in ports:
            stack.enter_context(server(port, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000"))
        subprocess.run(["redis-cli", "--cluster", "create", *(f"127.0.0.1:{port}" for port in ports), "--cluster-yes"],
                       check=True, stdout=subprocess.DEVNULL)
        wait_until(lambda: _is_whole(ports[0]), what="the cluster")
        yield f"redis+cluster://127.0.0.1:{ports[0]}"


@contextmanager
def silent() -> Iterator[str]:
    """The URL of what takes a connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}"


def wait_for(shared: SharedRedis) -> None:
    """Until this process knows it: to look through a cluster may take a busy machine longer than a request waits."""
    wait_until(lambda: shared.ask(lambda client: client.ping()) is not None, within_s=10)


def nodes(url: str) -> list[int]:
    """The ports of its nodes; of a server that is alone, its own."""
    if "+cluster" not in url:
        return [int(url.rpartition(":")[2])]
    client: Client = RedisCluster.from_url(url.replace("+cluster", ""))
    try:
        return sorted(int(node.port) for node in client.get_nodes())
    finally:
        client.close()


@contextmanager
def frozen(*ports: int) -> Iterator[None]:
    """The servers on *ports* stand still while the block runs: their connections stay open, and nothing is answered."""
    for port in ports:
        _RUNNING[port].send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for port in ports:
            _RUNNING[port].send_signal(signal.SIGCONT)


def keys(url: str) -> list[str]:
    """Every key that is there."""
    client = RedisCluster.from_url(url.replace("+cluster", "")) if "+cluster" in url else Redis.from_url(url)
    try:
        return sorted(key.decode() for key in client.scan_iter("*"))
    finally:
        client.close()


def _is_whole(port: int) -> bool:
    try:
        client = RedisCluster.from_url(f"redis://127.0.0.1:{port}")
        for number in range(20):
            client.set(f"probe {number}", 1, px=1)
        client.close()
    except RedisError:
        return False
    return True


