"""Answers that give a browser a session, or take it away."""
from __future__ import annotations

from flask import Response, current_app

from api import bodies
from api.auth import csrf, service, sessions
from api.auth.types import AccountShown, SessionShown
from api.me import kept


def begun(account_id: int, token: str) -> Response:
    """The answer to who has just been given a session."""
    answer = shown(account_id, token, sessions.tag_of(token))
    sessions.set_cookie(answer, token)
    return answer


def shown(account_id: int, cookie: str, tag: str) -> Response:
    account = service.account(account_id)
    if account is None:  # it was deleted a moment ago
        return stranger()
    shown = AccountShown(id=account.id, email=account.email, name=account.name, role=account.role, has_password=account.has_password)
    answer = bodies.say(SessionShown(account=shown, csrf=csrf.token_of(cookie), tag=tag, revision=account.revision))
    kept.tell(answer, f"{tag}.{account.revision}")
    return answer


def stranger() -> Response:
    """Who is not signed in has a cookie all the same, for forms; it opens nothing, and goes when a session begins."""
    token = sessions.cookie()
    if token and not sessions.opens(token):
        return bodies.say(SessionShown(csrf=csrf.token_of(token)))
    token = sessions.strangers_token()
    answer = bodies.say(SessionShown(csrf=csrf.token_of(token)))
    sessions.set_cookie(answer, token)
    return answer


def left() -> Response:
    """The browser drops what it kept of the student: answers, and what pages stored (ASVS 14.3.1)."""
    answer = Response(status=204)
    sessions.forget_cookie(answer)
    answer.delete_cookie(kept.COOKIE, path="/", samesite="Lax", secure=current_app.config["LECTERN_HTTPS"])
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'
    return answer
