"""The field Vary, whose names are added as text: as a set that is read and written anew for each, it took a tenth of an answer's time."""
from __future__ import annotations

from werkzeug.wrappers import Response


def add(answer: Response, name: str) -> None:
    """Say that *answer* differs by the request's field *name*; nothing where it says so, or ``*``."""
    headers = answer.headers
    said = headers.get("Vary")
    if not said:
        headers["Vary"] = name
    elif name.lower() not in (known := [one.strip().lower() for one in said.split(",")]) and "*" not in known:
        headers["Vary"] = f"{said}, {name}"
