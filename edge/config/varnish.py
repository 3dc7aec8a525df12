"""Varnish: `default.vcl`, in VCL 4.1 for Varnish 7 with varnish-modules (xkey, vsthrottle, header).

What of it is answered to PURGE is told in edge.cdn.varnish, which sends it.
"""
from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from edge.cdn.varnish import FETCH_S
from edge.config.place import Place, Upstream
from edge.config.template import filled
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

CONNECT_S, FIRST_BYTE_S, BETWEEN_BYTES_S = 2, 9, 3
"""A fetch of a page. In sum less than FETCH_S, after which the second purge finds whatever was stored late."""

API_FIRST_BYTE_S = 30  # the API waits 10 s for a connection of the pool alone
KEEP_S = 7 * DAY_S  # an object may be asked for by If-None-Match so long past its time
RETRY_S = 5
IDLE_S = 75  # a reader's connection waits so long for the next page; Varnish's own 5 s cost each page a handshake

assert CONNECT_S + FIRST_BYTE_S + BETWEEN_BYTES_S < FETCH_S


def files(place: Place) -> Mapping[str, str]:
    """``default.vcl``. Raises SettingsError where a server is to be asked by TLS, which Varnish cannot."""
    servers = [("api", place.api)]
    for upstream in (place.origin, place.api, *place.shields):
        if upstream.scheme != "http":
            raise SettingsError(f"Varnish asks no server by TLS, so not {upstream.scheme}://{upstream.address}: name one that is reached "
                                "by http://, such as `serve`, or a proxy that speaks TLS to the bucket.")
    if place.shields and place.bucket:
        raise SettingsError("An edge before shields asks no bucket: give --bucket to the shields, and not here.")
    pages: list[tuple[str, Upstream]] = [(f"shield{n}", at) for n, at in enumerate(place.shields)] or [("origin", place.origin)]
    profile = PROFILES[place.profile]
    times = {cache_control(tier, place.profile): stale_s(tier, place.profile) for tier in EDGE_TIERS}
    text = filled(
        "varnish.vcl.j2", profile=place.profile, host=place.host, scheme=urlsplit(place.base_url).scheme, backends=pages + servers,
        host_header=place.host, shields=[name for name, _ in pages] if place.shields else [], bucket=place.bucket, origin=place.origin,
        probe_target=f"{place.origin.path if place.bucket else ''}/robots.txt",
        probe_host=place.origin.host_header if place.bucket else place.host,
        purgers=place.purgers, edges=place.edges, connect_s=CONNECT_S, first_byte_s=FIRST_BYTE_S, between_bytes_s=BETWEEN_BYTES_S,
        api_first_byte_s=API_FIRST_BYTE_S, origin_connections=profile.origin_connections, keep_s=KEEP_S, retry_s=RETRY_S, idle_s=IDLE_S,
        api_requests=profile.requests_per_window * ADDRESS_CEILING, window_s=WINDOW_S, misses=profile.requests_per_window,
        flood_window_s=FLOOD_WINDOW_S, error_s=ERROR_S, fault_s=FAULT_S, refused_s=REFUSED_S, stale_if_error_s=STALE_IF_ERROR_S,
        stale=sorted(times.items()), spelling=cache_control("spelling", place.profile), error=cache_control("error", place.profile),
        headers=of_parts(place.headers), document_headers=[h for h in place.headers if h not in of_parts(place.headers)],
        part_types=PART_TYPES, script_type=SCRIPT_TYPE, scripts=SCRIPTS)
    return {"default.vcl": text}
