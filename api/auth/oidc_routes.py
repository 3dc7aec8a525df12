"""The addresses of log-ins through OpenID providers: a start and a callback for each.

One short id in a cookie holds together whatever a browser has begun; the rest is kept in the database.
The cookie is Lax and answers come by query, or it would be missing at the return.
"""
from __future__ import annotations

import logging
import re
import secrets
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import msgspec
from flask import Blueprint, Flask, Response, abort, current_app, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from api import bodies, pool
from api.auth import linking, login_state, service, session_cookie, sessions
from api.auth.answers import begun
from api.auth.errors import Refused
from api.auth.identity import Identity, ProviderError
from api.auth.sessions import mine, signed_in
from api.auth.shapes import Proof, SessionShown, Token
from api.bodies import Body
from api.errors import BusyError, problem
from api.openapi import describe
from api.problems import NO_PROVIDER, PROVIDER_TAKEN, PROVIDER_UNVERIFIED, ProblemType
from api.settings import ApiSettings
from edge.tiers import DAY_S

if TYPE_CHECKING:
    from api.auth.oidc_client import Client

CLIENTS = "lectern.oidc"
HOME = "/account/"
_CALLBACK = "/api/v1/auth/oidc/{name}/callback"
_LOCAL = re.compile(r"/(?![/\\])[!-\[\]-~]*")  # a path here: printable ASCII without a backslash, no second slash
_ID = re.compile(r"[A-Za-z0-9_-]{22}")
_log = logging.getLogger("lectern.auth")
_OUTCOMES: dict[ProblemType, str] = {PROVIDER_UNVERIFIED: "unverified", PROVIDER_TAKEN: "taken"}

blueprint = Blueprint("oidc", __name__, url_prefix="/oidc")
Path = Annotated[str, msgspec.Meta(max_length=500)]


class Start(Body, frozen=True):
    next: Path = HOME


class Return(Body, frozen=True):
    state: str = ""
    code: str = ""
    iss: str = ""
    error: str = ""


class Answer(Body, frozen=True):
    question: Token
    password: Annotated[str, msgspec.Meta(max_length=512)]


class Way(Body, frozen=True):
    name: str
    issuer: str
    linked: bool


class Ways(Body, frozen=True):
    providers: list[Way]


class Place(Body, frozen=True):
    location: str


def init_app(app: Flask, settings: ApiSettings) -> None:
    """Give *app* the configured providers; none is asked before a student is sent there."""
    app.extensions[CLIENTS] = {}
    if not settings.providers:
        return
    from api.auth.oidc_client import Client  # a tenth of a process's memory, for those who have one

    app.extensions[CLIENTS] = {
        provider.name: Client(provider, settings.shared.base_url + _CALLBACK.format(name=provider.name)) for provider in settings.providers}


@blueprint.get("")
@describe(summary="The providers that may log you in", answers={200: Ways})
def providers() -> Response:
    here = sessions.current()
    linked = linking.issuers(here.account_id) if here else frozenset()
    return bodies.say(Ways(providers=[
        Way(name=name, issuer=client.provider.issuer, linked=client.provider.issuer in linked) for name, client in _clients().items()]))


@blueprint.get("/<name>/start")
@describe(summary="Go to a provider to log in", query=Start, answers={302: None, 404: None})
def start(name: str) -> BaseResponse:
    client = _client(name)
    try:
        url, browser = _begin(client, _local(bodies.read_query(Start).next))
    except ProviderError as error:
        _log.warning("auth.provider_failed", extra={"provider": name, "why": str(error)})
        return _home("failed")
    return _bearing(browser, redirect(url))


@blueprint.post("/<name>/link")
@signed_in
@describe(summary="Where to go so that a provider opens your account too", body=Proof, answers={200: Place, 404: None}, session=True)
def link(name: str) -> BaseResponse:
    client = _client(name)
    service.prove(mine(), bodies.read(Proof).password)
    try:
        url, browser = _begin(client, HOME, account_id=mine().account_id)
    except ProviderError as error:
        _log.warning("auth.provider_failed", extra={"provider": name, "why": str(error)})
        raise BusyError("The provider does not answer.") from error
    return _bearing(browser, bodies.say(Place(location=url)))


@blueprint.post("/<name>/unlink")
@signed_in
@describe(summary="A provider opens your account no more", body=Proof, answers={204: None, 404: None, 409: None}, session=True)
def unlink(name: str) -> Response:
    client = _client(name)
    service.prove(mine(), bodies.read(Proof).password)
    linking.unlink(mine(), client.provider.issuer)
    return Response(status=204)


@blueprint.get("/<name>/callback")
@describe(summary="Come back from a provider", query=Return, answers={303: None, 404: None})
def callback(name: str) -> BaseResponse:
    client = _client(name)
    browser = _browser()
    kept = _taken(browser, request.args.get("state", ""))
    if kept is None or kept.get("provider") != name:
        return _home("ended")
    if "code" not in request.args:
        return _home("cancelled")
    try:
        identity = client.identity(request.args, kept["nonce"], kept["verifier"])
    except ProviderError as error:
        _log.warning("auth.provider_failed", extra={"provider": name, "why": str(error)})
        return _home("failed")
    try:
        return _linked(identity, kept) if kept["account_id"] else _opened(identity, browser, kept["next"])
    except Refused as error:
        _log.warning("auth.refused", extra={"way": name, "status": error.type.status})
        return _home(_OUTCOMES.get(error.type, "failed"))


@blueprint.post("/answer")
@describe(summary="Give the password of the account that a provider's log-in shall open", body=Answer,
          answers={200: SessionShown, 401: None, 409: None, 410: None})
def answer() -> Response:
    asked = bodies.read(Answer)
    return begun(*linking.link_by_password(asked.question, _browser(), asked.password))


def _begin(client: Client, next: str, account_id: int | None = None) -> tuple[str, str]:
    """The provider's address to go to, and the id of this browser; what will be needed at the return is kept."""
    browser = _browser() or secrets.token_urlsafe(16)
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    url = client.authorization_url(state, nonce, verifier)
    kept = {"provider": client.provider.name, "nonce": nonce, "verifier": verifier, "next": next, "account_id": account_id}
    with pool.current().transaction() as cursor:
        login_state.keep(cursor, browser + state, kept)
    return url, browser


def _bearing(browser: str, answer: BaseResponse) -> BaseResponse:
    answer.set_cookie(_cookie_name(), browser, max_age=DAY_S, secure=_https(), httponly=True, samesite="Lax", path="/")
    return answer


def _opened(identity: Identity, browser: str, next: str) -> BaseResponse:
    opened = linking.open_account(identity, browser)
    if opened.question:
        return redirect(f"{HOME}?login=password#{opened.question}", 303)
    answer = redirect(next, 303)
    session_cookie.set_cookie(answer, opened.token)
    return answer


def _linked(identity: Identity, kept: dict[str, Any]) -> BaseResponse:
    here = sessions.current()
    if here is None or here.account_id != kept["account_id"]:
        return _home("ended")  # who began it has logged out since, or is somebody else
    linking.link(identity, here.account_id)
    return _home("linked")


def _taken(browser: str, state: str) -> dict[str, Any] | None:
    if not browser or not state:
        return None
    with pool.current().transaction() as cursor:
        return login_state.take(cursor, browser + state)


def _home(outcome: str) -> BaseResponse:
    return redirect(f"{HOME}?login={quote(outcome)}", 303)


def _local(path: str) -> str:
    """*path* where it is one of this site's; anywhere else nobody is sent (ASVS 3.7.2)."""
    return path if _LOCAL.fullmatch(path) else HOME


def _client(name: str) -> Client:
    found = _clients().get(name)
    if found is None:
        abort(problem(NO_PROVIDER, "There is no such provider."))
    return found


def _clients() -> dict[str, Client]:
    found: dict[str, Client] = current_app.extensions[CLIENTS]
    return found


def _browser() -> str:
    given = request.cookies.get(_cookie_name(), "")
    return given if _ID.fullmatch(given) else ""


def _cookie_name() -> str:
    return "__Host-login" if _https() else "login"


def _https() -> bool:
    https: bool = current_app.config["LECTERN_HTTPS"]
    return https
