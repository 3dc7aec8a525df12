"""One cache of the site: what it fetches from, who may purge it, which site it serves."""
from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

from edge.errors import SettingsError
from edge.policy import Headers

LOOPBACK = ("127.0.0.1", "::1")
LISTEN_PORT = 8080

_PATH = re.compile(r"[A-Za-z0-9/._~-]*")
_HOST = re.compile(r"[A-Za-z0-9._:-]{1,253}")


class Upstream(NamedTuple):
    """A server that a cache asks. *path* goes before every object's key: "" or ``/bucket/prefix``."""

    scheme: str
    host: str
    port: int
    path: str = ""

    @property
    def address(self) -> str:
        """Host and port, an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def host_header(self) -> str:
        """What a request's Host is to be, without the scheme's own port."""
        return self.address.rpartition(":")[0] if self.port == _PORTS[self.scheme] else self.address


@dataclass(frozen=True, slots=True)
class CacheNode:
    """One cache of the site.

    *origin* is `serve`, or, where *bucket* holds, a bucket's own HTTP address. *shields*: caches to fetch pages from in its stead,
    each of which has a share of them. *edges*: networks of the caches that fetch from this one. *purgers*: networks that may purge.
    *store* is LECTERN_STORE, and *media_key_id* names the public key of protected media, for CloudFront, which reads the bucket by right.
    """

    base_url: str
    profile: str
    headers: Headers  # of edge.policy
    origin: Upstream
    api: Upstream
    bucket: bool = False
    shields: tuple[Upstream, ...] = ()
    edges: tuple[str, ...] = ()
    purgers: tuple[str, ...] = LOOPBACK
    listen: int = LISTEN_PORT
    store: str = ""
    media_key_id: str = ""

    @property
    def host(self) -> str:
        """The site's host as readers write it, with a port that is not the scheme's own."""
        return urlsplit(self.base_url).netloc


def upstream(text: str, option: str) -> Upstream:
    """The server at the URL *text*. Raises SettingsError, naming *option*, where it is no address that may stand in a configuration."""
    try:
        parts = urlsplit(text)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:  # a port that is none, or half an IPv6 address
        parts, port = urlsplit(""), 0
    host, path = parts.hostname or "", parts.path.rstrip("/")
    if not port or not _HOST.fullmatch(host) or not _PATH.fullmatch(path) or parts.query or parts.fragment or "@" in parts.netloc:
        raise SettingsError(f"{option} is {text!r}: write scheme, host and port, such as http://10.0.0.5:8000.")
    return Upstream(parts.scheme, host, port, path)


def networks(texts: Iterable[str], option: str) -> tuple[str, ...]:
    """Addresses and networks as they may stand in a configuration. Raises SettingsError, naming *option*."""
    found = []
    for text in texts:
        try:
            network = ipaddress.ip_network(text.strip())
        except ValueError as error:
            raise SettingsError(f"{option} is {text!r}: write an address or a network, such as 10.0.0.0/24.") from error
        found.append(str(network.network_address) if network.num_addresses == 1 else str(network))
    return tuple(dict.fromkeys(found))


_PORTS = {"http": 80, "https": 443}
