"""When somebody is told: the guide's alerts and our own. `config prometheus` writes them; each is a paragraph of docs/operations.md."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge.deploy.deployment import MEMORY_GIB, PROCESSES

Severity = Literal["page", "ticket"]
GIB = 2**30
RESPONSE_S, ERROR_SHARE, MEMORY_SHARE, CPU_SHARE, HIT_SHARE, POOL_SHARE = 0.5, 0.01, 0.9, 0.8, 0.7, 0.9
"""The guide's: response > 500 ms, errors > 1 %, memory > 90 %, CPU > 80 %, hit rate < 70 %, pool > 90 % used."""

LAG_S = 60  # `status` has an alarm from there on; a publish takes about a second
PURGE_OVERDUE_S = 300
REFRESH_S = 2.5 * 3600  # it runs each hour
REFRESH_BEHIND_SHARE = 0.1
FEW_A_SECOND = 1  # under so many requests a share says nothing
USUAL_SHARE = 0.7
"""How often students ask for the same again differs from school to school, so that a share of hits alone says nothing of the API's
cache: it is held against its own of a day before."""


@dataclass(frozen=True, slots=True)
class Alert:
    """A rule: *expr* holds for *lasts*. *what* is the sentence that wakes somebody, in Prometheus' own templates."""

    name: str
    expr: str
    lasts: str
    severity: Severity
    what: str


def _rate(metric: str) -> str:
    return f"sum(rate({metric}[5m]))"


_ANSWERS = _rate("lectern_request_seconds_count")
_FAULTS = _rate('lectern_request_seconds_count{status="5xx"}')
_QUESTIONS = 'lectern_cache_total{result=~"hit|miss"}'  # "shared" are hits too
_UNCHANGED = 'lectern_request_seconds_count{route=~"me[.].*", method="GET", status="3xx"}'  # a 304 is answered before the cache is asked
CACHE_SHARE = (f'(sum(rate(lectern_cache_total{{result="hit"}}[5m])) + (sum(rate({_UNCHANGED}[5m])) or vector(0)))'
               f" / (sum(rate({_QUESTIONS}[5m])) + (sum(rate({_UNCHANGED}[5m])) or vector(0)))")
"""Of the questions about a student's own data, those that were answered without asking the database for them."""
_CACHE_SHARE_BEFORE = CACHE_SHARE.replace("[5m]", "[5m] offset 1d")
_EDGE_HITS, _EDGE_MISSES = _rate("varnish_main_cache_hit"), _rate("varnish_main_cache_miss")

ALERTS = (
    Alert("LecternSlowAnswers",
          f"histogram_quantile(0.99, sum by (le) (rate(lectern_request_seconds_bucket[5m]))) > {RESPONSE_S} "
          f"and {_ANSWERS} > {FEW_A_SECOND}",
          "5m", "page", "One answer of the API in a hundred takes longer than {{ $value | humanizeDuration }}."),
    Alert("LecternErrors",
          f"{_FAULTS} / {_ANSWERS} > {ERROR_SHARE}",
          "5m", "page", "{{ $value | humanizePercentage }} of the API's answers are errors."),
    Alert("LecternMemory",
          f"lectern_process_rss_bytes > {MEMORY_SHARE} * {MEMORY_GIB * GIB} or "
          f'process_resident_memory_bytes{{job="lectern-worker"}} > {MEMORY_SHARE} * {2 * GIB}',
          "5m", "page", "{{ $labels.instance }} holds {{ $value | humanize1024 }}B."),
    Alert("LecternCpu",
          f"sum by (instance) (rate(lectern_process_cpu_seconds_total[5m])) / {PROCESSES} > {CPU_SHARE}",
          "10m", "ticket", "{{ $labels.instance }} uses {{ $value | humanizePercentage }} of its processors."),
    Alert("LecternCacheMisses",
          f"{CACHE_SHARE} < {HIT_SHARE} and {CACHE_SHARE} < {USUAL_SHARE} * ({_CACHE_SHARE_BEFORE}) "
          f"and {_rate(_QUESTIONS)} > {FEW_A_SECOND}",
          "15m", "ticket", "The API's cache answers only {{ $value | humanizePercentage }}, much less than a day before."),
    Alert("LecternEdgeMisses",
          f"{_EDGE_HITS} / ({_EDGE_HITS} + {_EDGE_MISSES}) < {HIT_SHARE} and {_EDGE_HITS} + {_EDGE_MISSES} > {FEW_A_SECOND}",
          "15m", "ticket", "The edge answers only {{ $value | humanizePercentage }} from what it holds."),
    Alert("LecternPool",
          f"lectern_pool_in_use / lectern_pool_share > {POOL_SHARE}",
          "2m", "page", "{{ $labels.instance }} has lent {{ $value | humanizePercentage }} of its connections ({{ $labels.server }})."),
    Alert("LecternPublishLag",
          f"lectern_publish_lag_seconds > {LAG_S} and lectern_on_hold == 0",
          "1m", "page", "An edit has waited for {{ $value | humanizeDuration }}."),
    Alert("LecternPurgeDebt",
          f"lectern_purge_overdue_seconds > {PURGE_OVERDUE_S}",
          "1m", "page", "A purge at {{ $labels.cdn }} has been due for {{ $value | humanizeDuration }}."),
    Alert("LecternDrift",
          "lectern_drift_pages > 0 or lectern_verify_findings > 0",
          "0m", "ticket", "The site was not what catalog or manifest say."),
    Alert("LecternRefreshOverdue",
          f"lectern_refresh_last_answer_seconds > {REFRESH_S:.0f} and lectern_refresh_due > 0 or "
          f"lectern_refresh_behind_ratio > {REFRESH_BEHIND_SHARE}",
          "30m", "ticket", "The hourly refresh does not run, or does not keep up."),
    Alert("LecternFenceLost",
          'lectern_fence{state="lost"} == 1',
          "1m", "page", "The store does not answer the worker, so nothing is published."),
    Alert("LecternListenerDeaf",
          'lectern_listener{state="listening"} == 0',
          "1m", "page", "No worker hears the catalog."),
    Alert("LecternDatabaseAway",
          "lectern_database_up == 0",
          "1m", "page", "The database does not answer the worker."),
    Alert("LecternDown",
          'up{job=~"lectern-.*"} == 0 or absent(up{job="lectern-worker"}) or absent(up{job="lectern-api"})',
          "3m", "page", "{{ $labels.job }} {{ $labels.instance }} does not answer Prometheus."),
    Alert("LecternNeedsAPerson",
          "lectern_alarms > 0",
          "15m", "ticket", "`status` has {{ $value }} alarms."),
)
