"""A real PgBouncer in transaction mode, for what must hold behind one."""
from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import psutil
import pytest

from builder.embedded import Server
from tests.conftest import open_folder
from tests.edge.servers import free_port, listening, wait_until

KINDS = ["direct", pytest.param("pgbouncer", marks=pytest.mark.skipif(not shutil.which("pgbouncer"), reason="needs pgbouncer"))]


@contextmanager
def pgbouncer(dsn: str, server: Server, *, size: int = 1, ignores: str = "") -> Iterator[str]:
    """The DSN through it, with *size* connections to the server; it runs under the server's account, for it refuses root's.

    *ignores*: what it takes from a client without heeding it; else it refuses who sends such a thing.
    """
    parts = urlsplit(dsn)
    port = free_port()
    with open_folder("lectern-pooler-") as place:
        (place / "users").write_text('"postgres" ""\n')
        (place / "ini").write_text(
            f"[databases]\n* = host={parse_qs(parts.query)['host'][0]} port=5432\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
            f"listen_port = {port}\nunix_socket_dir =\nauth_type = trust\nauth_file = {place}/users\npool_mode = transaction\n"
            f"default_pool_size = {size}\nmax_client_conn = 1000\nserver_login_retry = 1\n"
            f"ignore_startup_parameters = {ignores}\n")
        owner = psutil.Process(server.pid)
        as_owner = {"user": owner.uids().real, "group": owner.gids().real, "extra_groups": []} if os.geteuid() == 0 else {}
        process = subprocess.Popen(["pgbouncer", str(place / "ini")], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, **as_owner)
        try:
            wait_until(lambda: listening(port), what="PgBouncer")
            yield f"postgresql://postgres@127.0.0.1:{port}{parts.path}?sslmode=disable&gssencmode=disable"
        finally:
            process.terminate()
            process.wait(10)
