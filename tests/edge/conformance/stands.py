"""Every edge that runs here, before a site of its own; and how a test asks it."""
from __future__ import annotations

import gzip
import http.client
import json
import re
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from edge.address import Path as SitePath
from edge.address import key_of, own_tag
from edge.cdn.nginx import Nginx
from edge.cdn.port import Name, Purger, tag, url
from edge.cdn.varnish import Varnish
from edge.config.cache_node import CacheNode, Upstream
from edge.store.port import Put
from edge.store.sqlite import SQLiteStore
from edge.tiers import Tier, cache_control, stale_s
from tests.edge.conformance.site import BRIEF_S, HEADERS, Served, Site, running
from tests.edge.fakes.nginx import lacks as nginx_lacks
from tests.edge.fakes.nginx import running_nginx
from tests.edge.fakes.varnish import running_varnish
from tests.edge.pages import page
from tests.edge.servers import wait_until

HOST = "lectures.example"
PROFILE = "100k"
SILENCE_S = 1.0
CACHES = ("varnish", "shielded", "nginx")
ALL = ("origin", *CACHES)


class Answer(NamedTuple):
    """What came. Header names in lower case; of a name that came twice both values."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body, unpacked."""
        return (gzip.decompress(self.body) if self.headers.get("content-encoding") == "gzip" else self.body).decode()

    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.text)

    @property
    def hit(self) -> bool:
        """Whether the outermost cache had it, fresh or stale."""
        return "; hit" in self.headers.get("cache-status", "").rpartition(",")[2]


@dataclass
class Stand:
    """One edge before its site."""

    name: str
    port: int
    site: Site
    store: SQLiteStore
    origin: Served
    purger: Purger | None = None

    def publish(self, path: str, text: str = "text", *, tier: Tier = "metadata", groups: str = "video:1", status: int = 200,
                location: str = "", gzipped: bool = True,
                content_type: str = "text/html; charset=utf-8", control: str = "") -> None:
        """Store an object, as a release would."""
        tags = f"{own_tag(SitePath(path))} {groups} all"
        key = key_of(SitePath(path))
        there = self.store.head(key)
        self.store.put([Put(page(key, text, (there.write_number if there else 0) + 1, gzipped=gzipped, tags=tags, content_type=content_type,
                                 cache_control=control or cache_control(tier, PROFILE), status=status, location=location))])

    def age(self, path: str, past_s: int = 1, *, tier: Tier = "metadata") -> None:
        """What the origin says at *path* is from now on past its tier's time by *past_s*."""
        if self.name == "nginx":  # it does not read Age, so its time is made short
            self.site.brief.add(path)
            return
        fresh_s = int(cache_control(tier, PROFILE).rpartition("=")[2])
        self.site.ages[path] = fresh_s + past_s

    def age_beyond_stale(self, path: str) -> None:
        """It is too old to be shown while a newer one is fetched."""
        self.age(path, stale_s("metadata", PROFILE) + 1)

    def fresh(self, path: str) -> None:
        """What the origin says at *path* is as old as it is again."""
        self.site.ages.pop(path, None)
        self.site.brief.discard(path)

    def expired(self, path: str) -> None:
        """Return when what the edge has of *path* is past its time: at once, where it reads Age."""
        if self.name == "nginx":
            stored = time.time()
            wait_until(lambda: time.time() > stored + BRIEF_S + 1, what="the end of its time")  # it counts whole seconds

    def is_fresh(self, path: str) -> bool:
        """Whether what the edge has of *path* is within its time."""
        answer = self.get(path)
        return answer.hit and not re.search("ttl=-|detail", answer.headers["cache-status"].rpartition(",")[2])

    def names(self, path: str) -> list[Name]:
        """What names the object at *path* to this edge's purger."""
        return [tag(own_tag(SitePath(path))) if self.can("tag") else url(path)]

    def can(self, by: str) -> bool:
        """Whether this edge takes a purge by tag, group, url or all."""
        return self.purger is not None and (by in ("url", "all") or self.purger.can.tags_a_request > 0)

    def get(self, target: str, method: str = "GET", **headers: str) -> Answer:
        """One request; ``if_none_match=…`` becomes its header. Nothing is sent that is not asked for."""
        return self._ask(method, target, headers, None)

    def post(self, target: str, body: bytes) -> Answer:
        """One POST."""
        return self._ask("POST", target, {}, body)

    def warm(self, path: str, **headers: str) -> Answer:
        """Have the edge keep what stands at *path*; the first answer."""
        first = self.get(path, **headers)
        assert self.get(path, **headers).hit, f"{self.name} does not keep {path}"
        return first

    def _ask(self, method: str, target: str, headers: dict[str, str], body: bytes | None) -> Answer:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in {"host": HOST, **headers}.items():
                connection.putheader(name.replace("_", "-"), value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            got: dict[str, str] = {}
            for name, value in response.getheaders():
                got[name.lower()] = f"{got[name.lower()]}, {value}" if name.lower() in got else value
            return Answer(response.status, got, response.read())

    def raw(self, data: bytes) -> bytes:
        """What comes back for *data* until the server closes, or waits for more."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as line:
            got = b""
            with suppress(OSError):  # a server that has heard enough
                line.sendall(data)
            line.settimeout(SILENCE_S)
            with suppress(OSError):
                while chunk := line.recv(65536):
                    got += chunk
            return got


def missing(name: str) -> str:
    """Which program is not here that edge *name* needs; "" where all are."""
    if name == "nginx":
        return nginx_lacks()
    return "" if name == "origin" or shutil.which("varnishd") else "varnishd"


@contextmanager
def standing(name: str, folder: Path) -> Iterator[Stand]:
    """The edge *name* before a site of its own, whose store lies in *folder*."""
    with ExitStack() as stack:
        store = stack.enter_context(closing(SQLiteStore(folder / "site.db")))
        site = Site(store)
        origin = stack.enter_context(running(site))
        behind = Upstream("http", "127.0.0.1", origin.port)
        stand = Stand(name, origin.port, site, store, origin)
        stand.publish("/robots.txt", "User-agent: *\n", content_type="text/plain")
        stand.publish("/404.html", "nobody")
        _EDGES[name](stand, behind, stack)
        yield stand


def _varnish(stand: Stand, behind: Upstream, stack: ExitStack) -> None:
    url = stack.enter_context(running_varnish(CacheNode(f"http://{HOST}", PROFILE, HEADERS, behind, behind))).url
    stand.port, stand.purger = _port(url), Varnish([url], f"http://{HOST}")


def _shielded(stand: Stand, behind: Upstream, stack: ExitStack) -> None:
    shield = stack.enter_context(running_varnish(CacheNode(f"http://{HOST}", PROFILE, HEADERS, behind, behind, edges=("127.0.0.1",)))).url
    shields = (Upstream("http", "127.0.0.1", _port(shield)),)
    edge = stack.enter_context(running_varnish(CacheNode(f"http://{HOST}", PROFILE, HEADERS, behind, behind, shields=shields))).url
    stand.port, stand.purger = _port(edge), Varnish([shield, edge], f"http://{HOST}")


def _nginx(stand: Stand, behind: Upstream, stack: ExitStack) -> None:
    url = stack.enter_context(running_nginx(CacheNode(f"http://{HOST}", PROFILE, HEADERS, behind, behind))).url
    stand.port, stand.purger = _port(url), Nginx([url], f"http://{HOST}")


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])


_EDGES: dict[str, Callable[[Stand, Upstream, ExitStack], None]] = {
    "origin": lambda stand, behind, stack: None, "varnish": _varnish, "shielded": _shielded, "nginx": _nginx}
