"""Grafana: `lectern.json`, a dashboard of everything that is measured. It asks the Prometheus that its reader chooses."""
from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from edge.deploy.alerts import CACHE_SHARE
from edge.deploy.deployment import Deployment

WIDTH, HEIGHT = 8, 8  # of a panel, in the 24 columns of Grafana's grid
_SCHEMA = 39  # Grafana 10 and later
_SOURCE = {"type": "prometheus", "uid": "${source}"}


class Panel(NamedTuple):
    """A graph: what it shows as (query, legend), and its unit as Grafana names it."""

    title: str
    unit: str
    lines: tuple[tuple[str, str], ...]


def _share(part: str, whole: str) -> str:
    return f"sum(rate({part}[5m])) / sum(rate({whole}[5m]))"


def _quantile(share: float, metric: str, by: str = "") -> str:
    return f"histogram_quantile({share}, sum by (le{', ' + by if by else ''}) (rate({metric}_bucket[5m])))"


ROWS: tuple[tuple[str, tuple[Panel, ...]], ...] = (
    ("Answers of the API", (
        Panel("Time of an answer", "s", tuple((_quantile(share, "lectern_request_seconds"), name)
                                              for share, name in ((0.5, "P50"), (0.9, "P90"), (0.99, "P99")))),
        Panel("P99 by endpoint", "s", ((_quantile(0.99, "lectern_request_seconds", "route"), "{{route}}"),)),
        Panel("Answers a second by endpoint", "reqps", (("sum by (route, method) (rate(lectern_request_seconds_count[5m]))",
                                                         "{{method}} {{route}}"),)),
        Panel("Errors by endpoint", "percentunit", (
            ('sum by (route) (rate(lectern_request_seconds_count{status="5xx"}[5m])) / '
             "sum by (route) (rate(lectern_request_seconds_count[5m]))", "{{route}}"),)),
        Panel("Refused by limits", "reqps", (("sum by (instance) (rate(lectern_limited_total[5m]))", "{{instance}}"),)),
        Panel("Time of a statement", "s", tuple((_quantile(share, "lectern_query_seconds"), name)
                                                for share, name in ((0.5, "P50"), (0.99, "P99")))),
    )),
    ("Caches and pools", (
        Panel("The API's cache", "percentunit", (
            (CACHE_SHARE, "hits, and 304"),
            (_share('lectern_cache_total{result="hit"}', 'lectern_cache_total{result=~"hit|miss"}'), "hits"),
            (_share('lectern_cache_total{result="miss"}', 'lectern_cache_total{result=~"hit|miss"}'), "misses"),
            (_share('lectern_cache_total{result="shared"}', 'lectern_cache_total{result=~"hit|miss"}'), "hits that only Redis had"))),
        Panel("Values kept", "short", (("lectern_cache_items", "{{instance}}"),)),
        Panel("The edge", "percentunit", (
            (_share("varnish_main_cache_hit", "varnish_main_client_req"), "hits"),
            (_share("varnish_main_cache_miss", "varnish_main_client_req"), "misses"))),
        Panel("Pool in use", "percentunit", (("lectern_pool_in_use / lectern_pool_share", "{{instance}} {{server}}"),)),
        Panel("Connections", "short", (("sum by (server) (lectern_pool_in_use)", "{{server}} lent"),
                                       ("sum by (server) (lectern_pool_idle)", "{{server}} idle"),
                                       ("sum by (server) (lectern_pool_waiting)", "{{server}} waited for"))),
        Panel("Trouble with connections", "ops", (
            ("sum by (server) (rate(lectern_pool_refused_total[5m]))", "{{server}} refused"),
            ("sum by (server) (rate(lectern_pool_errors_total[5m]))", "{{server}} broken"),
            ("sum by (server) (rate(lectern_pool_opened_total[5m]))", "{{server}} opened"),
            ("sum by (server) (rate(lectern_pool_wait_seconds_total[5m])) / sum by (server) (rate(lectern_pool_waits_total[5m]))",
             "{{server}} seconds of a wait"))),
    )),
    ("Instances", (
        Panel("Memory", "bytes", (("lectern_process_rss_bytes", "{{instance}} RSS"), ("lectern_process_heap_bytes", "{{instance}} heap"),
                                  ("lectern_process_outside_heap_bytes", "{{instance}} outside the heap"))),
        Panel("Processors", "percentunit", (("sum by (instance, mode) (rate(lectern_process_cpu_seconds_total[5m]))",
                                             "{{instance}} {{mode}}"),)),
        Panel("Students and sessions, of 15 minutes", "short", (("lectern_active_users", "{{instance}} students"),
                                                                ("lectern_active_sessions", "{{instance}} sessions"))),
    )),
    ("Publishing", (
        Panel("From an edit to the edge", "s", (("lectern_publish_lag_seconds", "waits"), ("lectern_receipt_seconds", "longest receipt"))),
        Panel("Waiting and owed", "short", (("lectern_changes_waiting", "changes"), ("lectern_debts", "{{kind}}"),
                                            ("lectern_mail_owed", "mails"))),
        Panel("Purges overdue", "s", (("lectern_purge_overdue_seconds", "{{cdn}}"),)),
        Panel("Listener and fence", "short", (
            ('lectern_listener{state="listening"}', "hears"), ('lectern_fence{state="lost"}', "store away"),
                                              ("lectern_on_hold", "on hold"), ("lectern_database_up", "database"))),
        Panel("What needs a person", "short", (("lectern_alarms", "alarms"), ("lectern_drift_pages", "drift"),
                                               ("lectern_verify_findings", "verify"),
                                               ("lectern_pages_set_aside", "set aside"), ("lectern_receipts_unseen", "not seen"))),
        Panel("Refresh", "short", (("lectern_refresh_due", "overdue addresses"), ("lectern_refresh_behind_ratio", "share behind"),
                                   ("lectern_refresh_last_answer_seconds / 3600", "hours since an answer"))),
    )),
    ("What readers saw: one page view in a hundred", (
        Panel("Largest Contentful Paint, P75", "s", ((_quantile(0.75, "lectern_vital_lcp_seconds", "kind"), "{{kind}}"),)),
        Panel("Interaction to Next Paint, P75", "s", ((_quantile(0.75, "lectern_vital_inp_seconds", "kind"), "{{kind}}"),)),
        Panel("Cumulative Layout Shift, P75", "short", ((_quantile(0.75, "lectern_vital_cls", "kind"), "{{kind}}"),)),
    )),
)


def files(deployment: Deployment) -> Mapping[str, str]:
    """``lectern.json``."""
    return {"lectern.json": json.dumps(dashboard(deployment.host or "Lectern"), indent=1) + "\n"}


def dashboard(name: str) -> dict[str, Any]:
    """The dashboard in Grafana's own form."""
    return {
        "title": f"Lectern: {name}", "uid": "lectern", "tags": ["lectern"], "schemaVersion": _SCHEMA, "version": 1, "editable": True,
        "refresh": "30s", "time": {"from": "now-6h", "to": "now"}, "timezone": "browser",
        "templating": {"list": [{"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}]},
        "panels": list(_panels()),
    }


def _panels() -> Iterator[dict[str, Any]]:
    number, top = 1, 0
    for title, panels in ROWS:
        yield {"id": number, "type": "row", "title": title, "collapsed": False, "panels": [],
               "gridPos": {"x": 0, "y": top, "w": 24, "h": 1}}
        number, top = number + 1, top + 1
        for place, panel in enumerate(panels):
            row, column = divmod(place, 24 // WIDTH)
            yield {
                "id": number, "type": "timeseries", "title": panel.title, "datasource": _SOURCE,
                "gridPos": {"x": column * WIDTH, "y": top + row * HEIGHT, "w": WIDTH, "h": HEIGHT},
                "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
                "options": {"legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"]},
                            "tooltip": {"mode": "multi", "sort": "desc"}},
                "targets": [{"refId": chr(ord("A") + n), "expr": query, "legendFormat": legend, "datasource": _SOURCE}
                            for n, (query, legend) in enumerate(panel.lines)],
            }
            number += 1
        top += -(-len(panels) * WIDTH // 24) * HEIGHT
