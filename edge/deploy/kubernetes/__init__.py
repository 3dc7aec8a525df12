"""Kubernetes: `lectern.yaml`, all that runs, and `migrate.yaml`, the Job that goes before it.

A bucket holds the store, a database of your own or a managed one the rows. Secrets are named, never held: docs/deploy.md says
what each must hold and how it is made.
"""
from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from edge.deploy.deployment import (
    API_METRICS_PORT,
    API_PORT,
    INSTANCES,
    MEMORY_GIB,
    POOLER_PORT,
    PROCESSES,
    RECYCLED_MIB,
    WORKER_METRICS_PORT,
    Deployment,
)
from edge.deploy.kubernetes import ports
from edge.deploy.template import filled

ETC = "/etc/lectern"
POOLERS = 2
SERVER_CONNECTIONS = 60
"""What each pooler opens at the database: 120 in all are what a server of 16 cores works on at once, and leave room in the usual
max_connections of 200 for builder, desk and people."""

_PARTS = ("settings.yaml.j2", "api.yaml.j2", "worker.yaml.j2", "pooler.yaml.j2", "redis.yaml.j2", "ingress.yaml.j2", "network.yaml.j2")


def files(deployment: Deployment) -> Mapping[str, str]:
    """``lectern.yaml`` and ``migrate.yaml``. Raises SettingsError where the store is a file, or the site has no public address."""
    deployment.needs_bucket("Kubernetes")
    plain = deployment.plain(ETC)
    told = json.dumps([deployment.base_url, deployment.profile, plain])
    values = {
        "d": deployment, "profile": deployment.times, "plain": plain, "etc": ETC, "api_port": API_PORT,
        "settings_digest": hashlib.sha256(told.encode()).hexdigest()[:16],
        "api_metrics_port": API_METRICS_PORT, "worker_metrics_port": WORKER_METRICS_PORT, "pooler_port": POOLER_PORT,
        "processes": PROCESSES, "memory_gib": MEMORY_GIB, "recycled_mib": RECYCLED_MIB, "least": INSTANCES[0], "most": INSTANCES[1],
        "ports": {name: of(deployment.values) for name, of in (("web", ports.web), ("worker", ports.worker), ("database", ports.database))},
        "poolers": POOLERS, "server_connections": SERVER_CONNECTIONS,
    }
    parts = [filled("kubernetes", part, **values) for part in _PARTS]
    head = filled("kubernetes", "head.yaml.j2", **values)
    return {"lectern.yaml": head + "".join(f"---\n{part}" for part in parts),
            "migrate.yaml": filled("kubernetes", "migrate.yaml.j2", **values)}
