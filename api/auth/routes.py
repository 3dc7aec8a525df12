"""The addresses of auth: each reads a type, calls the service, answers. Nothing here is ever kept by a cache."""
from __future__ import annotations

from flask import Blueprint, Response

from api import bodies, pool, vary
from api.auth import email_address, oidc_routes, service, session_cookie, sessions
from api.auth.answers import begun, left, shown, stranger
from api.auth.sessions import mine, signed_in
from api.auth.shapes import (
    Address,
    AddressChange,
    Confirmation,
    ListedSession,
    ListedSessions,
    LogIn,
    Mailed,
    PasswordChange,
    Proof,
    Registration,
    Said,
    SessionShown,
)
from api.errors import problem
from api.openapi import describe
from api.problems import NO_SESSION

blueprint = Blueprint("auth", __name__, url_prefix="/api/v1/auth")
blueprint.register_blueprint(oidc_routes.blueprint)
_ASKED = "Look into your mail: what comes next stands there."


@blueprint.after_request
def never_kept(answer: Response) -> Response:
    answer.headers["Cache-Control"] = "no-store"
    vary.add(answer, "Cookie")
    return answer


@blueprint.get("/session")
@describe(summary="Who is signed in, and the token for forms", answers={200: SessionShown})
def session() -> Response:
    here = sessions.current()
    if here is None:
        return stranger()
    return shown(here.account_id, session_cookie.cookie(), here.tag)


@blueprint.post("/register")
@describe(summary="Ask for an account; a mail has the rest", body=Registration, answers={202: Said})
def register() -> Response:
    asked = bodies.read(Registration)
    service.register(email_address.normal(asked.email), asked.name.strip(), asked.password)
    return bodies.say(Said(detail=_ASKED), 202)


@blueprint.post("/register/confirm")
@describe(summary="Make the account that a mail was about, and log in", body=Confirmation,
          answers={200: SessionShown, 401: None, 410: None})
def confirm() -> Response:
    asked = bodies.read(Confirmation)
    return begun(*service.confirm_registration(asked.token, asked.password))


@blueprint.post("/login")
@describe(summary="Log in", body=LogIn, answers={200: SessionShown, 401: None})
def log_in() -> Response:
    asked = bodies.read(LogIn)
    return begun(*service.log_in(email_address.normal(asked.email), asked.password))


@blueprint.post("/logout")
@describe(summary="Log out", answers={204: None})
def log_out() -> Response:
    if here := sessions.current():
        service.log_out(here)
    return left()


@blueprint.post("/logout-everywhere")
@signed_in
@describe(summary="Log out in every browser", answers={204: None}, session=True)
def log_out_everywhere() -> Response:
    service.log_out(mine(), everywhere=True)
    return left()


@blueprint.get("/sessions")
@signed_in
@describe(summary="Where you are signed in", answers={200: ListedSessions}, session=True)
def list_sessions() -> Response:
    here = mine()
    with pool.current().transaction() as cursor:
        found = sessions.listed(cursor, here.account_id)
    return bodies.say(ListedSessions(sessions=[
        ListedSession(tag=s.tag, created_at=s.created_at, seen_at=s.seen_at, expires_at=s.expires_at, agent=s.agent, this=s.tag == here.tag)
        for s in found]))


@blueprint.delete("/sessions/<tag>")
@signed_in
@describe(summary="Log out in one browser", answers={204: None, 404: None}, session=True)
def end_session(tag: str) -> Response:
    here = mine()
    with pool.current().transaction() as cursor:
        ended = sessions.end_tagged(cursor, here.account_id, tag)
    if not ended:
        return problem(NO_SESSION, "You have no such session.")
    return left() if tag == here.tag else Response(status=204)


@blueprint.post("/password")
@signed_in
@describe(summary="Change the password; every other browser is logged out", body=PasswordChange, answers={200: SessionShown}, session=True)
def change_password() -> Response:
    asked = bodies.read(PasswordChange)
    return begun(mine().account_id, service.change_password(mine(), asked.password, asked.new_password))


@blueprint.post("/reset")
@describe(summary="Ask for a link to a new password", body=Address, answers={202: Said})
def ask_reset() -> Response:
    service.ask_reset(email_address.normal(bodies.read(Address).email))
    return bodies.say(Said(detail=_ASKED), 202)


@blueprint.post("/reset/confirm")
@describe(summary="Set the password that a mail was about; every browser is logged out", body=Confirmation, answers={204: None, 410: None})
def reset() -> Response:
    asked = bodies.read(Confirmation)
    service.reset_password(asked.token, asked.password)
    return Response(status=204)


@blueprint.post("/email")
@signed_in
@describe(summary="Ask for another address; a mail there has the rest", body=AddressChange, answers={202: Said}, session=True)
def ask_email() -> Response:
    asked = bodies.read(AddressChange)
    service.ask_email(mine(), email_address.normal(asked.email), asked.password)
    return bodies.say(Said(detail=_ASKED), 202)


@blueprint.post("/email/confirm")
@describe(summary="Make the address that a mail went to the account's", body=Mailed, answers={204: None, 410: None})
def change_email() -> Response:
    service.change_email(bodies.read(Mailed).token)
    return Response(status=204)


@blueprint.post("/delete")
@signed_in
@describe(summary="Delete the account and all that is kept of you", body=Proof, answers={204: None}, session=True)
def delete_account() -> Response:
    service.delete_account(mine(), bodies.read(Proof).password)
    return left()


@blueprint.get("/export")
@signed_in
@describe(summary="All that is kept of you", answers={200: dict}, session=True)
def export() -> Response:
    answer = Response(service.export(mine()), content_type="application/json")
    answer.headers["Content-Disposition"] = 'attachment; filename="lectern.json"'
    return answer
