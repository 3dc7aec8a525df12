"""CloudFront's way to sign addresses: a custom policy over the folder (RSA, SHA-1, as CloudFront has it), whose three parameters the
player's script repeats at each segment, or which go as cookies where media and site are one host.

Source: "Use signed URLs" and "Use signed cookies" in the CloudFront Developer Guide.
"""
from __future__ import annotations

import base64
import json
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from api.playback.signing import VALID_S, Signed, below, opened
from edge.errors import SettingsError

_FOR_CLOUDFRONT = str.maketrans("+=/", "-_~")


class CloudFrontSigner:
    """A custom policy over the folder, signed by the key that CloudFront knows as *key_id*."""

    def __init__(self, base: str, key_id: str, key: RSAPrivateKey) -> None:
        self._base = base
        self._key_id = key_id
        self._key = key

    def sign(self, url: str, now_s: float) -> Signed | None:
        """See Signer."""
        if (name := below(self._base, url)) is None:
            return None
        until_s = int(now_s) + VALID_S
        folder = opened(name)
        policy = self._policy(folder, until_s)
        parts = {"Policy": _letters(policy), "Signature": _letters(self._key.sign(policy, padding.PKCS1v15(), SHA1())),
                 "Key-Pair-Id": self._key_id}
        query = "&".join(f"{part}={value}" for part, value in parts.items())
        if not folder.endswith("/"):
            return Signed(f"{url}?{query}", until_s)
        return Signed(f"{url}?{query}", until_s, query, {f"CloudFront-{part}": value for part, value in parts.items()},
                      urlsplit(f"{self._base}{folder}").path)

    def _policy(self, opened: str, until_s: int) -> bytes:
        """Without a space, as CloudFront wants it. The star stands for all that a folder holds."""
        resource = f"{self._base}{opened}*" if opened.endswith("/") else f"{self._base}{opened}"
        return json.dumps({"Statement": [{"Resource": resource, "Condition": {
            "DateLessThan": {"AWS:EpochTime": until_s}}}]}, separators=(",", ":")).encode()


def _letters(raw: bytes) -> str:
    return base64.b64encode(raw).decode().translate(_FOR_CLOUDFRONT)


def key_of(file: Path) -> RSAPrivateKey:
    """The key that *file* holds. Raises SettingsError where it holds no RSA key."""
    try:
        key = load_pem_private_key(file.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SettingsError(f"LECTERN_MEDIA_KEY_FILE: {file} cannot be read as a private key in PEM without a password.") from error
    if not isinstance(key, RSAPrivateKey):
        raise SettingsError(f"LECTERN_MEDIA_KEY_FILE: {file} holds no RSA key, which CloudFront's signer here wants.")
    return key
