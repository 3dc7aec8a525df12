"""Addresses of protected media that hold for a few minutes: a signature over a folder, or one file, and a time.

The signature is a segment of the path, so whatever a playlist names beside itself bears it too:
``/protected/1700000300.2.SIGNATURE/batch-12/video-831/playlist.m3u8`` opens all that the two folders
``batch-12/video-831/`` hold until that second, and so its ``segment-1.ts``; with 3 for 2, the playlist alone. Any
server that knows the secret can check it. The signature is HMAC-SHA-256 (RFC 2104) over ``UNTIL/batch-12/video-831/``,
or ``UNTIL/`` and the file's whole name, in base64url without padding.
"""
from __future__ import annotations

import base64
import hashlib
import hmac
import re

PROTECTED = "protected/"
"""Where protected media lie in a store; a key below it is never served without a signature."""

_SIGNED = re.compile(r"/protected/([0-9]{1,12})\.([1-9][0-9]?)\.([A-Za-z0-9_-]{43})/(.+)", re.ASCII | re.DOTALL)


def sign(secret: str, opens: str, until_s: int) -> str:
    """The segment that opens *opens* until *until_s*, in seconds since 1970.

    *opens*, decoded: a folder (``batch-12/video-831/``) with all that it holds, or a file (``batch-12/video-831.mp4``).
    """
    return f"{until_s}.{len(opens.rstrip('/').split('/'))}.{_mac(secret, opens, until_s)}"


def key_behind(secret: str, path: str, now_s: float) -> str | None:
    """The store key that the decoded *path* opens at *now_s*; None where it is unsigned, altered, of another folder or over."""
    if not secret or not (read := _SIGNED.fullmatch(path)):
        return None
    until_s, depth, rest = int(read[1]), int(read[2]), read[4]
    segments = rest.split("/")
    if "" in segments or depth > len(segments):
        return None
    opens = rest if depth == len(segments) else "/".join(segments[:depth]) + "/"
    if not hmac.compare_digest(_mac(secret, opens, until_s), read[3]) or now_s >= until_s:
        return None
    return PROTECTED + rest


def _mac(secret: str, opens: str, until_s: int) -> str:
    digest = hmac.digest(secret.encode(), f"{until_s}/{opens}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
