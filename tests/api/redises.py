"""Real Redis servers, alone, as a cluster of three and behind TLS, those that fall silent, and what looks like one and never answers."""
from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from redis import Redis
from redis.cluster import RedisCluster
from redis.exceptions import RedisClusterException, RedisError

from api.shared_redis import Client, SharedRedis
from tests.conftest import open_folder
from tests.edge.servers import free_port, listening, wait_until

NEEDED = pytest.mark.skipif(not shutil.which("redis-server"), reason="needs redis-server")
KINDS = [pytest.param(kind, marks=NEEDED) for kind in ("redis", "cluster")]
_BUS = 10_000  # a cluster's nodes talk on their port plus this
_RUNNING: dict[int, subprocess.Popen[bytes]] = {}  # by port


@contextmanager
def server(port: int | None = None) -> Iterator[str]:
    """The URL of a Redis that runs as long as the block."""
    with _server(port or free_port()) as port:
        yield f"redis://127.0.0.1:{port}"


@contextmanager
def with_tls(kind: str) -> Iterator[tuple[str, Path]]:
    """The URL of one of ``KINDS`` that speaks TLS alone, and the certificate that a client must know."""
    with open_folder("lectern-redis-tls-") as folder:
        key, certificate = folder / "key.pem", folder / "certificate.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                        "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)],
                       check=True, stderr=subprocess.DEVNULL)
        told = ("--tls-cert-file", str(certificate), "--tls-key-file", str(key), "--tls-ca-cert-file", str(certificate),
                "--tls-auth-clients", "no")
        if kind == "cluster":
            with _cluster(*told, tls=certificate) as port:
                yield f"rediss+cluster://127.0.0.1:{port}", certificate
        else:
            with _server(free_port(), *told, tls=True) as port:
                yield f"rediss://127.0.0.1:{port}", certificate


@contextmanager
def running(kind: str) -> Iterator[str]:
    """The URL of one of ``KINDS``."""
    with cluster() if kind == "cluster" else server() as url:
        yield url


@contextmanager
def cluster() -> Iterator[str]:
    """The URL of a cluster of three nodes."""
    with _cluster() as port:
        yield f"redis+cluster://127.0.0.1:{port}"


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


@contextmanager
def _server(port: int, *more: str, tls: bool = False) -> Iterator[int]:
    with open_folder("lectern-redis-") as folder:
        at = ["--port", "0", "--tls-port", str(port)] if tls else ["--port", str(port)]
        process = subprocess.Popen(
            ["redis-server", *at, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder), *more],
            stdout=subprocess.DEVNULL)
        _RUNNING[port] = process
        try:
            wait_until(lambda: listening(port), what="Redis")
            yield port
        finally:
            del _RUNNING[port]
            process.kill()
            process.wait()


@contextmanager
def _cluster(*more: str, tls: Path | None = None) -> Iterator[int]:
    """The port of the first of three nodes."""
    ports: list[int] = []
    while len({port + bus for port in ports for bus in (0, _BUS)}) < 6:  # one's bus may be where another would listen
        ports = [free_port(also=_BUS) for _ in range(3)]
    secure = ["--tls", "--cacert", str(tls)] if tls else []
    with ExitStack() as stack:
        for port in ports:
            stack.enter_context(_server(port, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000", *more,
                                        *(["--tls-cluster", "yes"] if tls else []), tls=bool(tls)))
        subprocess.run(["redis-cli", *secure, "--cluster", "create", *(f"127.0.0.1:{port}" for port in ports), "--cluster-yes"],
                       check=True, stdout=subprocess.DEVNULL)
        url = f"rediss://127.0.0.1:{ports[0]}?ssl_ca_certs={tls}" if tls else f"redis://127.0.0.1:{ports[0]}"
        wait_until(lambda: _is_whole(url), what="the cluster")
        yield ports[0]


def _is_whole(url: str) -> bool:
    try:
        client = RedisCluster.from_url(url)
        for number in range(20):
            client.set(f"probe {number}", 1, px=1)
        client.close()
    except (RedisError, RedisClusterException):
        return False
    return True


