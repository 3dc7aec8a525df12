"""The demo's own Varnish: the generated configuration before the demo's server, on the address that readers open."""
from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from edge.config import write
from edge.config.cache_node import CacheNode, Upstream
from edge.errors import LecternError
from edge.policy import page_headers
from edge.settings import Settings

START_S = 20.0  # it compiles its configuration with a C compiler
MEMORY_MB = 256
_LOG_LETTERS = 2000
_GLANCE_S = 0.05
_STARTED = b"Child launched OK"


class VarnishError(LecternError):
    """The demo's Varnish is not there, or does not start; the message says which."""


def find() -> str:
    """The program's path. Raises VarnishError where it is not installed."""
    if found := shutil.which("varnishd"):
        return found
    raise VarnishError("varnishd is not installed, so there is no Varnish to put before the demo: on Debian and Ubuntu "
                       "`apt install varnish varnish-modules`. `make demo` alone needs none.")


def start(settings: Settings, origin_port: int, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """A Varnish on 127.0.0.1:LECTERN_PORT before the server on *origin_port*; returns when it answers.

    It ends by SIGTERM, and when this process is gone: its console is our pipe. Raises VarnishError.
    """
    binary, log = find(), settings.data / "varnish.log"
    behind = Upstream("http", "127.0.0.1", origin_port)
    node = CacheNode(settings.base_url, settings.profile, page_headers(
        https=settings.https, frame_hosts=settings.frame_hosts), behind, behind)
    # Read under Varnish's own account, which may not enter root's folders; and read once.
    with tempfile.TemporaryDirectory(prefix="lectern-varnish-") as folder, log.open("wb") as out:
        os.chmod(folder, 0o755)
        (path,) = write("varnish", node, Path(folder))
        process = subprocess.Popen(
            [binary, "-d", "-n", str(settings.data.resolve() / "varnish"), "-a", f"127.0.0.1:{settings.port}", "-T", "none",
             "-f", str(path), "-s", f"malloc,{MEMORY_MB}m", "-p", "vsl_space=16M"],
            env=dict(environ), stdin=subprocess.PIPE, stdout=out, stderr=out)
        assert process.stdin is not None
        end = time.monotonic() + START_S
        try:
            process.stdin.write(b"start\n")
            process.stdin.flush()
        except BrokenPipeError:  # it has ended: below it is told why
            pass
        while _STARTED not in log.read_bytes():
            if process.poll() is not None or time.monotonic() > end:
                process.kill()
                process.wait()
                raise VarnishError(f"Varnish does not start: {log.read_text(errors='replace')[-_LOG_LETTERS:].strip()} "
                                   f"(Whole in {log}. It needs varnish-modules and a C compiler.)")
            time.sleep(_GLANCE_S)
    return process
