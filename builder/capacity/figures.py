"""What was measured: seconds of processor and bytes for each kind of request, kept in a file that `--measure` writes.

Processor time rather than requests a second, since it is the server's own whatever else the machine does meanwhile, and since
it tells apart what the API and what the database spend on the same request.
"""
from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from edge.errors import SettingsError

FILE = "figures.json"
MOST_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Figures:
    """Times are CPU milliseconds a request unless named otherwise; ``db_``: PostgreSQL's."""

    machine: str
    measured_on: str
    page_ms: float  # one page from `serve`, no cache before it
    page_wall_per_s: float  # and how many a second one process really gave, its client on the same machine
    overlay_ms: float
    overlay_db_ms: float
    overlay_statements: float  # as pg_stat_statements counts them, COMMIT too
    overlay_wall_per_s: float
    progress_ms: float
    progress_db_ms: float
    progress_statements: float
    progress_wall_per_s: float
    login_ms: float
    login_db_ms: float
    login_statements: float
    query_wall_ms: float  # the overlay's statement, one client, on one connection
    page_bytes: float  # gzip, with its headers
    overlay_bytes: float
    assets_bytes: float  # all that a lecture's page loads in a new browser, gzip
    assets: float  # and in how many requests
    instance_bytes: float  # resident in one process that has answered all this


def load(data: Path) -> Figures | None:
    """What `--measure` last wrote into the folder *data*. Raises SettingsError for a file that is none of ours."""
    path = data / FILE
    try:
        with path.open("rb") as file:
            said = json.loads(file.read(MOST_BYTES))
        kinds = {one.name: one.type for one in fields(Figures)}
        if not isinstance(said, dict) or set(said) != set(kinds):
            raise ValueError("other fields")
        values: dict[str, Any] = {name: str(value) if kinds[name] == "str" else _number(value) for name, value in said.items()}
        return Figures(**values)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise SettingsError(f"{path} holds no figures of this Lectern: delete it, or write it anew with `capacity --measure`.") from error


def save(data: Path, figures: Figures) -> Path:
    """Write *figures* into the folder *data*, which is made where it is not; the file's path."""
    data.mkdir(parents=True, exist_ok=True)
    path = data / FILE
    path.write_text(json.dumps(asdict(figures), indent=1) + "\n")
    return path


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < float("inf"):
        raise ValueError(f"{value!r} is no figure")
    return float(value)
