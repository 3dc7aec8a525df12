"""Which CDNs to purge, as the settings name them: nothing heavy is loaded for it."""
from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from edge.errors import SettingsError

NAMES: dict[str, str] = {
    "LECTERN_CDN": "the caches to purge, comma-separated: varnish, nginx, cloudfront, fastly, cloudflare; default none",
    "LECTERN_VARNISH_URL": "Varnish instances that take PURGE, comma-separated, a shield first, such as http://10.0.0.5:6081",
    "LECTERN_NGINX_URL": "nginx instances that take PURGE, comma-separated, such as http://10.0.0.5:8080",
    "LECTERN_CLOUDFRONT_DISTRIBUTION": "id of the CloudFront distribution; credentials as AWS tools find them",
    "LECTERN_FASTLY_SERVICE": "id of the Fastly service",
    "LECTERN_FASTLY_TOKEN": "Fastly API token that may purge (purge_select, purge_all)",
    "LECTERN_CLOUDFLARE_ZONE": "id of the Cloudflare zone",
    "LECTERN_CLOUDFLARE_TOKEN": "Cloudflare API token with the right Cache Purge",
    "LECTERN_CLOUDFLARE_PLAN": "the account's plan, which sets how often it may purge: free, pro, business or enterprise; default free",
}

CDNS: dict[str, tuple[str, ...]] = {
    "varnish": ("LECTERN_VARNISH_URL",),
    "nginx": ("LECTERN_NGINX_URL",),
    "cloudfront": ("LECTERN_CLOUDFRONT_DISTRIBUTION",),
    "fastly": ("LECTERN_FASTLY_SERVICE", "LECTERN_FASTLY_TOKEN"),
    "cloudflare": ("LECTERN_CLOUDFLARE_ZONE", "LECTERN_CLOUDFLARE_TOKEN"),
}
"""Each CDN and the settings that it needs."""

PLANS = ("free", "pro", "business", "enterprise")

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SECRET = re.compile(r"[!-~]{1,512}")


@dataclass(frozen=True, slots=True)
class Cdns:
    """Names of the CDNs and what each needs. Secrets are not shown by repr."""

    names: tuple[str, ...] = ()
    varnish_urls: tuple[str, ...] = ()
    nginx_urls: tuple[str, ...] = ()
    cloudfront_distribution: str = ""
    fastly_service: str = ""
    fastly_token: str = field(default="", repr=False)
    cloudflare_zone: str = ""
    cloudflare_token: str = field(default="", repr=False)
    cloudflare_plan: str = "free"


def read_cdns(values: Mapping[str, str]) -> Cdns:
    """The CDNs that *values* name. Raises SettingsError, naming the setting, where one is wrong or missing."""
    names = tuple(dict.fromkeys(name.strip().lower() for name in values.get("LECTERN_CDN", "none").split(",") if name.strip()))
    if names == ("none",):
        names = ()
    for name in names:
        if name not in CDNS:
            raise SettingsError(f"LECTERN_CDN is {values['LECTERN_CDN']!r}: it must be none, or some of {', '.join(CDNS)}.")
        for needed in CDNS[name]:
            if not values.get(needed, "").strip():
                raise SettingsError(f"LECTERN_CDN names {name}, which needs {needed}: {NAMES[needed]}.")
    plan = values.get("LECTERN_CLOUDFLARE_PLAN", "free").strip().lower()
    if plan not in PLANS:
        raise SettingsError(f"LECTERN_CLOUDFLARE_PLAN is {plan!r}: it must be one of {', '.join(PLANS)}.")
    return Cdns(
        names, _urls(values, "LECTERN_VARNISH_URL"), _urls(values, "LECTERN_NGINX_URL"), _plain(values, "LECTERN_CLOUDFRONT_DISTRIBUTION"),
        _plain(values, "LECTERN_FASTLY_SERVICE"), _secret(values, "LECTERN_FASTLY_TOKEN"),
        _plain(values, "LECTERN_CLOUDFLARE_ZONE"), _secret(values, "LECTERN_CLOUDFLARE_TOKEN"), plan)


def _urls(values: Mapping[str, str], name: str) -> tuple[str, ...]:
    urls = tuple(dict.fromkeys(url.strip().rstrip("/") for url in values.get(name, "").split(",") if url.strip()))
    for url in urls:
        try:
            parts = urlsplit(url)
            good = parts.scheme in ("http", "https") and bool(parts.hostname) and url.isascii() and parts.port != 0
        except ValueError:  # a port that is none, or half an IPv6 address
            good = False
        if not good or parts.path or parts.query or parts.fragment or "@" in parts.netloc or re.search(r"\s", url):
            raise SettingsError(f"{name} names {url!r}: write scheme, host and port only, such as http://10.0.0.5:6081.")
    return urls


def _plain(values: Mapping[str, str], name: str) -> str:
    text = values.get(name, "").strip()
    if text and not _ID.fullmatch(text):
        raise SettingsError(f"{name} is {text!r}: an id has letters, digits, hyphens and underscores only.")
    return text


def _secret(values: Mapping[str, str], name: str) -> str:
    text = values.get(name, "").strip()
    if text and not _SECRET.fullmatch(text):
        raise SettingsError(f"{name} holds a space or a letter that no token has: copy it anew.")  # not shown
    return text
