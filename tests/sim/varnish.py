"""A real Varnish with the generated configuration, asked as a trace says; time is compressed by shorter tiers and a faster trace alike."""

from __future__ import annotations

import http.client
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import numpy as np

from edge import tiers
from edge.config import write
from edge.config.cache_node import CacheNode, Upstream
from edge.policy import page_headers
from tests.edge.servers import free_port, wait_until
from tests.sim.world import Floats, Ints, Purged

SHORT = "compressed"
CLIENTS = 8
_TIMEOUT_S = 20
_HOST = "lectures.example"


class Replayed(NamedTuple):
    """What Varnish did: each request as it was really sent, and each purge; seconds from the start."""

    at_s: Floats
    page: Ints
    hits: int  # by Cache-Status: answered from the cache, fresh or stale
    fetched: int  # as the origin counted
    purged: Purged
    late_s: float  # the most that a request was sent after its time

    @property
    def hit_ratio(self) -> float:
        """The share of requests that were answered from the cache."""
        return self.hits / len(self.page)

    @property
    def fetch_ratio(self) -> float:
        """The share of requests that the origin saw."""
        return self.fetched / len(self.page)


@contextmanager
def compressed(profile: str, factor: float) -> Iterator[str]:
    """A profile whose times are those of *profile* through *factor*, in whole seconds, while the block runs; its name.

    How often one address may miss is left open: here all readers have one.
    """
    times = tiers.PROFILES[profile]
    tiers.PROFILES[SHORT] = replace(times, name=SHORT, catalog_s=max(1, round(times.catalog_s / factor)), requests_per_window=10_000_000,
                                    metadata_s=max(1, round(times.metadata_s / factor)), media_s=max(1, round(times.media_s / factor)))
    tiers.cache_control.cache_clear()
    try:
        yield SHORT
    finally:
        del tiers.PROFILES[SHORT]
        tiers.cache_control.cache_clear()


class Edge(NamedTuple):
    """A Varnish that runs, and what its origin was asked."""

    port: int
    fetched: Callable[[], int]


@contextmanager
def varnish(folder: Path, profile: str, lists: int) -> Iterator[Edge]:
    """Varnish before an origin that has every page, while the block runs. Pages below *lists* are of the tier catalog."""
    with _origin(profile, lists) as (origin_port, fetched):
        origin = Upstream("http", "127.0.0.1", origin_port)
        place = CacheNode(f"https://{_HOST}", profile, page_headers(https=True, frame_hosts=()), origin, origin)
        (path,) = write("varnish", place, folder)
        port = free_port()
        log = folder / "varnish.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                ["varnishd", "-F", "-n", str(folder / "work"), "-a", f"127.0.0.1:{port}", "-T", "127.0.0.1:0", "-f", str(path), "-s",
                 "malloc,128m", "-p", "vsl_space=16M"], stdout=out, stderr=out)
        try:
            def ready() -> bool:
                assert process.poll() is None, log.read_text(errors="replace")[-2000:]
                return _answers(port)

            wait_until(ready, what="Varnish")
            yield Edge(port, fetched)
        finally:
            process.terminate()
            process.wait()


def replay(edge: Edge, at_s: Floats, page: Ints, purged: Purged, progress: Callable[[float], None] = lambda _: None) -> Replayed:
    """Send these requests and purges at their seconds, from the first on; *at_s* in order. *progress* hears which share is done."""
    before, begin = edge.fetched(), time.perf_counter() + 0.2
    sent, hits, late = np.zeros(len(at_s)), np.zeros(len(at_s), bool), [0.0]
    purge_sent = np.zeros(len(purged.at_s))
    lock, turn = threading.Lock(), iter(range(len(at_s)))
    failures: list[Exception] = []

    def wait(due_s: float) -> None:
        pause = begin + due_s - time.perf_counter()
        if pause > 0:
            time.sleep(pause)  # the trace's own pace

    def reader() -> None:
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", edge.port, timeout=_TIMEOUT_S)) as connection:
                while True:
                    with lock:
                        n = next(turn, None)
                    if n is None or failures:
                        return
                    wait(at_s[n])
                    sent[n] = time.perf_counter() - begin
                    connection.request("GET", f"/videos/{page[n]}/", headers={"Host": _HOST, "Accept-Encoding": "gzip"})
                    answer = connection.getresponse()
                    answer.read()
                    assert answer.status == http.client.OK, answer.status
                    hits[n] = "; hit" in (answer.getheader("Cache-Status") or "")
                    late[0] = max(late[0], sent[n] - at_s[n])
                    if n % 200 == 0:
                        progress(n / len(at_s))
        except Exception as error:  # raised below
            failures.append(error)

    def purger() -> None:
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", edge.port, timeout=_TIMEOUT_S)) as connection:
                for n in range(len(purged.at_s)):
                    wait(purged.at_s[n])
                    connection.request("PURGE", "/", headers={"Host": _HOST, "xkey-purge": f"p{purged.page[n]}"})
                    answer = connection.getresponse()
                    answer.read()
                    assert answer.status == http.client.OK, answer.status
                    purge_sent[n] = time.perf_counter() - begin
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=reader, daemon=True) for _ in range(CLIENTS)] + [threading.Thread(target=purger, daemon=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return Replayed(sent, page, int(hits.sum()), edge.fetched() - before, Purged(purge_sent, purged.page), late[0])


@contextmanager
def _origin(profile: str, lists: int) -> Iterator[tuple[int, Callable[[], int]]]:
    """Every page of ``/videos/N/``, with its tier's own header and its tag; on a free port."""
    lock, count = threading.Lock(), [0]
    body = b"<!doctype html><title>Lecture</title>" + b"x" * 2000

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            number = self.path.removeprefix("/videos/").rstrip("/")
            headers = {"Cache-Control": "no-store"}
            if number.isdecimal():
                headers = {"Cache-Control": tiers.cache_control("catalog" if int(number) < lists else "metadata", profile),
                           "Surrogate-Key": f"p{number} all"}
                with lock:
                    count[0] += 1
            self.send_response(200)
            for name, value in {"Content-Type": "text/html; charset=utf-8", "Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1]), lambda: count[0]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _answers(port: int) -> bool:
    try:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=2)) as connection:
            connection.request("GET", "/robots.txt", headers={"Host": _HOST})
            return connection.getresponse().status == http.client.OK
    except OSError:
        return False
