"""The API's commands: parse, call, print."""
from __future__ import annotations

import os

import click

from edge.door import dotenv_path


@click.group()
def cli() -> None:
    """Site and API over HTTP."""


@cli.command()
def serve() -> None:
    """Serve the built site and the API on 127.0.0.1:LECTERN_PORT, until Ctrl-C or SIGTERM.

    Prints one line, `ready http://127.0.0.1:PORT/`, once it answers.

    \b
    Example: LECTERN_PORT=8080 python build.py serve
    """
    from api.server import run_server
    from api.settings import read_api_settings

    run_server(read_api_settings(os.environ, dotenv_path()), lambda url: click.echo(f"ready {url}"))
