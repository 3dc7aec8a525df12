"""Varnish: `default.vcl`, in VCL 4.1 for Varnish 7 with varnish-modules (xkey, vsthrottle, header).

What of it is answered to PURGE is told in edge.cdn.varnish, which sends it.
"""
from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from edge.config.cache_node import CacheNode, Upstream
from edge.config.template import filled
from edge.config.timeouts import API_FIRST_BYTE_S, BETWEEN_BYTES_S, CONNECT_S, FIRST_BYTE_S, RETRY_S
from edge.errors import SettingsError
from edge.policy import PART_TYPES, SCRIPT_TYPE, SCRIPTS, of_parts
from edge.tiers import (
    ADDRESS_CEILING,
    DAY_S,
    EDGE_TIERS,
    ERROR_S,
    FAULT_S,
    FLOOD_WINDOW_S,
    PROFILES,
    REFUSED_S,
    STALE_IF_ERROR_S,
    WINDOW_S,
    cache_control,
    stale_s,
)

KEEP_S = 7 * DAY_S  # an object may be asked for by If-None-Match so long past its time
IDLE_S = 75  # a reader's connection waits so long for the next page; Varnish's own 5 s cost each page a handshake


def files(node: CacheNode) -> Mapping[str, str]:
    """``default.vcl``. Raises SettingsError where a server is to be asked by TLS, which Varnish cannot."""
    servers = [("api", node.api)]
    for upstream in (node.origin, node.api, *node.shields):
        if upstream.scheme != "http":
            raise SettingsError(f"Varnish asks no server by TLS, so not {upstream.scheme}://{upstream.address}: name one that is reached "
                                "by http://, such as `serve`, or a proxy that speaks TLS to the bucket.")
    if node.shields and node.bucket:
        raise SettingsError("An edge before shields asks no bucket: give --bucket to the shields, and not here.")
    pages: list[tuple[str, Upstream]] = [(f"shield{n}", at) for n, at in enumerate(node.shields)] or [("origin", node.origin)]
    profile = PROFILES[node.profile]
    times = {cache_control(tier, node.profile): stale_s(tier, node.profile) for tier in EDGE_TIERS}
    text = filled(
        "varnish.vcl.j2", profile=node.profile, host=node.host, scheme=urlsplit(node.base_url).scheme, backends=pages + servers,
        host_header=node.host, shields=[name for name, _ in pages] if node.shields else [], bucket=node.bucket, origin=node.origin,
        probe_target=f"{node.origin.path if node.bucket else ''}/robots.txt",
        probe_host=node.origin.host_header if node.bucket else node.host,
        purgers=node.purgers, edges=node.edges, connect_s=CONNECT_S, first_byte_s=FIRST_BYTE_S, between_bytes_s=BETWEEN_BYTES_S,
        api_first_byte_s=API_FIRST_BYTE_S, origin_connections=profile.origin_connections, keep_s=KEEP_S, retry_s=RETRY_S, idle_s=IDLE_S,
        api_requests=profile.requests_per_window * ADDRESS_CEILING, window_s=WINDOW_S, misses=profile.requests_per_window,
        flood_window_s=FLOOD_WINDOW_S, error_s=ERROR_S, fault_s=FAULT_S, refused_s=REFUSED_S, stale_if_error_s=STALE_IF_ERROR_S,
        stale=sorted(times.items()), spelling=cache_control("spelling", node.profile), error=cache_control("error", node.profile),
        headers=of_parts(node.headers), document_headers=[h for h in node.headers if h not in of_parts(node.headers)],
        part_types=PART_TYPES, script_type=SCRIPT_TYPE, scripts=SCRIPTS)
    return {"default.vcl": text}
