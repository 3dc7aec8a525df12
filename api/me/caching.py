"""How an answer about one student is kept, and never shown to another or after a change.

Each account has a revision, raised by every transaction that writes anything of the student. The
request's one indexed read brings it with the session, so it is always the present one. It stands

- in the ETag, after the session's tag: a 304 is answered before anything else is asked,
- in the key under which the body is kept in this process or in Redis,
- in the cookie ``lectern_state`` (TAG.REVISION, readable by the page's script), which each answer sets
  where the browser's is another. By ``Vary: Cookie`` what a browser kept before its own write, or before
  another student logged in, no longer answers; and the script puts the same value into the address as ``v``.

An address whose ``v`` is not the present state is answered with the present state, and ``no-store``: nothing
is ever kept under a name that means another state. What also follows the catalog carries a window of the
clock in key and ETag, so that no 304 confirms it for longer than the tier's time.
"""
from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path

from flask import Response, current_app, request

from api import cache, vary
from api.auth.session_cookie import LIFE_S
from api.auth.sessions import Session
from api.bodies import say
from api.compression import held_tag
from edge.tiers import PROFILES, cache_control

COOKIE = "lectern_state"

# Another version of these files may say the same state in other words, under the same revision.
_API = Path(__file__).parents[1]
_SAYING = [_API / "cursors.py", *(file for folder in ("me", "schema") for file in sorted((_API / folder).rglob("*"))
                                  if file.suffix in (".py", ".sql"))]
_SHAPE = hashlib.blake2b(b"".join(file.read_bytes() for file in _SAYING), digest_size=4).hexdigest()


def state_of(session: Session, revision: int | None = None) -> str:
    """What the page's script puts into addresses: the session's tag and the account's revision."""
    return f"{session.tag}.{session.revision if revision is None else revision}"


def kept(session: Session, what: str, v: str, make: Callable[[], bytes], *, follows_catalog: bool = False) -> Response:
    """The answer *what* (a name with all its arguments) about the student of *session*; *make* gives its JSON.

    *v* is the state that the asker thinks of, "" where none. *make* is called only where neither the asker
    nor the cache holds the present answer; what it gives must be no older than the session's revision.
    """
    profile = current_app.config["LECTERN_PROFILE"]
    ttl_s = PROFILES[profile].user_s
    state = state_of(session)
    window = f".{int(time.time()) // ttl_s:x}" if follows_catalog else ""
    etag = f"{state}.{_SHAPE}{window}"
    if tag := held_tag(etag):
        answer = Response(status=304)
        answer.headers["ETag"] = tag
    else:
        key = f"me:{session.account_id}:{session.revision}:{_SHAPE}{window}:{what}"
        body, _ = cache.current().get_or_make(key, make, ttl_s)
        answer = Response(body, content_type="application/json")
        answer.headers["ETag"] = f'"{etag}"'
    answer.headers["Cache-Control"] = cache_control("user" if v in ("", state) else "never", profile)
    vary.add(answer, "Cookie")
    tell(answer, state)
    return answer


def written(session: Session, revision: int, value: object, status: int = 200) -> Response:
    """The answer to a write, which made *revision*."""
    answer = say(value, status, Cache_Control=cache_control("never", "100k"))
    tell(answer, state_of(session, revision))
    return answer


def tell(answer: Response, state: str) -> None:
    """Have the browser know the present state."""
    if request.cookies.get(COOKIE) != state:
        answer.set_cookie(COOKIE, state, max_age=LIFE_S, path="/", samesite="Lax", secure=current_app.config["LECTERN_HTTPS"])
