"""The command line: the rooms' commands as one group, and what a person or a program gets from them.

A room is a module with a click group named ``cli``. Rooms are imported when a command of theirs
is asked for, so that ``build`` never waits for what only ``serve`` needs.
"""
from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from edge import __version__
from edge.dotenv import FOR_LIBRARIES, dotenv_values
from edge.errors import LecternError, SettingsError, called, not_installed

TREE = "_LECTERN_TREE"  # in the environment of a demo's children; not LECTERN_…, which would be a setting
_GLANCE_S = 0.5
INTERRUPTED = 130  # as shells say of what SIGINT ended
FINDINGS = 1  # done, but something was refused, set aside, held back or found
INTERNAL_ERROR = 70  # EX_SOFTWARE of sysexits.h: our fault; 1 would say "done, with findings"
_F = TypeVar("_F", bound=Callable[..., Any])

json_option: Callable[[_F], _F] = click.option(
    "--json", "as_json", is_flag=True, help="Print exactly one JSON value to stdout; all else goes to stderr."
)


class CommandLine(click.Group):
    """One group over several rooms, asked in their order."""

    def __init__(self, rooms: Sequence[str], help: str) -> None:
        super().__init__(name="lectern", help=called(help), context_settings={"help_option_names": ["-h", "--help"]})
        self.rooms = rooms
        where = "Show where an unforeseen error came from."
        self.params.append(click.Option(["--traceback"], is_flag=True, help=where))
        click.version_option(__version__, message="lectern %(version)s")(self)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(name for room in self.rooms for name in _cli(room).list_commands(ctx))

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        for room in self.rooms:
            if command := _cli(room).get_command(ctx, name):
                command.help = called(command.help or "")
                return command
        return None

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error becomes one sentence on stderr and an exit code, never a traceback."""
        traceback = ctx.params.pop("traceback", False)
        if TREE in os.environ:
            threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
        _lend(dotenv_path())
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            _leave_interrupted()
        except LecternError as e:
            refuse(str(e), e.exit_code)
        except OSError as e:
            if traceback or isinstance(e, BrokenPipeError):
                raise
            refuse(f"{e.strerror or e}{f': {e.filename}' if e.filename else ''}", 2)
        except Exception as e:
            if traceback or isinstance(e, (click.ClickException, click.exceptions.Exit, click.Abort)):
                raise
            if isinstance(e, ModuleNotFoundError) and (sentence := not_installed(e)):
                refuse(sentence, 2)
            refuse(
                f"Lectern failed in a way that it did not foresee ({type(e).__name__}: {e}). "
                f"Run it again as `{_called(ctx)} --traceback …` and report what that prints.",
                INTERNAL_ERROR,
            )


def dotenv_path() -> Path:
    """The file of settings: beside build.py, or in the working folder where Lectern is installed without it."""
    top = Path(__file__).resolve().parents[1]
    return (top if (top / "build.py").exists() else Path.cwd()) / ".env"


def show(value: object) -> None:
    """Print *value* as the one JSON value on stdout."""
    say(json.dumps(value, ensure_ascii=False, default=str))


def say(text: str, *, err: bool = False) -> None:
    """Print *text*, which may name commands, to stdout or stderr."""
    click.echo(called(text), err=err)


def refuse(sentence: str, exit_code: int) -> NoReturn:
    """Say on stderr what is wrong and leave with *exit_code*."""
    say(f"Error: {sentence}", err=True)
    sys.exit(exit_code)


def main() -> None:
    """The installed command ``lectern``: the rooms are those that the installed packages name."""
    from importlib.metadata import entry_points  # 20 ms that build.py never needs

    rooms = sorted(entry_points(group="lectern.rooms"), key=lambda room: room.name)
    CommandLine([room.module for room in rooms], HELP)()


HELP = """A course's lectures from PostgreSQL to pages to an object store to a CDN.

\b
Example: python build.py demo

Settings come from the environment and a file .env: docs/settings.md. Exit codes: docs/commands.md."""


def _end_with_parent(parent: int) -> None:
    """A child of a demo does not outlive it, killed as it may be: ask this process to end."""
    while os.getppid() == parent:
        time.sleep(_GLANCE_S)
    os.kill(os.getpid(), signal.SIGTERM)


def _called(ctx: click.Context) -> str:
    name = ctx.info_name or "lectern"
    return f"python {name}" if name.endswith(".py") else name


def _leave_interrupted() -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C, while Python clears up, would show a traceback
    click.echo("Interrupted.", err=True)
    sys.exit(INTERRUPTED)


def _lend(dotenv: Path) -> None:
    """Give the libraries that read the environment themselves (boto3, libpq) their names in the file."""
    with suppress(SettingsError, OSError):  # a command that reads settings says so; --help needs none
        for name, value in dotenv_values(dotenv).items():
            if name.startswith(FOR_LIBRARIES) and not os.environ.get(name):
                os.environ[name] = value


def _cli(room: str) -> click.Group:
    cli = import_module(room).cli
    assert isinstance(cli, click.Group)
    return cli
