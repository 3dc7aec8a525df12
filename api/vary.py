"""The field Vary, whose names are added as text: as a set that is read and written anew for each, it took a tenth of an answer's time."""
from __future__ import annotations

from functools import lru_cache

from werkzeug.wrappers import Response


def add(answer: Response, name: str) -> None:
    """Say that *answer* differs by the request's field *name*; nothing where it says so, or ``*``."""
    headers = answer.headers
    said = headers.get("Vary", "")
    if (joined := _joined(said, name)) != said:
        headers["Vary"] = joined


@lru_cache(maxsize=256)  # a handful of fields, in few orders
def _joined(said: str, name: str) -> str:
    known = [one.strip().lower() for one in said.split(",")] if said else []
    return said if name.lower() in known or "*" in known else ", ".join(filter(None, (said, name)))
