"""Who is asking: an opaque token in a cookie, of which the database keeps the hash.

A session holds as long as its row is there, so it ends at once on every instance when the row is
deleted; nothing of it is kept in a process. OWASP ASVS 5.0, chapter V7.
"""
from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any, TypeVar, cast, overload

from flask import Response, current_app, g, request
from psycopg2.extensions import cursor as Cursor
from werkzeug.wrappers import Response as BaseResponse

from api import pool
from api.errors import problem
from api.queries import queries

DAY_S = 24 * 60 * 60
LIFE_S = 30 * DAY_S
"""A session ends then, used or not (ASVS 7.3.2)."""

IDLE_S = 14 * DAY_S
"""A session that nobody used so long ends (ASVS 7.3.1): a term's break is longer, a missed week is not."""

FRESH_S = 10 * 60
"""So young a session stands for a password where the account has none."""

MOST_AN_ACCOUNT = 50
ROLES = ("student", "editor", "admin")
"""From the least; each may do what those before it may."""

_SQL = queries(Path(__file__).parent, "sessions")
_AGENT_BYTES = 400
_TOKEN_LETTERS = 43  # 256 bits in base64
_SIGNED_IN, _ANYBODY = "s", "a"  # how cookies begin: nobody asks the database about a stranger's
_log = logging.getLogger("lectern.auth")
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Session:
    """One browser that is signed in. ``tag`` names the session where others may see it: it opens nothing."""

    account_id: int
    role: str
    revision: int
    token_hash: bytes
    tag: str

    def may(self, role: str) -> bool:
        """Whether it may do what *role* may."""
        return ROLES.index(self.role) >= ROLES.index(role)


@dataclass(frozen=True, slots=True)
class Listed:
    """A session as its owner sees it in a list."""

    tag: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    agent: str


def current() -> Session | None:
    """The session of this request, or None. One indexed read, on the primary, the first time that it is asked."""
    if "session_read" not in g:
        g.session_read = _read()
    found: Session | None = g.session_read
    return found


@overload
def signed_in(view: F) -> F: ...
@overload
def signed_in(*, role: str) -> Callable[[F], F]: ...
def signed_in(view: F | None = None, *, role: str = "student") -> F | Callable[[F], F]:
    """Only for who is signed in, and has *role* or one above it: else 401 and 403."""
    assert role in ROLES

    def guard(view: F) -> F:
        @wraps(view)
        def guarded(*args: object, **more: object) -> object:
            session = current()
            if session is None:
                return unauthorized("Log in first: this address answers only who is signed in.")
            if not session.may(role):
                return problem(403, f"This needs the role {role}.")
            return view(*args, **more)

        return cast(F, guarded)

    return guard(view) if view else guard


def unauthorized(detail: str) -> Response:
    """The problem for who is not signed in. RFC 9110 11.6.1 wants a challenge; no browser asks for a password at this one."""
    answer = problem(401, detail)
    answer.headers["WWW-Authenticate"] = 'Cookie realm="lectern"'
    return answer


def mine() -> Session:
    """The session of this request, where ``signed_in`` has made sure of one."""
    session = current()
    assert session is not None
    return session


def begin(cursor: Cursor, account_id: int) -> str:
    """A new session of *account_id* for this request's browser; its token, to be set as cookie when the transaction has held.

    The session that the browser had ends: a token never outlives a log-in (ASVS 7.2.4).
    """
    if old := _token():
        cursor.execute(_SQL["end"], {"hash": hash_of(old)})
    token = _SIGNED_IN + secrets.token_urlsafe(32)
    agent = request.headers.get("User-Agent", "").encode("utf-8", "replace").replace(b"\0", b"")[:_AGENT_BYTES].decode("utf-8", "ignore")
    cursor.execute(_SQL["begin"], {"hash": hash_of(token), "account_id": account_id, "life_s": LIFE_S, "agent": agent})
    cursor.execute(_SQL["trim"], {"account_id": account_id, "most": MOST_AN_ACCOUNT})
    return token


def end(cursor: Cursor, session: Session) -> None:
    """Ends *session*, at once and everywhere."""
    cursor.execute(_SQL["end"], {"hash": session.token_hash})


def end_all(cursor: Cursor, account_id: int) -> None:
    """Ends every session of the account, at once and everywhere."""
    cursor.execute(_SQL["end_all"], {"account_id": account_id})


def end_tagged(cursor: Cursor, account_id: int, tag: str) -> bool:
    """Ends the account's session called *tag*; False where it has none."""
    cursor.execute(_SQL["end_tagged"], {"account_id": account_id, "tag": tag})
    return cursor.rowcount > 0


def listed(cursor: Cursor, account_id: int) -> list[Listed]:
    """The account's sessions, the one last seen first."""
    cursor.execute(_SQL["list"], {"account_id": account_id, "idle_s": IDLE_S})
    return [Listed(_tag(bytes(hash_)), *rest) for hash_, *rest in cursor.fetchall()]


def is_fresh(cursor: Cursor, session: Session) -> bool:
    """Whether somebody logged in just now with this very session."""
    cursor.execute(_SQL["age"], {"hash": session.token_hash})
    row = cursor.fetchone()
    return row is not None and row[0] < FRESH_S


def look_where(cursor: Cursor) -> None:
    """Sees whether the database is from a backup, in which sessions live again that have ended since; then all of them end, and
    every mailed secret. Costs a read where nothing was started or restored since."""
    cursor.execute(_SQL["look_where"])
    if cursor.fetchone() == (True,):
        _log.warning("auth.database_from_backup")


def end_everything(cursor: Cursor) -> None:
    """Ends the sessions of everybody, and every mailed secret."""
    cursor.execute(_SQL["end_everything"])


def raise_revision(cursor: Cursor, account_id: int) -> int:
    """Call it in every transaction that writes anything of a student: what was kept of it is old from there on."""
    cursor.execute(_SQL["raise_revision"], {"account_id": account_id})
    row = cursor.fetchone()
    return int(row[0]) if row else 0


def sweep(cursor: Cursor, most: int) -> int:
    """Deletes at most *most* rows of sessions that hold no more; how many it were."""
    cursor.execute(_SQL["sweep"], {"idle_s": IDLE_S, "most": most})
    return cursor.rowcount


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
    return _tag(hash_of(token))


def strangers_token() -> str:
    """A token for a browser that is not signed in, which only holds its forms together (see csrf.py)."""
    return _ANYBODY + secrets.token_urlsafe(32)


def hash_of(token: str) -> bytes:
    """What the database keeps of a token. It has 256 bits of chance, so a plain hash cannot be turned back."""
    return hashlib.sha256(token.encode()).digest()


def _token() -> str:
    token = cookie()
    return token if token.startswith(_SIGNED_IN) else ""


def _read() -> Session | None:
    token = _token()
    if not token:
        return None
    hash_ = hash_of(token)
    account_id, role, revision, unseen, known = _asked(hash_)
    if not known:  # the server was started since, or a dump restored
        with pool.current().transaction() as cursor:
            look_where(cursor)
        account_id, role, revision, unseen, _ = _asked(hash_)
    if account_id is None:
        return None
    if unseen:
        with pool.current().transaction() as cursor:
            cursor.execute(_SQL["seen"], {"hash": hash_})
    return Session(account_id, role, revision, hash_, _tag(hash_))


def _asked(token_hash: bytes) -> tuple[Any, ...]:
    (row,) = pool.current().read(_SQL["current"], {"hash": token_hash, "idle_s": IDLE_S}, prepared=True)
    return row


@lru_cache(maxsize=16_384)
def _tag(token_hash: bytes) -> str:
    return hashlib.sha256(b"tag:" + token_hash).hexdigest()[:16]
