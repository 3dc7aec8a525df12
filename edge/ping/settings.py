"""Who is told of changes, as the settings name them."""
from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from edge.errors import SettingsError

NAMES: dict[str, str] = {
    "LECTERN_WEBSUB_HUB": "URL of the WebSub hub that feeds name and that is told when they change; without it there is none",
    "LECTERN_INDEXNOW_KEY": "key by which search engines are told which pages changed, 8 to 128 letters a-z, A-Z, 0-9 and -; "
                            "without it none is told",
}

_HUB_LETTERS = 500
_KEY = re.compile(r"[A-Za-z0-9-]{8,128}")
_HERE = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Pings:
    """"" for none. The key is no secret: the site shows it in a file."""

    hub: str = ""
    indexnow_key: str = ""


def read_pings(values: Mapping[str, str], base_url: str) -> Pings:
    """Who *values* say is to be told. Raises SettingsError, naming the setting, where one is wrong."""
    hub = values.get("LECTERN_WEBSUB_HUB", "").strip()
    if hub and not _is_url(hub):
        raise SettingsError(f"LECTERN_WEBSUB_HUB is {hub!r}: write the hub's address, such as https://hub.example/.")
    key = values.get("LECTERN_INDEXNOW_KEY", "").strip()
    if key and not _KEY.fullmatch(key):
        raise SettingsError(f"LECTERN_INDEXNOW_KEY is {key!r}: write 8 to 128 letters a-z, A-Z, 0-9 and -, such as `openssl rand -hex 16` "
                            "prints.")
    if key and urlsplit(base_url).hostname in _HERE:
        raise SettingsError(f"LECTERN_INDEXNOW_KEY is set, and no search engine reaches LECTERN_BASE_URL, which is {base_url}: set that to "
                            "the site's public address, or take the key out.")
    return Pings(hub, key)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return good and "@" not in parts.netloc and not parts.fragment and re.fullmatch(f"[!-~]{{1,{_HUB_LETTERS}}}", text) is not None
