"""The application for a server that starts several processes: ``granian --interface wsgi --factory --workers N api.wsgi:application``.

What `serve` does around the application in its one process is done here in each: log, metrics, and the thread that sends mail.
"""
from __future__ import annotations

import atexit
import gc
import os
from contextlib import ExitStack

from flask import Flask

from api import logs, metrics
from api.app import create_app
from api.auth import background
from api.settings import read_api_settings
from edge.command_line import dotenv_path


def application() -> Flask:
    """The application of this process, from the environment. Raises SettingsError, ServeError, StoreError."""
    settings = read_api_settings(os.environ, dotenv_path())
    logs.start()
    app = create_app(settings)
    if settings.metrics_port:
        metrics.serve(app, settings.metrics_port, host=settings.listen, processes=settings.processes)
    stack = ExitStack()
    stack.enter_context(background.running(settings))
    atexit.register(stack.close)
    # 100,000 objects are here to stay. To look through them once more took the collector 75 ms in the midst of an answer.
    gc.collect()
    gc.freeze()
    return app
