"""Deployments for tests: settings with a secret of each kind, and what is made of them."""
from __future__ import annotations

from typing import Any

import yaml

from edge import deploy
from edge.deploy.deployment import SECRETS, Deployment, RedisKind
from edge.tiers import PROFILES

SECRET = "s3cret-that-no-file-holds"
VALUES = {
    "LECTERN_BASE_URL": "https://lectures.example", "LECTERN_STORE": "s3://bucket/site",
    "LECTERN_SITE_NAME": "Ada's \"school\" $HOME %h: #1",
    "LECTERN_LOGO": "/home/ada/logo.svg", "LECTERN_CDN": "cloudfront", "LECTERN_DATA": "/srv/lectern/100%", "LECTERN_TRUSTED_PROXIES": "2",
    **dict.fromkeys((*SECRETS, "DATABASE_URL", "DATABASE_DIRECT_URL", "REDIS_URL", "SMTP_URL", "AWS_SECRET_ACCESS_KEY"), SECRET)}


def deployment(profile: str = "100k", *, store: str = "s3://bucket/site", base_url: str = "https://lectures.example", desk: bool = True,
               affinity: bool = True, redis: RedisKind = "single", image: str = "lectern:7") -> Deployment:
    """One with all settings."""
    return Deployment(base_url, profile, store, VALUES, desk=desk, affinity=affinity, redis=redis, image=image)


def all_of() -> list[tuple[str, Deployment]]:
    """Every target with every kind of deployment that changes what is made."""
    kinds = [kind for profile in PROFILES
             for kind in (deployment(profile), deployment(profile, desk=False, affinity=False, redis="cluster"))]
    return [(target, kind) for target in deploy.TARGETS for kind in kinds]


def things(made: Deployment) -> list[dict[str, Any]]:
    """All things of Kubernetes that are made."""
    texts = deploy.files("kubernetes", made).values()
    return [thing for text in texts for thing in yaml.load_all(text, yaml.CSafeLoader)]


def named(made: Deployment) -> dict[str, dict[str, Any]]:
    """The same by kind and name, such as ``Deployment/lectern-api``."""
    found = {f"{thing['kind']}/{thing['metadata']['name']}": thing for thing in things(made)}
    assert len(found) == len(things(made))
    return found


def pods(made: Deployment) -> dict[str, dict[str, Any]]:
    """The pods of all that runs, by the part that they are."""
    found = {}
    for thing in things(made):
        template = thing.get("spec", {}).get("jobTemplate", thing).get("spec", {}).get("template")
        if template:
            found[template["metadata"]["labels"]["part"]] = template
    return found
