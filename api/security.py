"""The security headers of every answer: the pages' own policy, composed by flask-talisman once, at the start.

They differ from no request to the next. Talisman would compose them anew for each answer, which took a
fifth of the time of an answer from the cache; so it is asked once, and its headers are set on the way out,
where no view can have weakened them.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask, Response
from flask_talisman import Talisman

from edge.policy import Headers

Application = Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]


def init_app(app: Flask, headers: Headers, *, https: bool) -> None:
    """Send *headers* with every answer of *app*, in place of a view's own; cookies go over TLS only where there is TLS."""
    policy = dict(headers)
    composer = Flask(__name__, static_folder=None)
    talisman = Talisman(
        composer,
        # The edge sends readers to https. Here the scheme is what a proxy claims, in any spelling.
        force_https=False,
        strict_transport_security=False,  # its own asks the scheme again; ours is in the policy
        content_security_policy=policy["Content-Security-Policy"],
        permissions_policy=policy["Permissions-Policy"],
        referrer_policy=policy["Referrer-Policy"],
        frame_options=policy["X-Frame-Options"],
        session_cookie_secure=https,
    )
    app.config.update(SESSION_COOKIE_SECURE=https, SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Lax")
    with composer.test_request_context():
        composed = talisman._set_response_headers(Response()).headers
    for name, value in headers:
        composed.setdefault(name, value)  # those that talisman does not know
    ours = [(name, value) for name, value in composed if not name.startswith("Content-") or name in policy]
    app.wsgi_app = _with(ours, app.wsgi_app)  # type: ignore[method-assign, assignment]  # Flask's way to be wrapped


def _with(ours: list[tuple[str, str]], application: Application) -> Application:
    names = frozenset(name.lower() for name, _ in ours)

    def secured(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *error: object) -> object:
            kept = [header for header in headers if header[0].lower() not in names]
            return start_response(status, kept + ours, *error)  # type: ignore[arg-type]  # what came with it goes on as it is

        return application(environ, start)  # type: ignore[arg-type]  # the type names its error too

    return secured
