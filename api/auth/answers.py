"""Answers that give a browser a session, or take it away."""
from __future__ import annotations

from flask import Response, current_app

from api import bodies
from api.auth import csrf, service, session_cookie
from api.auth.shapes import AccountShown, SessionShown
from api.me import caching


def begun(account_id: int, token: str) -> Response:
    """The answer to who has just been given a session."""
    answer = shown(account_id, token, session_cookie.tag_of(token))
    session_cookie.set_cookie(answer, token)
    return answer


def shown(account_id: int, cookie: str, tag: str) -> Response:
    account = service.account(account_id)
    if account is None:  # it was deleted a moment ago
        return stranger()
    shown = AccountShown(id=account.id, email=account.email, name=account.name, role=account.role, has_password=account.has_password)
    answer = bodies.say(SessionShown(account=shown, csrf=csrf.token_of(cookie), tag=tag, revision=account.revision))
    caching.tell(answer, f"{tag}.{account.revision}")
    return answer


def stranger() -> Response:
    """Who is not signed in has a cookie all the same, for forms; it opens nothing, and goes when a session begins."""
    token = session_cookie.cookie()
    if token and not session_cookie.opens(token):
        return bodies.say(SessionShown(csrf=csrf.token_of(token)))
    token = session_cookie.strangers_token()
    answer = bodies.say(SessionShown(csrf=csrf.token_of(token)))
    session_cookie.set_cookie(answer, token)
    return answer


def left() -> Response:
    """The browser drops what it kept of the student: answers, and what pages stored (ASVS 14.3.1)."""
    answer = Response(status=204)
    session_cookie.forget_cookie(answer)
    answer.delete_cookie(caching.COOKIE, path="/", samesite="Lax", secure=current_app.config["LECTERN_HTTPS"])
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'
    return answer
