"""The API's settings: what all rooms share, and what follows from it for this one."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from edge.settings import Settings, read_settings
from edge.tiers import PROFILES

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """What the API is made from."""

    shared: Settings
    requests_per_window: int  # a client, in edge.tiers.WINDOW_S
    trusted_hosts: tuple[str, ...]  # names that a request's Host may bear, without ports


def read_api_settings(environ: Mapping[str, str], dotenv_path: Path | None = None) -> ApiSettings:
    """The API's settings from *environ* over the file. Raises SettingsError, naming the setting."""
    return of_shared(read_settings(environ, dotenv_path))


def of_shared(shared: Settings) -> ApiSettings:
    """The API's settings where the shared ones are read already."""
    host = urlsplit(shared.base_url).hostname or LOOPBACK[0]
    return ApiSettings(shared, PROFILES[shared.profile].requests_per_window, tuple(dict.fromkeys((host, *LOOPBACK))))
