"""Where own media lie and how their addresses are signed, as the settings say."""
from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from edge.errors import SettingsError
from edge.media_signature import PROTECTED

NAMES: dict[str, str] = {
    "LECTERN_MEDIA_URL": "where own media of gated batches lie; default: /protected/ of the site",
    "LECTERN_MEDIA_SECRET": "secret of at least 32 letters by which addresses of own media are signed and checked",
    "LECTERN_MEDIA_KEY_ID": "id of the CloudFront public key by which addresses of own media are checked there",
    "LECTERN_MEDIA_KEY_FILE": "file of the RSA private key that belongs to it, in PEM",
}
SECRET_LETTERS = 32

MEDIA = "media/"
"""Where own media lie in a store that anybody may see. Those of gated batches lie below ``edge.media_signature.PROTECTED``."""


@dataclass(frozen=True, slots=True)
class Media:
    """``url`` ends in a slash. With a secret addresses are signed as ``edge.media_signature`` has
    it, with a key for CloudFront, else not at all."""

    url: str = ""
    secret: str = field(default="", repr=False)
    key_id: str = ""
    key_file: Path | None = None


def read_media(values: Mapping[str, str], base_url: str) -> Media:
    """The settings of own media in *values*. Raises SettingsError, naming the setting, where one is wrong or missing."""
    secret = values.get("LECTERN_MEDIA_SECRET", "")
    key_id, key_file = values.get("LECTERN_MEDIA_KEY_ID", ""), values.get("LECTERN_MEDIA_KEY_FILE", "")
    if secret and not re.fullmatch(f"[!-~]{{{SECRET_LETTERS},512}}", secret):
        raise SettingsError(f"LECTERN_MEDIA_SECRET must be {SECRET_LETTERS} to 512 letters, figures and signs without a space, "
                            "such as `openssl rand -hex 32` prints.")  # not shown
    if bool(key_id) != bool(key_file):
        missing = "LECTERN_MEDIA_KEY_FILE" if key_id else "LECTERN_MEDIA_KEY_ID"
        raise SettingsError(f"{missing} is not set: CloudFront needs the key's id and its file both.")
    if secret and key_id:
        raise SettingsError("LECTERN_MEDIA_SECRET and LECTERN_MEDIA_KEY_ID are both set: own media are signed in one way, take one out.")
    if key_id and not re.fullmatch(r"[A-Z0-9]{1,64}", key_id):
        raise SettingsError(f"LECTERN_MEDIA_KEY_ID is {key_id!r}: an id such as K2JCJMDEHXQW5F is meant.")
    if key_id and not Path(key_file).is_file():
        raise SettingsError(f"LECTERN_MEDIA_KEY_FILE is {key_file!r}: there is no such file.")
    return Media(_url(values, base_url), secret, key_id, Path(key_file) if key_file else None)


def _url(values: Mapping[str, str], base_url: str) -> str:
    url = values.get("LECTERN_MEDIA_URL", f"{base_url}/{PROTECTED}")
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or parts.query or parts.fragment or "@" in parts.netloc or not re.fullmatch(r"[!-~]+", url) or re.search(r"[%*?\\]", url):
        raise SettingsError(f"LECTERN_MEDIA_URL is {url!r}: write scheme, host and folder, such as https://media.example/lectures/.")
    return url if url.endswith("/") else f"{url}/"
