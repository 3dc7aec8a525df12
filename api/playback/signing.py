"""Signs the addresses of own media for a few minutes, so that a playlist's segments are covered with it.

Two ways, by the settings: a segment of the path that ``edge.signed`` checks, which everything beside the
playlist inherits; and CloudFront's custom policy over the folder (RSA, SHA-1, as CloudFront has it), whose
three parameters the player's script repeats at each segment, or which go as cookies where media and site
are one host. Source: "Use signed URLs" and "Use signed cookies" in the CloudFront Developer Guide.
"""
from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, unquote, urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from edge.errors import SettingsError
from edge.media import Media
from edge.signed import sign

VALID_S = 300
"""A signed address is shared as easily as a link, so it holds no longer than a start takes; the player asks again."""

_PLAYLISTS = (".m3u8", ".mpd")
_FOR_CLOUDFRONT = str.maketrans("+=/", "-_~")


@dataclass(frozen=True, slots=True)
class Signed:
    """An address that holds until ``until_s`` (seconds since 1970); a playlist's covers its folder.

    ``query`` is to be added to the address of each segment; "" where the path bears the signature. ``cookies``
    do the same for ``path`` where the media lie on the site's own host.
    """

    url: str
    until_s: int
    query: str = ""
    cookies: Mapping[str, str] = field(default_factory=dict)
    path: str = "/"


class Signer(Protocol):
    """Signs addresses of own media, and no others."""

    def sign(self, url: str, now_s: float) -> Signed | None:
        """*url* signed for ``VALID_S`` seconds; None where it leads elsewhere than to own media."""


def signer_of(media: Media) -> Signer:
    """What *media* sets. Raises SettingsError where the key's file holds no RSA key."""
    if media.secret:
        return PathSigner(media.url, media.secret)
    if media.key_file:
        return CloudFrontSigner(media.url, media.key_id, _key(media.key_file))
    return NoSigner()


class NoSigner:
    """There are no own media: each source plays where it stands."""

    def sign(self, url: str, now_s: float) -> Signed | None:
        """None."""
        return None


class PathSigner:
    """A signature in the path, below *base*."""

    def __init__(self, base: str, secret: str) -> None:
        self._base = base
        self._secret = secret

    def sign(self, url: str, now_s: float) -> Signed | None:
        """See Signer."""
        if (name := _below(self._base, url)) is None:
            return None
        until_s = int(now_s) + VALID_S
        return Signed(f"{self._base}{sign(self._secret, unquote(_opened(name)), until_s)}/{name}", until_s)


class CloudFrontSigner:
    """A custom policy over the folder, signed by the key that CloudFront knows as *key_id*."""

    def __init__(self, base: str, key_id: str, key: RSAPrivateKey) -> None:
        self._base = base
        self._key_id = key_id
        self._key = key

    def sign(self, url: str, now_s: float) -> Signed | None:
        """See Signer."""
        if (name := _below(self._base, url)) is None:
            return None
        until_s = int(now_s) + VALID_S
        opened = _opened(name)
        policy = self._policy(opened, until_s)
        parts = {"Policy": _letters(policy), "Signature": _letters(self._key.sign(policy, padding.PKCS1v15(), SHA1())),
                 "Key-Pair-Id": self._key_id}
        query = "&".join(f"{part}={value}" for part, value in parts.items())
        if not opened.endswith("/"):
            return Signed(f"{url}?{query}", until_s)
        return Signed(f"{url}?{query}", until_s, query, {f"CloudFront-{part}": value for part, value in parts.items()},
                      urlsplit(f"{self._base}{opened}").path)

    def _policy(self, opened: str, until_s: int) -> bytes:
        """Without a space, as CloudFront wants it. The star stands for all that a folder holds."""
        resource = f"{self._base}{opened}*" if opened.endswith("/") else f"{self._base}{opened}"
        return json.dumps({"Statement": [{"Resource": resource, "Condition": {
            "DateLessThan": {"AWS:EpochTime": until_s}}}]}, separators=(",", ":")).encode()


def _below(base: str, url: str) -> str | None:
    """What of *url* stands below *base*, or None: of another place, of the folder above, or with parameters of its own."""
    name = url.removeprefix(base)
    if name == url or not name or name != quote(unquote(name), safe="/-._~!$&'()+,;=:@"):
        return None
    return None if any(part in ("", ".", "..") for part in unquote(name).split("/")) else name


def _opened(name: str) -> str:
    """What an address opens: a file itself; with a playlist the folder that it lies in, for that holds its segments.

    A playlist that lies in no folder opens itself alone: else all media were open with it.
    """
    folder, slash, _ = name.rpartition("/")
    return folder + slash if slash and name.endswith(_PLAYLISTS) else name


def _letters(raw: bytes) -> str:
    return base64.b64encode(raw).decode().translate(_FOR_CLOUDFRONT)


def _key(file: Path) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(file.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SettingsError(f"LECTERN_MEDIA_KEY_FILE: {file} cannot be read as a private key in PEM without a password.") from error
    if not isinstance(key, RSAPrivateKey):
        raise SettingsError(f"LECTERN_MEDIA_KEY_FILE: {file} holds no RSA key, which CloudFront's signer here wants.")
    return key
