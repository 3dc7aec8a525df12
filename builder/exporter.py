"""How publishing stands, as Prometheus metrics of the worker: asked of the database when they are asked for."""
from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import Any

import psycopg2
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import make_dsn

from builder.catalog.refresh import rows as refreshed
from builder.connections import KEEPALIVE
from builder.status import BEHIND_SHARE, Status, status
from edge.address import Key
from edge.errors import LecternError, StoreError
from edge.store.port import Store

KEPT_S = 5.0  # whoever asks more often is told the same again
LISTENERS = ("listening", "broken", "absent")
FENCES = ("on", "off", "lost")
_ANY_KEY = Key("index.html")

# Purpose: the oldest purge that is due, by CDN; the slowest receipt of an hour and how many were not seen in a day; what the nightly
# check mended and what verify left wrong; what could not be rendered; whether publishing is on hold.
_FIGURES = """
    SELECT
        (SELECT coalesce(json_object_agg(cdn, age), '{}') FROM (
            SELECT cdn, greatest(extract(epoch FROM clock_timestamp() - min(due_at)), 0)::float8 age
            FROM live.debt WHERE kind = 'purge' GROUP BY cdn) oldest),
        (SELECT coalesce(max(lag_ms), 0) / 1000.0::float8 FROM live.receipt WHERE asked_at > clock_timestamp() - interval '1 hour'),
        (SELECT count(*)::int FROM live.receipt WHERE asked_at > clock_timestamp() - interval '1 day' AND lag_ms IS NULL),
        (SELECT count(*)::int FROM live.site, unnest(check_found) f WHERE f LIKE '/%'),
        (SELECT count(*)::int FROM live.site, unnest(check_found) f WHERE f NOT LIKE '/%'),
        (SELECT count(*)::int FROM live.set_aside),
        (SELECT (held_at IS NOT NULL)::int FROM live.site)"""
# Purpose: addresses that refresh should have asked an hour ago, how many it knows of videos that are shown, and its last clear answer.
_REFRESH = """
    SELECT count(*) FILTER (WHERE r.next_at < clock_timestamp() - interval '1 hour')::int, count(DISTINCT s.video_id)::int,
        coalesce(extract(epoch FROM clock_timestamp() - max(r.asked_at)), 0)::float8
    FROM live.refresh_source r JOIN catalog.source s USING (url)"""


def serve(dsn: str, store: Store, host: str, port: int) -> Callable[[], None]:
    """Tell the metrics on *port* of *host* until the function that comes back is called. Raises LecternError where the port is taken."""
    registry = CollectorRegistry()
    registry.register(Standing(make_dsn(dsn, application_name="lectern metrics", **KEEPALIVE), store))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise LecternError(f"Port {port} cannot be used for the metrics ({error.strerror}): set LECTERN_WORKER_METRICS_PORT to a free "
                           "one.") from error

    def close() -> None:
        server.shutdown()
        server.server_close()
        thread.join(1)

    return close


class Standing(Collector):
    """What `status` finds, in numbers. Where the database does not answer, only that is told."""

    def __init__(self, dsn: str, store: Store, now: Callable[[], float] = time.monotonic) -> None:
        self._dsn, self._store, self._now = dsn, store, now
        self._lock = threading.Lock()
        self._found: list[Metric] = []
        self._looked = -KEPT_S

    def describe(self) -> Iterable[Metric]:
        """Nothing: what there is depends on what answers."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The metrics of this moment, or of at most KEPT_S before it."""
        with self._lock:
            if self._now() - self._looked >= KEPT_S:
                self._found = list(self._look())
                self._looked = self._now()
            return list(self._found)

    def _look(self) -> Iterator[Metric]:
        try:
            with closing(psycopg2.connect(self._dsn)) as connection:
                metrics = [*self._standing(status(connection, self._store)), *_figures(connection), *_refresh(connection)]
        except (psycopg2.Error, LecternError):
            yield _one("lectern_database_up", "Whether the database answers the worker", 0)
            return
        yield _one("lectern_database_up", "Whether the database answers the worker", 1)
        yield from metrics

    def _standing(self, found: Status) -> Iterator[Metric]:
        yield _one("lectern_release_live", "Number of the newest release", found.live or 0)
        yield _one("lectern_changes_waiting", "Changes that no release has taken", found.waiting)
        yield _one("lectern_publish_lag_seconds", "Age of the oldest change that waits", found.lag_s)
        yield _one("lectern_alarms", "Alarms that `status` has", len(found.alarms))
        yield _each("lectern_debts", "What is owed", "kind", {"purge": 0, "retirement": 0, "receipt": 0, "ping": 0, **found.debts})
        yield _each("lectern_listener", "Whether a worker hears the catalog", "state",
                    {state: int(state == found.listener) for state in LISTENERS})
        fence = found.fence if self._answers() else "lost"
        yield _each("lectern_fence", "Whether the store refuses a late builder's writes; lost: it does not answer", "state",
                    {state: int(state == fence) for state in FENCES})

    def _answers(self) -> bool:
        try:
            self._store.head(_ANY_KEY)
        except StoreError:
            return False
        return True


def _figures(connection: Connection) -> Iterator[Metric]:
    ((purges, receipt_s, unseen, drifted, wrong, aside, held),) = _ask(connection, _FIGURES)
    yield _each("lectern_purge_overdue_seconds", "How long the oldest purge has been due", "cdn", purges)
    yield _one("lectern_receipt_seconds", "From an edit to its bytes at the edge, the longest of an hour", receipt_s)
    yield _one("lectern_receipts_unseen", "Pages that the edge did not show in time, in a day", unseen)
    yield _one("lectern_drift_pages", "Pages that the last nightly check found otherwise than the catalog", drifted)
    yield _one("lectern_verify_findings", "What the last verify left wrong", wrong)
    yield _one("lectern_pages_set_aside", "Pages that could not be rendered, or were held back", aside)
    yield _one("lectern_on_hold", "Whether publishing is on hold after a rollback", held)


def _refresh(connection: Connection) -> Iterator[Metric]:
    ((due, known, last_s),) = _ask(connection, _REFRESH)
    behind = refreshed.behind(connection) if known else 0
    yield _one("lectern_refresh_due", "Addresses that refresh should have asked an hour ago", due)
    yield _one("lectern_refresh_last_answer_seconds", "Since refresh last had a clear answer", last_s)
    yield _one("lectern_refresh_behind_ratio",
               f"Videos without a clear answer for a day, of all; `status` has an alarm above {BEHIND_SHARE}",
               behind / known if known else 0)


def _ask(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    with connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def _one(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(name, what, value=float(value))


def _each(name: str, what: str, label: str, values: dict[str, float]) -> Metric:
    family = GaugeMetricFamily(name, what, labels=[label])
    for text, value in values.items():
        family.add_metric([text], float(value))
    return family
