"""The caches in front of the store, as what can be told to forget: one port, an adapter a CDN, one function that opens them."""
from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.cdn.port import Purger
    from edge.settings import Settings


def open_purgers(settings: Settings) -> list[Purger]:
    """A purger for each CDN that LECTERN_CDN names, in that order; [] for none. Nothing is asked yet."""
    return [_open(name, settings) for name in settings.cdn.names]


def _open(name: str, settings: Settings) -> Purger:
    cdn = settings.cdn
    # Late imports: a command that purges nothing loads no client.
    match name:
        case "varnish":
            from edge.cdn.varnish import Varnish

            return Varnish(cdn.varnish_urls, settings.base_url)
        case "nginx":
            from edge.cdn.nginx import Nginx

            return Nginx(cdn.nginx_urls, settings.base_url)
        case "cloudfront":
            from edge.cdn.cloudfront import CloudFront

            return CloudFront(cdn.cloudfront_distribution)
        case "fastly":
            from edge.cdn.fastly import Fastly

            return Fastly(cdn.fastly_service, cdn.fastly_token, settings.base_url)
        case "cloudflare":
            from edge.cdn.cloudflare import Cloudflare

            return Cloudflare(cdn.cloudflare_zone, cdn.cloudflare_token, settings.base_url, plan=cdn.cloudflare_plan)
    raise KeyError(name)
