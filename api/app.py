"""Wires the API and the site into one WSGI application; nothing else happens here."""
from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask, Request
from werkzeug.routing import MapAdapter

from api import cache, compression, cors, errors, limits, logs, metrics, openapi, ops, playback, pool, security, vitals
from api.auth import setup as auth
from api.auth.routes import blueprint as auth_routes
from api.desk import webhook
from api.desk.routes import blueprint as desk_routes
from api.me.routes import blueprint as me_routes
from api.playback.routes import blueprint as playback_routes
from api.settings import LOOPBACK, ApiSettings
from edge.origin import Origin
from edge.policy import page_headers
from edge.store import open_store
from edge.store.port import Store

Application = Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]


class App(Flask):
    """Flask whose views and hooks are plain functions, so that none need be asked before each call what it is, and whose
    addresses are never made outside of a request, nor told apart by host."""

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """As Flask's, which reads the host twice more. Raises SecurityError where nobody trusts it."""
        if request is None:
            return None
        request.trusted_hosts = self.config["TRUSTED_HOSTS"]
        environ = request.environ
        return MapAdapter(self.url_map, request.host, environ.get("SCRIPT_NAME") or "/", "", environ["wsgi.url_scheme"],
                          request.path, environ["REQUEST_METHOD"], environ.get("QUERY_STRING", ""))

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """*func* itself."""
        return func


def create_app(settings: ApiSettings, store: Store | None = None) -> Flask:
    """The application: the API below ``/api/``, health checks, and the site of *store* everywhere else.

    *store* is opened from the settings where none is given. Raises StoreError.
    """
    shared = settings.shared
    store = store or open_store(shared.store)
    headers = page_headers(https=shared.https, frame_hosts=shared.frame_hosts)

    app = App(__name__, static_folder=None)
    app.config.update(TRUSTED_HOSTS=list(settings.trusted_hosts), MAX_CONTENT_LENGTH=64 * 1024,
                      LECTERN_PROFILE=shared.profile)
    measured = metrics.Metrics()
    metrics.init_app(app, measured)
    logs.init_app(app, behind_proxy=settings.trusted_proxies > 0)
    security.init_app(app, headers, https=shared.https)
    compression.init_app(app)
    cors.init_app(app, settings.cors_origins)
    errors.init_app(app)
    redis = None
    if settings.redis_url:
        from api.shared_redis import SharedRedis  # its library is a tenth of a process's memory

        redis = SharedRedis(settings.redis_url)
    limits.init_app(app, limits.Limits(
        requests=settings.requests_per_window, auth_attempts=settings.auth_attempts_per_window,
        trusted_proxies=settings.trusted_proxies, shared=redis,
        together=shared.data if settings.processes > 1 else None))
    connections = None
    if shared.database_url:
        connections = pool.Pool(shared.database_url, share=settings.connections, replica_dsn=settings.replica_url,
                                observe=measured.observe_query, prepares=not shared.database_direct_url)
    pool.init_app(app, connections)
    cache.init_app(app, cache.Cache(items=cache.ITEMS_PER_INSTANCE // settings.processes, shared=redis))
    auth.init_app(app, settings)
    playback.init_app(app, shared.media)
    checks = {"store": partial(ops.store_works, store)}
    if connections:
        checks["database"] = partial(ops.database_works, connections)
    ops.init_app(app, checks)
    for blueprint in (openapi.blueprint(), auth_routes, me_routes, playback_routes):
        app.register_blueprint(blueprint)
    vitals.init_app(app, measured.registry)
    if shared.desk:
        webhook.init_app(app, settings.hook_secret)
        app.register_blueprint(desk_routes)
    limits.check(app)

    site = Origin(store, headers, profile=shared.profile, secret=shared.media.secret)
    app.wsgi_app = _join(app.wsgi_app, site, ops.current(app))  # type: ignore[method-assign, assignment]  # Flask's way to be wrapped
    return app


def _join(api: Application, site: Application, state: ops.State) -> Application:
    def joined(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        state.begin()
        try:
            if path in (ops.HEALTH, ops.READY):
                environ["HTTP_HOST"] = LOOPBACK[0]  # a probe asks by an address that no setting knows
                return api(environ, start_response)
            if path == "/api" or path.startswith("/api/"):
                environ["lectern.begun"] = time.perf_counter()
                return api(environ, start_response)
            return site(environ, start_response)
        finally:
            state.end()

    return joined
