"""A real Varnish with default limits in front of an origin, with the configuration that `config varnish` writes."""
from __future__ import annotations

import gzip
import http.client
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import ThreadingMixIn
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from edge.config import files
from edge.config.cache_node import CacheNode, Upstream
from edge.policy import page_headers
from tests.edge.asking import Application
from tests.edge.fakes.cache import Seen
from tests.edge.servers import free_port, listening, wait_until


class Varnish:
    """A running Varnish."""

    def __init__(self, port: int, host: str, proxied_port: int = 0, folder: Path = Path()) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.proxied_port = proxied_port  # takes the PROXY protocol, by which a client's address is told
        self._host, self.folder = host, folder  # where it keeps its counters

    def count(self, name: str) -> int:
        """One of its counters, such as MAIN.cache_hit."""
        said = subprocess.run(["varnishstat", "-n", str(self.folder), "-1", "-f", name], capture_output=True, text=True, check=True)
        return int(said.stdout.split()[1])

    def get(self, path: str, **headers: str) -> Seen:
        """One GET at the edge."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=10)
        try:
            connection.request("GET", path, headers={"Host": self._host, **headers})
            response = connection.getresponse()
            body = response.read()
            if response.headers["Content-Encoding"] == "gzip":
                body = gzip.decompress(body)
            return Seen(response.status, "; hit" in response.headers["Cache-Status"].rpartition(",")[2], body.decode())
        finally:
            connection.close()


@contextmanager
def varnish(origin: Application, host: str) -> Iterator[Varnish]:
    """Runs Varnish before *origin*; both end with the block."""
    with served(with_robots(origin)) as port, varnish_before(port, host) as running:
        yield running


def with_robots(origin: Application) -> Application:
    """*origin* with the page that Varnish looks for to see whether it is well, which a site of a few pages lacks."""
    def answered(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/robots.txt":
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"User-agent: *\n"]
        return origin(environ, start_response)

    return answered


@contextmanager
def varnish_before(origin_port: int, host: str, *, shield: bool = False, profile: str = "100k") -> Iterator[Varnish]:
    """Runs Varnish before whatever listens on *origin_port*: another Varnish where *shield* holds."""
    behind = Upstream("http", "127.0.0.1", origin_port)
    place = CacheNode(f"http://{host}", profile, page_headers(https=False), behind, behind, shields=(behind,) if shield else ())
    with running_varnish(place) as running:
        yield running


@contextmanager
def running_varnish(place: CacheNode, port: int = 0) -> Iterator[Varnish]:
    """Runs Varnish at *place*, whatever it is before, on *port* or a free one; it ends by its own process id."""
    with running_vcl(files("varnish", place)["default.vcl"], place.host, port=port) as running:
        yield running


@contextmanager
def running_vcl(text: str, host: str, *, port: int = 0, memory_mb: int = 64) -> Iterator[Varnish]:
    """Runs Varnish with the configuration *text*, for the site of *host*."""
    binary = shutil.which("varnishd")
    assert binary, "varnishd is not there, and purges are tested on the real one: apt install varnish varnish-modules"
    folder = Path(tempfile.mkdtemp(prefix="lectern-varnish-"))
    folder.chmod(0o755)
    port, proxied, log = port or free_port(), free_port(), folder / "log"
    (folder / "default.vcl").write_text(text)
    with log.open("wb") as out:
        process = subprocess.Popen([
            binary, "-F", "-n", str(folder / "n"), "-a", f"127.0.0.1:{port}", "-a", f"127.0.0.1:{proxied},PROXY", "-T", "127.0.0.1:0",
            "-f", str(folder / "default.vcl"), "-s", f"malloc,{memory_mb}m", "-p", "vsl_space=16M"], stdout=out, stderr=out)
        try:
            def ready() -> bool:
                assert process.poll() is None, f"varnishd ended: {log.read_text(errors='replace')[-2000:]}"
                return listening(port)

            wait_until(ready, what="Varnish")
            yield Varnish(port, host, proxied, folder / "n")
        finally:
            process.terminate()
            process.wait(timeout=10)
            shutil.rmtree(folder, ignore_errors=True)


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextmanager
def served(app: Application) -> Iterator[int]:
    """Serves *app* over HTTP on loopback; gives the port."""
    with make_server("127.0.0.1", 0, app, _Server, _Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
