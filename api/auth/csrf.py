"""Nobody else's page makes a student's browser do anything: checked for every unsafe method of the API, here.

First where the request comes from: ``Sec-Fetch-Site``, which older Safari and plain http do not send,
else ``Origin``, else ``Referer``; where all are missing it is refused. And a token always, made from the
cookie: in the header ``X-CSRF-Token``, or, since ``navigator.sendBeacon`` sends no header, as the body's
member ``csrf``. OWASP ASVS 5.0, 3.5.1. A route that is asked by no browser but by who holds a secret, and signs
each request with it, takes no cookie and so needs none of it. One that reads no cookie and changes nobody's data needs no token.
"""
from __future__ import annotations

import base64
import hashlib
import hmac

import msgspec
from flask import Flask, Response, current_app, request

from api.auth.session_cookie import cookie
from api.bodies import BODY_BYTES
from api.errors import problem
from api.openapi import description_of
from api.problems import CROSS_SITE, FORM_TOKEN

HEADER = "X-CSRF-Token"
MEMBER = "csrf"
_SAFE = ("GET", "HEAD", "OPTIONS")


class _Member(msgspec.Struct):
    csrf: str = ""


def init_app(app: Flask, origins: frozenset[str]) -> None:
    """Refuse what comes from elsewhere than *origins*; to be registered after the limits, so that refusals count."""
    app.config["LECTERN_ORIGINS"] = origins
    app.before_request(check)


def check() -> Response | None:
    """A problem where this request must not be served."""
    if request.method in _SAFE or request.routing_exception is not None or _is_signed():
        return None
    if not _from_here():
        return problem(CROSS_SITE, "This was asked from another site, or by a browser that does not say from where.")
    if _is_anonymous():
        return None
    token = cookie()
    if not token or not hmac.compare_digest(_given().encode("utf-8", "replace"), token_of(token).encode()):
        return problem(FORM_TOKEN, "The form's token is missing or old: ask GET /api/v1/auth/session for it, then send it as "
                                   f"{HEADER}.")
    return None


def token_of(cookie: str) -> str:
    """The token of the forms of the browser that bears *cookie*; it leads back to no cookie, and changes with each log-in."""
    return base64.urlsafe_b64encode(hashlib.sha256(b"csrf:" + cookie.encode()).digest()).decode().rstrip("=")


def _is_signed() -> bool:
    said = description_of(current_app.view_functions[request.endpoint]) if request.endpoint else None
    return said is not None and bool(said.signed)


def _is_anonymous() -> bool:
    said = description_of(current_app.view_functions[request.endpoint]) if request.endpoint else None
    return said is not None and said.anonymous


def _from_here() -> bool:
    origin = request.headers.get("Origin", "")
    if site := request.headers.get("Sec-Fetch-Site"):
        return site == "same-origin" or (site == "same-site" and origin in _origins())
    if origin:
        return origin in _origins()
    referer = request.headers.get("Referer", "") + "/"
    return any(referer.startswith(f"{ours}/") for ours in _origins())


def _origins() -> frozenset[str]:
    found: frozenset[str] = current_app.config["LECTERN_ORIGINS"]
    return found


def _given() -> str:
    if HEADER in request.headers:
        return request.headers[HEADER]
    if (request.content_length or 0) > BODY_BYTES:
        return ""
    try:
        return msgspec.json.decode(request.get_data(cache=True), type=_Member).csrf
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
