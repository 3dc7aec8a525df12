"""Who is asking: an opaque token in a cookie, of which the database keeps the hash.

A session holds as long as its row is there, so it ends at once on every instance when the row is
deleted; nothing of it is kept in a process. OWASP ASVS 5.0, chapter V7.
"""
from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast, overload

from flask import Response, g, request
from psycopg2.extensions import cursor as Cursor

from api import pool
from api.auth.session_cookie import LIFE_S, cookie, hash_of, opens, sessions_token, tag_of_hash
from api.errors import problem
from api.problems import ROLE_NEEDED, SIGNED_OUT, ProblemType
from api.queries import queries
from edge.tiers import DAY_S

IDLE_S = 14 * DAY_S
"""A session that nobody used so long ends (ASVS 7.3.1): a term's break is longer, a missed week is not."""

FRESH_S = 10 * 60
"""So young a session stands for a password where the account has none."""

MOST_AN_ACCOUNT = 50
ROLES = ("student", "editor", "admin")
"""From the least; each may do what those before it may."""

_SQL = queries(Path(__file__).parent, "sessions")
_AGENT_BYTES = 400
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
                return problem(ROLE_NEEDED, f"This needs the role {role}.")
            return view(*args, **more)

        return cast(F, guarded)

    return guard(view) if view else guard


def unauthorized(detail: str, what: ProblemType = SIGNED_OUT) -> Response:
    """The problem for who is not signed in. RFC 9110 11.6.1 wants a challenge; no browser asks for a password at this one."""
    answer = problem(what, detail)
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
    if opens(old := cookie()):
        cursor.execute(_SQL["end"], {"hash": hash_of(old)})
    token = sessions_token()
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
    return [Listed(tag_of_hash(bytes(hash_)), *rest) for hash_, *rest in cursor.fetchall()]


def is_fresh(cursor: Cursor, session: Session) -> bool:
    """Whether somebody logged in just now with this very session."""
    cursor.execute(_SQL["age"], {"hash": session.token_hash})
    row = cursor.fetchone()
    return row is not None and row[0] < FRESH_S


def end_restored(cursor: Cursor) -> None:
    """Ends all sessions and mailed secrets where the database is from a backup: in it those live again that have ended since. Costs
    a read where nothing was started or restored since."""
    cursor.execute(_SQL["end_restored"])
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


def _read() -> Session | None:
    if not opens(token := cookie()):
        return None
    hash_ = hash_of(token)
    account_id, role, revision, unseen, known = _asked(hash_)
    if not known:  # the server was started since, or a dump restored
        with pool.current().transaction() as cursor:
            end_restored(cursor)
        account_id, role, revision, unseen, _ = _asked(hash_)
    if account_id is None:
        return None
    if unseen:
        with pool.current().transaction() as cursor:
            cursor.execute(_SQL["seen"], {"hash": hash_})
    return Session(account_id, role, revision, hash_, tag_of_hash(hash_))


def _asked(token_hash: bytes) -> tuple[Any, ...]:
    (row,) = pool.current().read(_SQL["current"], {"hash": token_hash, "idle_s": IDLE_S}, prepared=True)
    return row
