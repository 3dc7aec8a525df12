"""The API's commands: parse, call, print."""
from __future__ import annotations

import os
import sys

import click

from edge.command_line import dotenv_path, json_option, show


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


@cli.group()
def user() -> None:
    """Accounts: `user add EMAIL --role editor`.

    \b
    Example: python build.py user add ada@school.example --role editor
    """


@user.command()
@click.argument("email")
@click.option("--role", type=click.Choice(["student", "editor", "admin"]), default="student", show_default=True, help="What it may do.")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of stdin, instead of printing a link.")
@json_option
def add(email: str, role: str, password_stdin: bool, as_json: bool) -> None:
    """Make the account of EMAIL, or give the one that is there another role and end its sessions.

    Prints a link by which its owner sets a password, once; nothing where the account has one.

    \b
    Example: python build.py user add ada@school.example --role editor
    Example: python build.py user add ada@school.example --password-stdin < password.txt
    """
    from api.auth import operator
    from edge.settings import read_settings

    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else None
    added, link = operator.add(read_settings(os.environ, dotenv_path()), email, role, password)
    if as_json:
        show({"email": email, "role": role, "added": added, "link": link or None})
    else:
        click.echo(f"{email} is a new {role}." if added else f"{email} has the role {role} now.")
        if link:
            click.echo(f"The password is set here, once, within 3 days:\n{link}")


@user.command("end-sessions")
def end_sessions() -> None:
    """Log everybody out, and end every link that was mailed: after a database came from a backup, before `serve` starts.

    \b
    Example: python build.py user end-sessions
    """
    from api.auth import operator
    from edge.settings import read_settings

    operator.end_sessions(read_settings(os.environ, dotenv_path()))
    click.echo("Everybody is logged out.")
