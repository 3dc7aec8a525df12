"""nginx: `nginx.conf`, and `purge.js`, by which it forgets, for nginx 1.22 and later with njs.

It stands before `serve`, never before a bucket: nothing in it makes a 301 or a 410 of an object's metadata. What is answered
to PURGE is told in edge.cdn.nginx, which sends it.
"""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from edge.config.cache_node import CacheNode
from edge.config.template import filled
from edge.config.timeouts import API_FIRST_BYTE_S, BETWEEN_BYTES_S, CONNECT_S, FIRST_BYTE_S, RETRY_S
from edge.errors import SettingsError
from edge.tiers import ADDRESS_CEILING, ERROR_S, PROFILES, STALE_IF_ERROR_S, WINDOW_S

CACHE_MB = 4096


def files(node: CacheNode) -> Mapping[str, str]:
    """``nginx.conf`` and ``purge.js``. Raises SettingsError for a bucket, and for shields, which nginx cannot share pages among."""
    if node.bucket:
        raise SettingsError("nginx makes no 301 or 410 of a bucket's objects: give --origin, where `serve` reads it by LECTERN_STORE.")
    if node.shields or node.edges:
        raise SettingsError("Two tiers are of Varnish: nginx cannot purge by tag, so take --shield and --edge out.")
    profile = PROFILES[node.profile]
    window_requests = profile.requests_per_window * ADDRESS_CEILING
    text = filled(
        "nginx.conf.j2", profile=node.profile, host=node.host, scheme=urlsplit(node.base_url).scheme, headers=node.headers,
        origin=node.origin, api=node.api, purgers=node.purgers, listen=node.listen, origin_connections=profile.origin_connections,
        api_rate=window_requests * 60 // WINDOW_S, api_burst=window_requests // 10, lines=2 * profile.requests_per_window,
        connect_s=CONNECT_S, first_byte_s=FIRST_BYTE_S, between_bytes_s=BETWEEN_BYTES_S, api_first_byte_s=API_FIRST_BYTE_S,
        error_s=ERROR_S, stale_if_error_s=STALE_IF_ERROR_S, retry_s=RETRY_S, cache_mb=CACHE_MB)
    return {"nginx.conf": text, "purge.js": (Path(__file__).parent / "purge.js").read_text()}
