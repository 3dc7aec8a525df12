"""Errors for people: each says what is wrong, where, and how to mend it, in one sentence or two."""
from __future__ import annotations


class LecternError(Exception):
    """What a person sees when a command cannot go on; the message is shown as it stands.

    ``exit_code`` is what the command ends with: 2 bad use or settings, 3 the lease is held
    elsewhere. Raised where the fault is known, caught once at the door.
    """

    exit_code = 2


class SettingsError(LecternError):
    """A setting is unknown, malformed or out of range; the message names it."""


class StoreError(LecternError):
    """The store could not do what was asked, and asking again did not help."""

    exit_code = 1


class ExportError(LecternError):
    """A plain tree could not be written; the message names the folder or the object."""
