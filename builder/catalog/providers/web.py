"""The web as refresh asks it: bounded in time, bytes and hops, and never into a private network.

Addresses in the catalog are typed by people, so each hop's host is resolved here, every address of it must be a
public one, and the connection goes to the very address that was checked.
"""
from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import quote, urljoin, urlsplit

import urllib3

HOPS = 5  # redirects followed
ADDRESSES = 3  # of one host that are tried, where one takes no connection
CONNECT_S = 5.0
READ_S = 10.0  # between two bytes
TOTAL_S = 20.0  # a request with its redirects and body
TEXT_BYTES = 1 << 20  # a JSON answer or a page's head is far smaller
_CHUNK = 1 << 16
_KEPT = "%/:=&?~+!$,;'@()*[]|"  # what may stand raw in a path or query, and escapes that are there
_REDIRECTS = (301, 302, 303, 307, 308)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_6TO4 = ipaddress.ip_network("2002::/16")

Resolve = Callable[[str, int], Sequence[str]]
"""The addresses of a host and port, as text. Raises OSError where there are none."""


class Unreachable(Exception):
    """No answer came that could be read; the message says why, without the address's query."""


class Reply(NamedTuple):
    """A whole answer. `url` is where the last redirect led; header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


class Web:
    """Fetches. One object serves many threads."""

    def __init__(self, agent: str, *, private_hosts: Sequence[str] = (), resolve: Resolve | None = None) -> None:
        """*agent*: what we call ourselves. *private_hosts*: ``host`` or ``host:port`` that may be private."""
        self._agent = agent
        self._private = frozenset(private_hosts)
        self._resolve = resolve or _resolve
        self._pools: dict[tuple[str, str, int, str], urllib3.HTTPConnectionPool] = {}
        self._lock = threading.Lock()

    def fetch(self, url: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, most_bytes: int = TEXT_BYTES,
              hops: int = HOPS) -> Reply:
        """The answer to one request, whatever its status; redirects are followed. Raises Unreachable.

        A body of more than *most_bytes* is none. Credentials in *headers* go to the first host only.
        """
        ends = time.monotonic() + TOTAL_S
        asked = {"User-Agent": self._agent, "Accept-Encoding": "gzip, identity", **(headers or {})}
        first = ""
        for _ in range(hops + 1):
            reply = self._once(url, method, asked, most_bytes, ends)
            if reply.status not in _REDIRECTS or not (location := reply.headers.get("location")):
                return reply
            with _told():
                first = first or urlsplit(url).netloc
                url = urljoin(url, location)
                if urlsplit(url).netloc != first:
                    asked.pop("Authorization", None)
        raise Unreachable(f"it redirects more than {hops} times")

    def close(self) -> None:
        """Close what is open."""
        with self._lock:
            pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            pool.close()

    def _once(self, url: str, method: str, headers: Mapping[str, str], most_bytes: int, ends: float) -> Reply:
        with _told():
            scheme, host, port, named, target = _parts(url)
            response = self._answer(scheme, host, port, method, target, {**headers, "Host": named}, ends)
            passed_on = response.status in _REDIRECTS and "location" in response.headers
            try:
                body = b"" if method == "HEAD" or passed_on else _body(response, most_bytes, ends)
            except BaseException:
                response.close()
                raise
            if passed_on:
                response.close()  # its body is not read
            else:
                response.release_conn()
            return Reply(response.status, {name.lower(): value for name, value in response.headers.items()}, body, url)

    def _answer(self, scheme: str, host: str, port: int, method: str, target: str, headers: Mapping[str, str],
                ends: float) -> urllib3.BaseHTTPResponse:
        """The answer of the first of the host's addresses that takes a connection."""
        addresses = self._addresses(host, port)
        for address in addresses:
            if (left_s := ends - time.monotonic()) <= 0:
                break
            try:
                return self._pool(scheme, host, port, address).urlopen(
                    method, target, headers=headers, redirect=False, retries=False, preload_content=False, assert_same_host=False,
                    timeout=urllib3.Timeout(connect=min(CONNECT_S, left_s), read=min(READ_S, left_s)))
            except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError):
                if address == addresses[-1]:
                    raise
        raise Unreachable(f"it took more than {TOTAL_S:.0f} s")

    def _pool(self, scheme: str, host: str, port: int, address: str) -> urllib3.HTTPConnectionPool:
        """Connections to the one address that was checked; a certificate is the host's all the same."""
        key = (scheme, host, port, address)
        with self._lock:
            if key not in self._pools:
                self._pools[key] = (
                    urllib3.HTTPSConnectionPool(address, port, maxsize=4, server_hostname=host, assert_hostname=host)
                    if scheme == "https" else urllib3.HTTPConnectionPool(address, port, maxsize=4))
            return self._pools[key]

    def _addresses(self, host: str, port: int) -> list[str]:
        try:
            addresses = list(self._resolve(host, port))
        except OSError as error:
            raise Unreachable(f"the host {host} is not known") from error
        if not addresses:
            raise Unreachable(f"the host {host} is not known")
        # One private address among public ones is how a guard is led astray: all must be public.
        if not {host, f"{host}:{port}"} & self._private and not all(is_public(address) for address in addresses):
            raise Unreachable(f"the host {host} is in a private network: name it in LECTERN_REFRESH_PRIVATE_HOSTS if it is yours")
        return list(dict.fromkeys(addresses))[:ADDRESSES]


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet, also where it wraps another one."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return is_public(str(found.ipv4_mapped))
        if found in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)))
        if found in _6TO4:
            return False
    return found.is_global and not found.is_multicast


def _parts(url: str) -> tuple[str, str, int, str, str]:
    """Scheme, host, port, the Host to name, and the request's target. Raises Unreachable, ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Unreachable("it is no address of http or https")
    if parts.username is not None or parts.password is not None:
        raise Unreachable("its address holds a user name")
    host = parts.hostname if parts.hostname.isascii() else parts.hostname.encode("idna").decode()
    port = parts.port or (443 if parts.scheme == "https" else 80)
    named = f"[{host}]" if ":" in host else host
    target = quote(parts.path or "/", safe=_KEPT) + (f"?{quote(parts.query, safe=_KEPT)}" if parts.query else "")
    return parts.scheme, host, port, named if parts.port is None else f"{named}:{parts.port}", target


def _resolve(host: str, port: int) -> Sequence[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _body(response: urllib3.BaseHTTPResponse, most_bytes: int, ends: float) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while chunk := response.read(_CHUNK, decode_content=True):
        size += len(chunk)
        if size > most_bytes:
            raise Unreachable(f"its answer is longer than {most_bytes:,} bytes")
        if time.monotonic() > ends:
            raise Unreachable(f"it took more than {TOTAL_S:.0f} s")
        chunks.append(chunk)
    return b"".join(chunks)


@contextmanager
def _told() -> Iterator[None]:
    """Turn what a connection, a certificate or a malformed address raises into Unreachable."""
    try:
        yield
    except urllib3.exceptions.SSLError as error:
        raise Unreachable("its certificate is not good") from error
    except urllib3.exceptions.TimeoutError as error:
        raise Unreachable("it did not answer in time") from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise Unreachable("the connection failed") from error
    except ValueError as error:
        raise Unreachable("its address cannot be read") from error
