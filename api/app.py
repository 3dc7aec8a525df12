"""Wires the API and the site into one WSGI application; nothing else happens here."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask
from flask_compress import Compress

from api import errors, limits, ops, security
from api.settings import LOOPBACK, ApiSettings
from edge.origin import Origin
from edge.policy import page_headers
from edge.store import open_store
from edge.store.port import Store

Application = Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]

COMPRESSION: dict[str, Any] = {
    "COMPRESS_ALGORITHM": ["br", "zstd", "gzip"],
    "COMPRESS_LEVEL": 6,
    "COMPRESS_MIN_SIZE": 500,
    "COMPRESS_MIMETYPES": ["application/json", errors.MEDIA_TYPE, "text/html", "text/plain"],
    "COMPRESS_STREAMS": False,  # a body of unknown length grows rather than shrinks
    "COMPRESS_CACHE_BACKEND": None,  # keyed by path it would hand one student another's answer
}


def create_app(settings: ApiSettings, store: Store | None = None) -> Flask:
    """The application: the API below ``/api/``, health checks, and the site of *store* everywhere else.

    *store* is opened from the settings where none is given. Raises StoreError.
    """
    shared = settings.shared
    store = store or open_store(shared.store)
    headers = page_headers(https=shared.https, frame_hosts=shared.frame_hosts)

    app = Flask(__name__, static_folder=None)
    app.config.update(COMPRESSION, TRUSTED_HOSTS=list(settings.trusted_hosts), MAX_CONTENT_LENGTH=64 * 1024)
    security.init_app(app, headers, https=shared.https)
    Compress(app)
    errors.init_app(app)
    limits.init_app(app, settings.requests_per_window)
    checks = {"store": partial(ops.store_works, store)}
    if shared.database_url:
        checks["database"] = partial(ops.database_works, shared.database_url)
    app.register_blueprint(ops.blueprint(checks))

    site = Origin(store, headers, profile=shared.profile)
    app.wsgi_app = _join(app.wsgi_app, site)  # type: ignore[method-assign, assignment]
    return app


def _join(api: Application, site: Application) -> Application:
    def joined(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path in (ops.HEALTH, ops.READY):
            environ["HTTP_HOST"] = LOOPBACK[0]  # a probe asks by an address that no setting knows
            return api(environ, start_response)
        return (api if path == "/api" or path.startswith("/api/") else site)(environ, start_response)

    return joined
