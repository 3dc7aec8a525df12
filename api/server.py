"""Runs the application in this process until a signal ends it.

More processes an instance are run by a server that starts them around ``api.wsgi``, such as granian, behind a proxy
that reads requests whole (nginx does).

Waitress reads a request whole before a thread takes it, so a client that stops half way holds none;
it drops header names with underscores, which would pose as a proxy's; and it tells the raw path,
without which no other spelling of an address could be sent to the right one.
"""
from __future__ import annotations

import http.client
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import BaseWSGIServer, create_server
from waitress.task import WSGITask

from api import logs, metrics, ops
from api.app import create_app
from api.auth import background
from api.desk.shapes import FILE_BYTES
from api.errors import ServeError
from api.ops import HEALTH
from api.settings import ApiSettings

THREADS = 4  # on two cores; a thread serves some thousand pages a second
CONNECTIONS = 1000
IDLE_S = 75  # above the 60 s of the usual balancers, so that they close first
BODY_BYTES = 1024 * 1024
READY_S = 30.0
DRAIN_S = 0.5  # a balancer beside it asks more often; one that does not gets a preStop pause in its deployment
FINISH_S = 6.0  # the demo is to end within 10 s
_GLANCE_S = 0.05
SWITCH_S = 0.0005
"""How long a thread may keep the interpreter that another one waits for. The thread that reads the sockets wants it for a
moment for each request; at Python's 5 ms it came late: with this, 64 clients were answered 1.0 to 3.4 times as fast."""


def run_server(settings: ApiSettings, on_ready: Callable[[str], None]) -> None:
    """Serve site and API on LECTERN_LISTEN until SIGTERM or SIGINT; requests under way are finished.

    After SIGTERM the readiness check says no for ``DRAIN_S``, while all else is answered still, so that a
    balancer has sent its next requests elsewhere before the port closes. *on_ready* is called once, with the
    site's address, when it has really answered. Raises ServeError where a port cannot be had.
    """
    logs.start()
    sys.setswitchinterval(SWITCH_S)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a queue is what a burst makes
    port = settings.shared.port
    app = create_app(settings)
    try:
        server = create_server(
            app, host=settings.listen, port=port, threads=THREADS, connection_limit=CONNECTIONS, channel_timeout=IDLE_S,
            max_request_body_size=FILE_BYTES + BODY_BYTES if settings.shared.desk else BODY_BYTES, asyncore_use_poll=True, ident=None,
            url_scheme="https" if settings.shared.https else "http",
            # How many of them count is api.limits' to say; where none is trusted none is seen.
            clear_untrusted_proxy_headers=not settings.trusted_proxies)
    except OSError as error:
        raise ServeError(f"Port {port} cannot be used ({error.strerror}): set LECTERN_PORT to a free one.") from error
    assert isinstance(server, BaseWSGIServer)  # one address, so one socket
    server.channel_class = _Channel
    if settings.metrics_port:
        metrics.serve(app, settings.metrics_port, host=settings.listen, processes=settings.processes)
    leaving = _Leaving(ops.current(app))
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, leaving.begin)
    threading.Thread(target=_tell_when_ready, args=(_reached(settings.listen), port, on_ready), daemon=True).start()
    with background.running(settings):
        server.run()  # returns when its loop is left
    server.close()


class _Leaving:
    """From the signal to the end: no new work by SIGTERM for a moment, then until what is under way is done."""

    def __init__(self, state: ops.State) -> None:
        self._state = state
        self._ends = 0.0

    def begin(self, signum: int, frame: FrameType | None) -> None:
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, signal.SIG_IGN)  # a second one, as a terminal sends to the whole group
        self._state.draining = True
        self._ends = time.monotonic() + FINISH_S
        signal.signal(signal.SIGALRM, self._look)
        signal.setitimer(signal.ITIMER_REAL, DRAIN_S if signum == signal.SIGTERM else _GLANCE_S, _GLANCE_S)

    def _look(self, signum: int, frame: FrameType | None) -> None:
        if not self._state.under_way or time.monotonic() > self._ends:
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise SystemExit(0)


class _Task(WSGITask):
    """Waitress closes after each answer without a length, and so after each 304: what browsers and
    edges ask for most would cost a connection each. An answer without a body needs no length."""

    def set_close_on_finish(self) -> None:
        assert isinstance(self.request, HTTPRequestParser)
        asked = self.request.headers.get("CONNECTION", "").lower()
        if self.has_body or asked == "close" or self.version == "1.0":
            super().set_close_on_finish()


class _Channel(HTTPChannel):
    task_class = _Task


def _reached(listen: str) -> str:
    """Where this machine reaches a server that listens on *listen*, which may stand for all of its addresses."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listen, listen)


def _tell_when_ready(host: str, port: int, on_ready: Callable[[str], None]) -> None:
    end = time.monotonic() + READY_S
    while time.monotonic() < end:
        connection = http.client.HTTPConnection(host, port, timeout=5)
        try:
            connection.request("GET", HEALTH)
            if connection.getresponse().status == http.client.OK:
                on_ready(f"http://{f'[{host}]' if ':' in host else host}:{port}/")
                return
        except OSError:
            time.sleep(0.05)  # not yet
        finally:
            connection.close()
