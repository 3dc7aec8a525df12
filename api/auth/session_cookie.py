"""The cookie by which a browser is known: a session's token, or a stranger's, which only holds its forms together.

The token is opaque. The database keeps its hash; its tag names the session where others may see it, and opens nothing.
"""
from __future__ import annotations

import hashlib
import secrets
from functools import lru_cache

from flask import Response, current_app, g, request
from werkzeug.wrappers import Response as BaseResponse

from edge.tiers import DAY_S

LIFE_S = 30 * DAY_S
"""A session ends then, used or not (ASVS 7.3.2), and its cookie with it."""

_TOKEN_LETTERS = 43  # 256 bits in base64
_SIGNED_IN, _ANYBODY = "s", "a"  # how cookies begin: nobody asks the database about a stranger's


def cookie_name(*, https: bool) -> str:
    """The prefix binds the cookie to this host over TLS (RFC 6265bis); plain http, as on loopback, cannot have it."""
    return "__Host-session" if https else "session"


def set_cookie(answer: BaseResponse, token: str) -> None:
    """Gives the browser *token*: a session's, or a stranger's."""
    https = current_app.config["LECTERN_HTTPS"]
    answer.set_cookie(cookie_name(https=https), token, max_age=LIFE_S if token[0] == _SIGNED_IN else None,
                      secure=https, httponly=True, samesite="Lax", path="/")
    g.cookie = token


def forget_cookie(answer: Response) -> None:
    """Takes the cookie from the browser."""
    https = current_app.config["LECTERN_HTTPS"]
    answer.delete_cookie(cookie_name(https=https), secure=https, httponly=True, samesite="Lax", path="/")


def cookie() -> str:
    """What the browser bears, or is given with this answer: a session's token or a stranger's; "" where neither."""
    if "cookie" not in g:
        given = request.cookies.get(cookie_name(https=current_app.config["LECTERN_HTTPS"]), "")
        good = len(given) == 1 + _TOKEN_LETTERS and given.isascii() and given[0] in (_SIGNED_IN, _ANYBODY)
        g.cookie = given if good else ""
    known: str = g.cookie
    return known


def opens(token: str) -> bool:
    """Whether *token* has the form of a session's, and not of a stranger's."""
    return token.startswith(_SIGNED_IN)


def tag_of(token: str) -> str:
    """What the session of *token* is called where others may see it."""
    return tag_of_hash(hash_of(token))


def sessions_token() -> str:
    """A token for a session that begins."""
    return _SIGNED_IN + secrets.token_urlsafe(32)


def strangers_token() -> str:
    """A token for a browser that is not signed in, which only holds its forms together (see csrf.py)."""
    return _ANYBODY + secrets.token_urlsafe(32)


def hash_of(token: str) -> bytes:
    """What the database keeps of a token. It has 256 bits of chance, so a plain hash cannot be turned back."""
    return hashlib.sha256(token.encode()).digest()


@lru_cache(maxsize=16_384)
def tag_of_hash(token_hash: bytes) -> str:
    """The same, of the token's hash."""
    return hashlib.sha256(b"tag:" + token_hash).hexdigest()[:16]
