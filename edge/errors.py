"""Errors for people: each says what is wrong, where, and how to mend it, in one sentence or two."""
from __future__ import annotations

import sys
from pathlib import Path

_TOP = Path(__file__).resolve().parents[1]


class LecternError(Exception):
    """What a person sees when a command cannot go on; the message is shown as it stands.

    ``exit_code`` is what the command ends with: 2 bad use or settings, 3 the lease is held
    elsewhere. Raised where the fault is known, caught once by edge.command_line.
    """

    exit_code = 2


class SettingsError(LecternError):
    """A setting is unknown, malformed or out of range; the message names it."""


class StoreError(LecternError):
    """The store could not do what was asked, and asking again did not help."""


class OwedError(LecternError):
    """Somebody outside did not acknowledge what is owed to him. The message is a sentence for a person, without secrets.

    *retry_after_s* is when he asked to be asked again. *lasting*: the request itself is refused and would be for ever, so that only
    its parts are worth asking again; a wrong token is not lasting, since somebody mends it and then the same request passes.
    """

    exit_code = 1
    noun = "debt"  # what is owed

    def __init__(self, sentence: str, *, retry_after_s: float | None = None, lasting: bool = False) -> None:
        super().__init__(sentence)
        self.retry_after_s = retry_after_s
        self.lasting = lasting


class ExportError(LecternError):
    """A plain tree could not be written; the message names the folder or the object."""


def called(text: str) -> str:
    """*text* with its commands as they are called here: ``lectern …`` where Lectern is installed without build.py."""
    return text if (_TOP / "build.py").exists() else text.replace("python build.py", "lectern")


def not_installed(error: ModuleNotFoundError) -> str:
    """What to say where a package that Lectern stands on is not there; "" where it is a module of Lectern's own."""
    package = (error.name or "").partition(".")[0]
    if not package or (_TOP / package).exists():
        return ""
    if not (_TOP / "build.py").exists():
        remedy = "install Lectern's wheel again"
    elif (_TOP / ".venv/bin/python").exists() and not Path(sys.prefix).is_relative_to(_TOP / ".venv"):
        remedy = f"run it with {_TOP}/.venv/bin/python, where `make demo` has installed them"
    else:
        remedy = f"run `make demo`, or `{sys.executable} -m pip install {_TOP}`"
    return f"The packages that Lectern stands on are not all installed for this Python ({package} is missing): {remedy}."
