"""A real nginx in front of an origin, with the configuration that `config nginx` writes."""
from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from edge.config import write
from edge.config.cache_node import CacheNode
from tests.edge.fakes.varnish import Varnish
from tests.edge.servers import free_port, listening, wait_until

MODULES = Path("/usr/lib/nginx/modules")


def arguments(folder: Path) -> list[str]:
    """How nginx is called for the configuration in *folder*; its modules are made known there."""
    if not (folder / "modules").exists():
        (folder / "modules").symlink_to(MODULES)
    return ["nginx", "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")]


def lacks() -> str:
    """What is not installed; "" where nothing is missing."""
    return next((name for name, there in (("nginx", shutil.which("nginx")), ("njs", (MODULES / "ngx_http_js_module.so").exists()))
                 if not there), "")


@contextmanager
def running_nginx(place: CacheNode, edit: Callable[[str], str] = str) -> Iterator[Varnish]:
    """Runs nginx at *place*; it ends by its own process id. *edit* may change its configuration."""
    folder = Path(tempfile.mkdtemp(prefix="lectern-nginx-"))
    folder.chmod(0o755)
    port, log = free_port(), folder / "log"
    write("nginx", replace(place, listen=port), folder)
    (folder / "nginx.conf").write_text(edit((folder / "nginx.conf").read_text()))
    with log.open("wb") as out:
        process = subprocess.Popen([*arguments(folder), "-g", "daemon off;"], stdout=out, stderr=out)
        try:
            def ready() -> bool:
                assert process.poll() is None, f"nginx ended: {log.read_text(errors='replace')[-2000:]}"
                return listening(port)

            wait_until(ready, what="nginx")
            yield Varnish(port, place.host)
        finally:
            process.terminate()
            process.wait(timeout=10)
            shutil.rmtree(folder, ignore_errors=True)
