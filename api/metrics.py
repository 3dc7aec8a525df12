"""The API's metrics for Prometheus, on a port of their own that no reader reaches.

Labels come from closed lists (routes, methods, classes of status), so nobody outside can make series. With
several processes the standard library's folder ``PROMETHEUS_MULTIPROC_DIR`` joins their numbers: whoever has
the port answers for all, a process that ends is taken over by the next, and what dead ones leave is swept (``api.dead_counts``).
"""
from __future__ import annotations

import logging
import os
import resource
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from flask import Flask, Response, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server, values

from api import dead_counts
from api.cache import Cache
from api.errors import ServeError
from api.limits import Limits
from api.logs import method, route
from api.pool import Pool

HOST = "127.0.0.1"
EVERY_S = 5.0
FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 1.0, 2.5, 10.0)  # 0.1, 0.2 and 0.5 are the guide's
log = logging.getLogger("lectern.metrics")


class Metrics:
    """What is measured in this process."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        own = self.registry
        self.requests = Histogram("lectern_request_seconds", "Time of an answer by the API", ("route", "method", "status"),
                                  registry=own, buckets=_SECONDS)
        self.queries = Histogram("lectern_query_seconds", "Time of a statement, the way to the database included",
                                 registry=own, buckets=_SECONDS)
        self._children: dict[tuple[str, str, int], Any] = {}
        self._gauges: dict[str, Gauge] = {}
        self._counters: dict[str, Counter] = {}
        self._counted: dict[str, float] = {}
        for name, (kind, what, label) in _MEASURED.items():
            labels = (label.partition("=")[0],) if label else ()
            if kind == "counter":
                self._counters[name] = Counter(name, what, labels, registry=own)
            else:
                self._gauges[name] = Gauge(name, what, labels, registry=own, multiprocess_mode=kind)

    def observe(self, answer: Response) -> Response:
        """Count *answer* and its time."""
        if begun := request.environ.get("lectern.begun"):
            key = route(), method(), answer.status_code // 100
            if (child := self._children.get(key)) is None:
                child = self._children[key] = self.requests.labels(key[0], key[1], f"{key[2]}xx")
            child.observe(time.perf_counter() - begun)
        return answer

    def observe_query(self, seconds: float) -> None:
        """Count a statement's time."""
        self.queries.observe(seconds)

    def set(self, name: str, value: float, label: str = "") -> None:
        """What *name* is now; of a counter, how far it has come in this process."""
        if gauge := self._gauges.get(name):
            (gauge.labels(label) if label else gauge).set(value)
            return
        counter = self._counters[name]
        key = f"{name} {label}"
        more = value - self._counted.get(key, 0.0)
        self._counted[key] = value
        if more > 0:
            (counter.labels(label) if label else counter).inc(more)

    def look(self, app: Flask) -> None:
        """Read what is kept elsewhere: pool, cache, limits, this process."""
        pool, cache, limits = (app.extensions.get(f"lectern.{name}") for name in ("pool", "cache", "limits"))
        if isinstance(cache, Cache):
            seen = cache.figures
            for result, number in (("hit", seen.hits), ("miss", seen.misses), ("shared", seen.shared_hits)):
                self.set("lectern_cache", number, result)
            self.set("lectern_cache_items", seen.items)
        if isinstance(limits, Limits):
            users, sessions, refused = limits.seen()
            self.set("lectern_active_users", users)
            self.set("lectern_active_sessions", sessions)
            self.set("lectern_limited", refused)
        if isinstance(pool, Pool):
            self._look_at_pool(pool)
        for name, value, label in _of_process():
            self.set(name, value, label)

    def _look_at_pool(self, pool: Pool) -> None:
        for name, figures in (("primary", pool.figures), ("replica", pool.replica_figures)):
            if figures:
                for what in ("share", "in_use", "idle", "waiting"):
                    self.set(f"lectern_pool_{what}", getattr(figures, what), name)
                for what in ("waits", "wait_s", "refused", "opened", "errors"):
                    self.set(f"lectern_pool_{what.replace('wait_s', 'wait_seconds')}", getattr(figures, what), name)


def init_app(app: Flask, metrics: Metrics) -> None:
    """Measure every answer of *app*; to be registered first, so that its time is the whole one."""
    app.extensions["lectern.metrics"] = metrics
    app.after_request(metrics.observe)


def serve(app: Flask, port: int, *, host: str = HOST, processes: int = 1, every_s: float = EVERY_S,
          stop: threading.Event | None = None) -> None:
    """Tell the metrics of *app* on *port* of *host*, from now on; two threads do it. Raises ServeError.

    With several *processes* every one calls this, and whoever has the port answers for all.
    """
    folder = os.environ.get(FOLDER)
    if processes > 1 and (not folder or values.ValueClass.__name__ != "MmapedValue"):
        raise ServeError(f"With several processes set {FOLDER}, before they start, to an empty folder (on tmpfs): it joins their metrics.")
    metrics: Metrics = app.extensions["lectern.metrics"]
    metrics.look(app)
    told = metrics.registry
    if folder:
        told = CollectorRegistry()
        told.register(dead_counts.Joined(Path(folder)))
    opened = _open(host, port, told)
    if not opened and processes == 1:
        raise ServeError(f"Port {port} cannot be used for the metrics: set LECTERN_METRICS_PORT to a free one.")
    stop = stop or threading.Event()
    threading.Thread(target=_keep, args=(app, metrics, host, port, told, opened, folder, every_s, stop), daemon=True,
                     name="metrics").start()


def _open(host: str, port: int, told: CollectorRegistry) -> Callable[[], None] | None:
    try:
        server, thread = start_http_server(port, host, told)
    except OSError:
        return None

    def close() -> None:
        server.shutdown()
        server.server_close()
        thread.join(5)

    return close


def _keep(app: Flask, metrics: Metrics, host: str, port: int, told: CollectorRegistry, opened: Callable[[], None] | None,
          folder: str | None, every_s: float, stop: threading.Event) -> None:
    while not stop.wait(every_s):
        metrics.look(app)
        _look_at_mail(app, metrics)
        if folder:
            with suppress(OSError):  # a full or vanished folder must not end this thread; what was begun is gone on with
                dead_counts.sweep(Path(folder))
        opened = opened or _open(host, port, told)
    if opened:
        opened()


def _look_at_mail(app: Flask, metrics: Metrics) -> None:
    if isinstance(pool := app.extensions.get("lectern.pool"), Pool):
        with suppress(Exception):  # a database that is away is told by other figures, and must not end this thread
            metrics.set("lectern_mail_owed", pool.read("SELECT count(*) FROM student.mail")[0][0])


def _of_process() -> list[tuple[str, float, str]]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    found = [("lectern_process_cpu_seconds", used.ru_utime, "user"), ("lectern_process_cpu_seconds", used.ru_stime, "system")]
    with suppress(OSError):  # only Linux tells them
        kib = {line.partition(":")[0]: line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if "kB" in line}
        outside = int(kib["RssFile"]) + int(kib["RssShmem"])
        found += [("lectern_process_rss_bytes", int(kib["VmRSS"]) * 1024.0, ""),
                  ("lectern_process_heap_bytes", int(kib["RssAnon"]) * 1024.0, ""),
                  ("lectern_process_outside_heap_bytes", outside * 1024.0, "")]
    return found


_MEASURED: dict[str, tuple[Any, str, str]] = {
    "lectern_cache": ("counter", "Questions to the cache, by what came of them; shared are hits that only Redis had", "result"),
    "lectern_cache_items": ("livesum", "Values in the in-process cache", ""),
    "lectern_limited": ("counter", "Requests that were refused by a limit", ""),
    "lectern_active_users": ("livesum", "Students seen in the last 15 minutes", ""),
    "lectern_active_sessions": ("livesum", "Sessions seen in the last 15 minutes", ""),
    "lectern_mail_owed": ("livemostrecent", "Mails that are owed", ""),
    "lectern_pool_share": ("livesum", "Connections that there may be", "server"),
    "lectern_pool_in_use": ("livesum", "Connections that are lent", "server"),
    "lectern_pool_idle": ("livesum", "Connections that lie idle", "server"),
    "lectern_pool_waiting": ("livesum", "Requests that wait for a connection", "server"),
    "lectern_pool_waits": ("counter", "Requests that had to wait for a connection", "server"),
    "lectern_pool_wait_seconds": ("counter", "Time that they waited", "server"),
    "lectern_pool_refused": ("counter", "Requests that got no connection in time", "server"),
    "lectern_pool_opened": ("counter", "Connections that were opened", "server"),
    "lectern_pool_errors": ("counter", "Connections that broke or could not be had", "server"),
    "lectern_process_rss_bytes": ("livesum", "Resident memory", ""),
    "lectern_process_heap_bytes": ("livesum", "Of it, memory that the process has written: its heap", ""),
    "lectern_process_outside_heap_bytes": ("livesum", "Of it, files and shared memory", ""),
    "lectern_process_cpu_seconds": ("counter", "Processor time", "mode"),
}
