"""The file of settings, ``.env``: ``NAME=VALUE`` a line, as shells and python-dotenv write it."""
from __future__ import annotations

from pathlib import Path

from edge.errors import SettingsError

FOR_LIBRARIES = ("AWS_", "PG")
"""How the names begin that boto3 and libpq read from the environment by themselves."""


def dotenv_values(path: Path) -> dict[str, str]:
    """The names with a value in the file *path*, which need not exist; a name without one is none.

    Values are taken as they stand: a password may hold a dollar sign. Raises SettingsError, naming file and
    line but never the text, which may be a password, where a line is no setting.
    """
    if not path.is_file():  # a folder of that name may be somebody's virtualenv
        return {}
    from dotenv.parser import parse_stream  # imported late: most processes have no such file

    values: dict[str, str] = {}
    try:
        with path.open(encoding="utf-8-sig") as file:
            for found in parse_stream(file):
                if found.error or (found.key is not None and found.value is None):
                    text = found.original.string
                    line = found.original.line + text[: len(text) - len(text.lstrip())].count("\n")
                    raise SettingsError(f"Line {line} of {path} is no setting: write NAME=VALUE, with a quotation mark at both "
                                        "ends of the value or at none.")
                if found.key and found.value:
                    values[found.key] = found.value
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8 (byte {error.start + 1}): save it as UTF-8.") from error
    return values
