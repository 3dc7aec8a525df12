"""Whose account a provider's student is: by issuer and subject, never by address.

An address leads to an account that is there only where the provider has verified it *and* the account's
password is given anew: a provider that is careless, or was broken into, opens nobody's account.
"""
from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from pathlib import Path

from psycopg2.extensions import cursor as Cursor

from api import pool
from api.auth import email_address, login_state, mail_queue, mail_tokens, service, sessions
from api.auth.errors import Refused
from api.auth.identity import Identity
from api.auth.sessions import Session
from api.problems import PROVIDER_LOGIN_ENDED, PROVIDER_NEEDED, PROVIDER_TAKEN, PROVIDER_UNVERIFIED
from api.queries import queries

_SQL = queries(Path(__file__).parent, "identities")
_ACCOUNTS = queries(Path(__file__).parent, "accounts")
_log = logging.getLogger("lectern.auth")
_NAME_LETTERS = 100
_ENDED = "This took too long: begin anew."


@dataclass(frozen=True, slots=True)
class Opened:
    """How a return from a provider ends: with a session's ``token``, or with a ``question`` for the account's password."""

    token: str = ""
    question: str = ""


def open_account(identity: Identity, browser: str) -> Opened:
    """The account that *identity* opens, made where it has none. *browser* is the short id that its log-in was begun with.

    Raises Refused where the provider did not verify the address of somebody new.
    """
    with pool.current().transaction() as cursor:
        cursor.execute(_SQL["find"], {"issuer": identity.issuer, "subject": identity.subject})
        if row := cursor.fetchone():
            _log.info("auth.logged_in", extra={"way": identity.issuer, "account": row[0]})
            return Opened(token=sessions.begin(cursor, row[0]))
        if not identity.email:
            raise Refused(PROVIDER_UNVERIFIED, "Your provider has not verified your address: make an account here, then link it to the "
                                               "provider.")
        email = email_address.normal(identity.email)
        cursor.execute(_ACCOUNTS["add"], {"email": email, "name": _clean(identity.name), "password": None})
        if row := cursor.fetchone():
            _link(cursor, identity, row[0])
            _log.info("auth.registered", extra={"way": identity.issuer, "account": row[0]})
            return Opened(token=sessions.begin(cursor, row[0]))
        question = secrets.token_urlsafe(32)
        login_state.keep(cursor, browser + question, {"email": email, "issuer": identity.issuer, "subject": identity.subject})
        return Opened(question=question)


def link_by_password(question: str, browser: str, password: str) -> tuple[int, str]:
    """Answers the question: the account's id and a session's token. Raises Refused, BusyError.

    A question is asked once: a wrong password sends the student back to the provider.
    """
    with pool.current().transaction() as cursor:
        kept = login_state.take(cursor, browser + question)
    if kept is None or "subject" not in kept:
        raise Refused(PROVIDER_LOGIN_ENDED, _ENDED)
    id, encoded = service.proven_by_password(kept["email"], password)
    with pool.current().transaction() as cursor:
        service.hold(cursor, id, encoded)
        _link(cursor, Identity(kept["issuer"], kept["subject"], kept["email"], ""), id)
        _tell(cursor, id, kept["email"], kept["issuer"])
        return id, sessions.begin(cursor, id)


def link(identity: Identity, account_id: int) -> None:
    """Lets *identity* open the account whose owner has just proven to be it. Raises Refused."""
    account = service.account(account_id)
    if account is None:
        raise Refused(PROVIDER_LOGIN_ENDED, _ENDED)
    with pool.current().transaction() as cursor:
        _link(cursor, identity, account_id)
        _tell(cursor, account_id, account.email, identity.issuer)


def unlink(session: Session, issuer: str) -> None:
    """The provider opens the account no more. Raises Refused where nothing else would."""
    with pool.current().transaction() as cursor:
        cursor.execute(_SQL["unlink"], {"account_id": session.account_id, "issuer": issuer})
        if not cursor.fetchone():
            raise Refused(PROVIDER_NEEDED, "This provider is not linked, or is the only way into your account: set a password first.")
        sessions.raise_revision(cursor, session.account_id)


def issuers(account_id: int) -> frozenset[str]:
    """The providers that open the account."""
    return frozenset(row[0] for row in pool.current().read(_SQL["of_account"], {"account_id": account_id}))


def _link(cursor: Cursor, identity: Identity, account_id: int) -> None:
    cursor.execute(_SQL["link"], {"issuer": identity.issuer, "subject": identity.subject, "account_id": account_id})
    if cursor.fetchone():
        return
    cursor.execute(_SQL["find"], {"issuer": identity.issuer, "subject": identity.subject})
    if cursor.fetchone() != (account_id,):
        raise Refused(PROVIDER_TAKEN, "This log-in at your provider opens another account here.")


def _tell(cursor: Cursor, account_id: int, email: str, issuer: str) -> None:
    _log.info("auth.linked", extra={"way": issuer, "account": account_id})
    mail_tokens.end_all(cursor, account_id)
    mail_queue.owe(cursor, "linked", email, {"provider": issuer})
    sessions.raise_revision(cursor, account_id)


def _clean(name: str) -> str:
    return "".join(letter for letter in name if letter.isprintable()).strip()[:_NAME_LETTERS]
