"""A real Varnish with default limits in front of an origin, and the smallest VCL that takes our purges."""
from __future__ import annotations

import gzip
import http.client
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import ThreadingMixIn
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from tests.edge.asking import Application
from tests.edge.fakes.cache import Seen
from tests.edge.servers import free_port, listening, wait_until

_VCL = """
vcl 4.1;
import xkey;
backend origin { .host = "127.0.0.1"; .port = "%d"; .first_byte_timeout = 15s; }
acl purgers { "127.0.0.1"; }
sub vcl_recv {
    if (req.method == "PURGE") {
        if (client.ip !~ purgers) { return (synth(403)); }
        if (req.http.purge-everything) { ban("obj.status != 0"); return (synth(200)); }
        if (req.http.xkey-purge) { set req.http.n = xkey.purge(req.http.xkey-purge); return (synth(200, "Purged " + req.http.n)); }
        return (purge);
    }
    return (hash);
}
sub vcl_backend_response {
    set beresp.http.xkey = beresp.http.Surrogate-Key;
    set beresp.ttl = 1h;
    return (deliver);
}
sub vcl_deliver { set resp.http.X-Hits = obj.hits; }
"""


class Varnish:
    """A running Varnish."""

    def __init__(self, port: int, host: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._host = host

    def get(self, path: str, **headers: str) -> Seen:
        """One GET at the edge."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=10)
        try:
            connection.request("GET", path, headers={"Host": self._host, **headers})
            response = connection.getresponse()
            body = response.read()
            if response.headers["Content-Encoding"] == "gzip":
                body = gzip.decompress(body)
            return Seen(response.status, response.headers["X-Hits"] != "0", body.decode())
        finally:
            connection.close()


@contextmanager
def varnish(origin: Application, host: str) -> Iterator[Varnish]:
    """Runs Varnish before *origin*; both end with the block, Varnish by its own process id."""
    with served(origin) as port, varnish_before(port, host) as running:
        yield running


@contextmanager
def varnish_before(origin_port: int, host: str) -> Iterator[Varnish]:
    """Runs Varnish before whatever listens on *origin_port*, another Varnish perhaps."""
    binary = shutil.which("varnishd")
    assert binary, "varnishd is not there, and purges are tested on the real one: apt install varnish varnish-modules"
    folder = Path(tempfile.mkdtemp(prefix="lectern-varnish-"))
    folder.chmod(0o755)
    port, log = free_port(), folder / "log"
    with log.open("wb") as out:
        (folder / "test.vcl").write_text(_VCL % origin_port)
        process = subprocess.Popen([
            binary, "-F", "-n", str(folder / "n"), "-a", f"127.0.0.1:{port}", "-T", "127.0.0.1:0", "-f", str(folder / "test.vcl"),
            "-s", "malloc,64m", "-p", "vsl_space=16M"], stdout=out, stderr=out)
        try:
            def ready() -> bool:
                assert process.poll() is None, f"varnishd ended: {log.read_text(errors='replace')[-2000:]}"
                return listening(port)

            wait_until(ready, what="Varnish")
            yield Varnish(port, host)
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
