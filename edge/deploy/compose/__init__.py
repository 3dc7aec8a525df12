"""Compose: `compose.yaml` and the `Dockerfile` of its images, which Kubernetes runs too. One machine, one file for a store, or a bucket."""
from __future__ import annotations

from collections.abc import Mapping

from edge.deploy.deployment import (
    API_METRICS_PORT,
    API_PORT,
    MEMORY_GIB,
    PROCESSES,
    RECYCLED_MIB,
    WORKER_METRICS_PORT,
    Deployment,
)
from edge.deploy.template import filled

ETC = "/etc/lectern"


def files(deployment: Deployment) -> Mapping[str, str]:
    """``compose.yaml``, ``Dockerfile``, ``Dockerfile.dockerignore``. Raises SettingsError for a file whose name cannot be one elsewhere."""
    values = {
        "d": deployment, "plain": deployment.plain(ETC), "etc": ETC, "api_port": API_PORT, "api_metrics_port": API_METRICS_PORT,
        "worker_metrics_port": WORKER_METRICS_PORT, "processes": PROCESSES, "memory_gib": MEMORY_GIB, "recycled_mib": RECYCLED_MIB,
        "bucket": deployment.store.startswith("s3://"),
    }
    return {"compose.yaml": filled("compose", "compose.yaml.j2", **values), "Dockerfile": filled("compose", "dockerfile.j2", **values),
            "Dockerfile.dockerignore": filled("compose", "dockerignore.j2")}
