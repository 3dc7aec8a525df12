"""A server with one address that answers when another is asked: run as a process of its own by test_ops."""
from __future__ import annotations

import os
import threading
from typing import Any

from flask import Flask

import api.server
from api.settings import read_api_settings

END = threading.Event()


def main() -> None:
    """Serve until a signal."""
    server: Any = api.server
    make = server.create_app

    def create(*given: Any) -> Flask:
        app: Flask = make(*given)
        app.add_url_rule("/api/v1/slow", "slow", slow)
        app.add_url_rule("/api/v1/end", "end", end)
        return app

    server.create_app = create
    server.run_server(read_api_settings(os.environ), lambda url: print("ready", flush=True))


def slow() -> str:
    print("begun", flush=True)
    END.wait(10)
    return "x" * 1_000_000


def end() -> str:
    END.set()
    return "ended"


if __name__ == "__main__":
    main()
