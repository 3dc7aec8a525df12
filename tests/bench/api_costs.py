#!/usr/bin/env python3
"""What each step of an answer costs: an extension at its defaults, and the same thing as it is done here.

usage: python -m tests.bench.api_costs [--requests 2000] [--turns 5]

Processor time of this process for an overlay of 50 videos from the cache, called as a server would, without one; from 10,000
addresses. "Before": what a bare Flask gains in time by the extension alone. "After": what our whole application loses in time
without that step.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from flask import Flask, Response
from flask_compress import Compress
from flask_cors import CORS
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_talisman import Talisman
from werkzeug.test import EnvironBuilder

import api.app
from api.auth.session_cookie import tag_of
from api.settings import read_api_settings
from builder.embedded import ensure
from builder.migrate import migrate
from tests.bench.api import fill
from tests.bench.measure import Row, report, row

ADDRESSES = 10_000
BODY = b'{"progress":[' + b",".join(b'{"video":%d,"position_s":%d.0,"completed":false}' % (n, n * 7) for n in range(50)) + b"]}"
Application = Callable[..., Any]
_STEPS = ("limits", "headers", "compression", "cors", "metrics")


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--requests", type=int, default=2000, help="a turn")
    cli.add_argument("--turns", type=int, default=5)
    args = cli.parse_args()
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="lectern-bench-"))
        stack.callback(shutil.rmtree, folder)
        folder.chmod(0o755)
        server = stack.enter_context(ensure(folder / "database", keeper=True))
        migrate(server.dsn)
        fill(server.dsn, None)
        apps: dict[tuple[str, str], Application] = {("before", step): _extended(step) for step in ("", *_STEPS[:4])}
        apps |= {("after", step): stack.enter_context(_without(step, server.dsn, folder / "data")) for step in ("", *_STEPS)}
        took: dict[tuple[str, str], list[float]] = {key: [] for key in apps}
        for turn in range(-1, args.turns):
            for key, app in apps.items():
                us = _turn(app, args.requests)
                if turn >= 0:  # the first one fills the caches
                    took[key].append(us)
    report("api-costs", _rows(took))


def _rows(took: dict[tuple[str, str], list[float]]) -> list[Row]:
    bare, whole = took["before", ""], took["after", ""]
    rows = [row("bare Flask, one answer", "us", bare, "told", lambda *_: True),
            row("our API, one answer", "us", whole, "told", lambda *_: True)]
    for step in _STEPS:
        saved = [a - b for a, b in zip(whole, took["after", step], strict=True)]
        before = [b - a for a, b in zip(bare, took["before", step], strict=True)] if ("before", step) in took else []
        rows.append(row(step, "us", saved, "told", lambda *_: True, peer=before, peer_name="at its defaults" if before else ""))
    return rows


def _turn(app: Application, requests: int) -> float:
    """Microseconds of this process for one request."""
    environs = [_environ(n) for n in range(requests)]
    began = time.process_time()
    for environ in environs:
        b"".join(app(environ, _start))
    return (time.process_time() - began) / requests * 1e6


def _start(status: str, headers: list[tuple[str, str]], error: object = None) -> None:
    assert status.startswith("200"), (status, headers)


def _environ(n: int) -> dict[str, Any]:
    token = f"s{n % 1000 + 1:043d}"
    address = f"10.1.{n % ADDRESSES // 100}.{n % 100}"
    headers = {"X-Forwarded-For": address, "Cookie": f"session={token}; lectern_state={tag_of(token)}.1", "Accept-Encoding": "gzip"}
    return EnvironBuilder(
        "/api/v1/me/overlay", query_string="videos=" + ",".join(map(str, range(1, 51))), base_url="http://127.0.0.1:8000",
        environ_base={"REMOTE_ADDR": address}, headers=list(headers.items())).get_environ()


def _extended(step: str) -> Application:
    """A Flask that answers with bytes that it has, and one extension as it comes."""
    app = Flask(f"with {step}")
    if step == "limits":
        Limiter(get_remote_address, app=app, default_limits=["1000000 per 15 minutes"], strategy="moving-window", headers_enabled=True,
                storage_uri="memory://")
    elif step == "headers":
        Talisman(app, force_https=False)
    elif step == "compression":
        Compress(app)
    elif step == "cors":
        CORS(app, origins=["https://learn.example"])

    @app.get("/api/v1/me/overlay")
    def overlay() -> Response:
        return Response(BODY, content_type="application/json")

    return app


@contextmanager
def _without(step: str, dsn: str, data: Path) -> Iterator[Application]:
    """Our application without one step."""
    nothing = {"headers": "security", "compression": "compression", "cors": "origins", "metrics": "metrics"}
    settings = read_api_settings({"LECTERN_DATA": str(data), "DATABASE_URL": dsn, "LECTERN_TRUSTED_PROXIES": "1", "LECTERN_PROFILE": "1m",
                                  "LECTERN_CORS_ORIGINS": "https://learn.example"})
    with ExitStack() as stack:
        if step in nothing:
            stack.enter_context(patch.object(getattr(api.app, nothing[step]), "init_app", lambda app, *_, **__: app.config.setdefault(
                "LECTERN_HTTPS", False)))
        app = api.app.create_app(settings)
    if step == "limits":
        limits = app.extensions["lectern.limits"]
        app.before_request_funcs[None].remove(limits.count)
        app.after_request_funcs[None].remove(limits.tell)
    try:
        yield app
    finally:
        app.extensions["lectern.pool"].close()


if __name__ == "__main__":
    main()
