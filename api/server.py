"""Runs the application in this process until a signal ends it.

Waitress reads a request whole before a thread takes it, so a client that stops half way holds none;
it drops header names with underscores, which would pose as a proxy's; and it tells the raw path,
without which no other spelling of an address could be sent to the right one.
"""
from __future__ import annotations

import http.client
import logging
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import BaseWSGIServer, create_server
from waitress.task import WSGITask

from api.app import create_app
from api.errors import ServeError
from api.ops import HEALTH
from api.settings import ApiSettings

HOST = "127.0.0.1"
THREADS = 4  # on two cores; a thread serves some thousand pages a second
CONNECTIONS = 1000
IDLE_S = 75  # above the 60 s of the usual balancers, so that they close first
BODY_BYTES = 1024 * 1024
READY_S = 30.0


def run_server(settings: ApiSettings, on_ready: Callable[[str], None]) -> None:
    """Serve site and API on 127.0.0.1 until SIGTERM or SIGINT; requests under way are finished.

    *on_ready* is called once, with the site's address, when it has really answered. Raises ServeError
    where the port cannot be had.
    """
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a queue is what a burst makes
    port = settings.shared.port
    app = create_app(settings)
    try:
        server = create_server(
            app, host=HOST, port=port, threads=THREADS, connection_limit=CONNECTIONS, channel_timeout=IDLE_S,
            max_request_body_size=BODY_BYTES, asyncore_use_poll=True, ident=None,
            url_scheme="https" if settings.shared.https else "http", clear_untrusted_proxy_headers=True)
    except OSError as error:
        raise ServeError(f"Port {port} cannot be used ({error.strerror}): set LECTERN_PORT to a free one.") from error
    assert isinstance(server, BaseWSGIServer)  # one address, so one socket
    server.channel_class = _Channel
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, _leave)
    threading.Thread(target=_tell_when_ready, args=(port, on_ready), daemon=True).start()
    server.run()  # returns when _leave has ended its loop
    server.close()


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


def _leave(signum: int, frame: FrameType | None) -> None:
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)  # a second one, as a terminal sends to the whole group
    raise SystemExit(0)


def _tell_when_ready(port: int, on_ready: Callable[[str], None]) -> None:
    end = time.monotonic() + READY_S
    while time.monotonic() < end:
        connection = http.client.HTTPConnection(HOST, port, timeout=5)
        try:
            connection.request("GET", HEALTH)
            if connection.getresponse().status == http.client.OK:
                on_ready(f"http://{HOST}:{port}/")
                return
        except OSError:
            time.sleep(0.05)  # not yet
        finally:
            connection.close()
