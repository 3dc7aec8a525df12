"""The security headers of every answer: the pages' own policy, through flask-talisman."""
from __future__ import annotations

from flask import Flask, Response
from flask_talisman import Talisman

from edge.policy import Headers


def init_app(app: Flask, headers: Headers, *, https: bool) -> None:
    """Send *headers* with every answer of *app*; cookies go over TLS only where there is TLS."""
    policy = dict(headers)
    Talisman(
        app,
        # The edge sends readers to https. Here the scheme is what a proxy claims, in any spelling.
        force_https=False,
        strict_transport_security=False,  # its own asks the scheme again; ours is in the policy
        content_security_policy=policy["Content-Security-Policy"],
        permissions_policy=policy["Permissions-Policy"],
        referrer_policy=policy["Referrer-Policy"],
        frame_options=policy["X-Frame-Options"],
        session_cookie_secure=https,
    )

    def add(answer: Response) -> Response:
        for name, value in headers:
            answer.headers.setdefault(name, value)  # those that talisman does not know
        return answer

    app.after_request(add)
