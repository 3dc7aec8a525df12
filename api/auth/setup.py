"""Sets an application up for accounts: hashing, the CSRF check, the answers to errors, the providers."""
from __future__ import annotations

from flask import Flask

from api.auth import csrf, errors, oidc_routes, service
from api.auth.passwords import AT_ONCE, Hashing
from api.settings import LOOPBACK, ApiSettings


def init_app(app: Flask, settings: ApiSettings) -> None:
    """To be called after the limits' own, so that what is refused here counts."""
    shared = settings.shared
    app.config.update(LECTERN_HTTPS=shared.https, LECTERN_SITE_NAME=shared.site_name)
    app.extensions[service.HASHING] = Hashing(
        max(1, AT_ONCE // settings.processes), lanes=shared.data if settings.processes > 1 else None)
    csrf.init_app(app, _origins(shared.base_url) | set(settings.cors_origins))
    errors.init_app(app)
    oidc_routes.init_app(app, settings)


def _origins(base_url: str) -> frozenset[str]:
    """Where our pages come from. On loopback all its names are one place."""
    scheme, _, place = base_url.partition("://")
    for name in LOOPBACK:
        if scheme == "http" and (place == name or place.startswith(f"{name}:")):
            return frozenset(f"http://{other}{place.removeprefix(name)}" for other in LOOPBACK)
    return frozenset({base_url})
