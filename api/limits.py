"""How often a client may ask: one window over the whole API, counted before anything else is done.

The count is kept in this process. The server is one process, so the limit is the profile's; more
processes need a shared store first, or each would give the whole limit again.
"""
from __future__ import annotations

import time
from ipaddress import IPv6Address, ip_address

from flask import Flask, Response, g, request
from flask_limiter import Limiter
from limits import RateLimitItemPerSecond

from api.errors import problem
from edge.tiers import WINDOW_S

EXEMPT = ("/healthz", "/readyz")  # asked by what keeps the server alive
_SCOPE = "requests"
_IPV6_NETWORK_BITS = 64  # what one subscriber holds


def init_app(app: Flask, requests_per_window: int) -> Limiter:
    """Refuse a client's requests beyond *requests_per_window*; must be registered before all else.

    Counted here, not as the extension's application limit: that one never sees an unknown path or a
    wrong method, and its headers tell every answer to retry after the whole window.
    """
    limiter = Limiter(client, app=app, storage_uri="memory://", strategy="moving-window", headers_enabled=False)
    limit = RateLimitItemPerSecond(requests_per_window, WINDOW_S)

    def count() -> Response | None:
        if request.method == "OPTIONS" or request.path in EXEMPT:
            return None
        g.client = client()
        if limiter.limiter.hit(limit, _SCOPE, g.client):
            return None
        answer = problem(429, f"More than {limit.amount} requests in {WINDOW_S // 60} minutes: wait, then go on.")
        answer.headers["Retry-After"] = str(_reset_s())
        return answer

    def tell(answer: Response) -> Response:
        """RateLimit fields as draft-ietf-httpapi-ratelimit-headers has them, seconds and not clock times."""
        if "client" in g:
            left = limiter.limiter.get_window_stats(limit, _SCOPE, g.client).remaining
            answer.headers["RateLimit-Policy"] = f'"{_SCOPE}";q={limit.amount};w={WINDOW_S}'
            answer.headers["RateLimit"] = f'"{_SCOPE}";r={left};t={_reset_s()}'
        return answer

    def _reset_s() -> int:
        reset = limiter.limiter.get_window_stats(limit, _SCOPE, g.client).reset_time
        return max(1, round(reset - time.time()))

    app.before_request_funcs.setdefault(None, []).insert(0, count)
    app.after_request(tell)
    return limiter


def client() -> str:
    """Who is asking, as far as counting goes: an IPv4 address or an IPv6 network. Never raises, never empty."""
    try:
        address = ip_address(request.remote_addr or "")
    except ValueError:
        return "unknown"
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return f"{IPv6Address(int(address) >> _IPV6_NETWORK_BITS << _IPV6_NETWORK_BITS)}/{_IPV6_NETWORK_BITS}"
    return str(address)
