"""Which other origins' scripts may ask the API: those that are named in full, and nobody else (the Fetch standard)."""
from __future__ import annotations

from collections.abc import Iterable

from flask import Flask, Response, request
from flask_cors import CORS

from api import vary

MAX_AGE_S = 600  # a preflight's; browsers cap it anyhow
_ASKED_HEADERS = ("Content-Type", "X-CSRF-Token", "If-None-Match")
_TOLD_HEADERS = ("ETag", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-ID")


def init_app(app: Flask, origins: Iterable[str]) -> None:
    """Let *origins* ask, cookies included; settings hold no patterns, which flask-cors would match loosely."""
    allowed = list(origins)
    if not allowed:
        return
    CORS(app, origins=allowed, supports_credentials=True, always_send=False, max_age=MAX_AGE_S, allow_headers=_ASKED_HEADERS,
         expose_headers=_TOLD_HEADERS, methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])

    tell_origin = app.after_request_funcs[None].pop()  # flask-cors' own, which has nothing to say to who names no origin

    def tell(answer: Response) -> Response:
        """Refused or not: a cache must not hand one origin's answer to another."""
        if "HTTP_ORIGIN" in (environ := request.environ):
            tell_origin(answer)
        if environ["PATH_INFO"].startswith("/api/"):
            vary.add(answer, "Origin")
        return answer

    app.after_request(tell)
