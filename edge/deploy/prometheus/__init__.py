"""Prometheus: `prometheus.yml` for one machine, `kubernetes.yml` for many, and the rules that both read."""
from __future__ import annotations

from collections.abc import Mapping

from edge.deploy.alerts import ALERTS
from edge.deploy.deployment import API_METRICS_PORT, SCRAPE_S, WORKER_METRICS_PORT, Deployment
from edge.deploy.template import filled

RUNBOOK = "docs/operations.md"
VARNISH_EXPORTER_PORT = 9131  # of prometheus-varnish-exporter, which Debian and others package
ALERTMANAGER = "127.0.0.1:9093"  # where Debian's package listens
ALERTMANAGER_SERVICE = "alertmanager.monitoring.svc:9093"
"""A Service of that name in the namespace that may ask for metrics."""


def files(deployment: Deployment) -> Mapping[str, str]:
    """``prometheus.yml``, ``kubernetes.yml``, ``rules.yml``."""
    ports = {"api": int(deployment.values.get("LECTERN_METRICS_PORT") or API_METRICS_PORT),
             "worker": int(deployment.values.get("LECTERN_WORKER_METRICS_PORT") or WORKER_METRICS_PORT),
             "varnish": VARNISH_EXPORTER_PORT}
    return {
        "prometheus.yml": filled("prometheus", "prometheus.yml.j2", ports=ports, scrape_s=SCRAPE_S, kubernetes=False,
                                 alertmanager=ALERTMANAGER),
        "kubernetes.yml": filled("prometheus", "prometheus.yml.j2", ports=ports, scrape_s=SCRAPE_S, kubernetes=True,
                                 alertmanager=ALERTMANAGER_SERVICE),
        "rules.yml": filled("prometheus", "rules.yml.j2", alerts=ALERTS, runbook=RUNBOOK),
    }
