"""What becomes of an account. Routes call it; it knows no HTTP but through what it refuses.

Nothing tells whether an address has an account: not a text, not a status, not the time. Where the
answer would, a mail does: register and reset do the same work for every address, and what is true is
found out by who writes the mail.
"""
from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from flask import current_app
from psycopg2.extensions import cursor as Cursor

from api import limits, pool
from api.auth import mail_queue, mail_tokens, sessions
from api.auth.errors import Refused
from api.auth.passwords import Hashing, fault
from api.auth.sessions import Session
from api.errors import Wrong
from api.problems import (
    ADDRESS_TAKEN,
    INVALID_FIELDS,
    LINK_ENDED,
    LOGIN_WRONG,
    PASSWORD_WRONG,
    PROOF_TOO_OLD,
    REGISTRATION_PASSWORD_WRONG,
)
from api.queries import queries

HASHING = "lectern.hashing"
_SQL = queries(Path(__file__).parent, "accounts")
_log = logging.getLogger("lectern.auth")
_WRONG = "The address or the password is wrong."
_ENDED = "This link was used, or its time has passed: ask for a new one."


@dataclass(frozen=True, slots=True)
class Account:
    """An account as its owner sees it."""

    id: int
    email: str
    name: str
    role: str
    has_password: bool
    revision: int


def hashing() -> Hashing:
    """The application's queue of passwords."""
    found = current_app.extensions[HASHING]
    assert isinstance(found, Hashing)
    return found


def account(id: int) -> Account | None:
    """The account *id*, or None."""
    row = _row(id)
    if row is None:
        return None
    id, email, name, role, password, revision = row
    return Account(id, email, name, role, password is not None, revision)


def register(email: str, name: str, password: str) -> None:
    """Owes a mail to *email*: with a link that makes the account, or the word that there is one. Raises Refused, BusyError."""
    _check(password, email)
    encoded = hashing().hash(password)
    with pool.current().transaction() as cursor:
        mail_queue.owe(cursor, "register", email, {"name": name, "password": encoded})


def confirm_registration(token: str, password: str) -> tuple[int, str]:
    """Makes the account that *token* was mailed for; its id, and the token of its first session.

    The password is asked again: who reads somebody else's registration in his mail cannot confirm it by
    a click, and nobody waits in an account that he made for another's address.
    """
    with pool.current().transaction() as cursor:
        secret = mail_tokens.look(cursor, "register", token)
    if secret is None:
        raise Refused(LINK_ENDED, _ENDED)
    if not hashing().matches(password, secret.kept["password"]):
        raise Refused(REGISTRATION_PASSWORD_WRONG, "This is not the password that the registration was made with.")
    with pool.current().transaction() as cursor:
        if not (secret := mail_tokens.take(cursor, "register", token)):
            raise Refused(LINK_ENDED, _ENDED)
        cursor.execute(_SQL["add"], {"email": secret.email, **secret.kept})
        row = cursor.fetchone()
        if row is None:
            raise Refused(ADDRESS_TAKEN, "This address has an account by now: log in.")
        token = sessions.begin(cursor, row[0])
    _log.info("auth.registered", extra={"way": "mail", "account": row[0]})
    return row[0], token


def log_in(email: str, password: str) -> tuple[int, str]:
    """The account's id and the token of its new session. Raises Refused (401) all alike, BusyError."""
    id, encoded = proven_by_password(email, password)
    with pool.current().transaction() as cursor:
        hold(cursor, id, encoded)
        token = sessions.begin(cursor, id)
    _log.info("auth.logged_in", extra={"way": "password", "account": id})
    return id, token


def proven_by_password(email: str, password: str) -> tuple[int, str]:
    """Id and encoded password of the account that the two open. Raises Refused (401) all alike, BusyError."""
    counts = limits.current()
    counts.check_login(email)
    rows = pool.current().read(_SQL["by_email"], {"email": email})
    id, _, encoded = rows[0] if rows else (0, "", None)
    if not hashing().matches(password, encoded) or encoded is None:
        counts.count_failed_login(email)
        _log.warning("auth.refused", extra={"way": "password", "account": id})
        raise Refused(LOGIN_WRONG, _WRONG)
    counts.count_good_login(email)
    return id, _rehash(id, encoded, password) if hashing().is_old(encoded) else encoded


def hold(cursor: Cursor, id: int, encoded: str) -> None:
    """Makes sure, until the transaction ends, that *encoded* is still the account's password. Raises Refused."""
    cursor.execute(_SQL["holds"], {"id": id, "password": encoded})
    if not cursor.fetchone():
        raise Refused(LOGIN_WRONG, _WRONG)  # it was changed a moment ago


def log_out(session: Session, *, everywhere: bool = False) -> None:
    """Ends the session, or all of its account."""
    with pool.current().transaction() as cursor:
        if everywhere:
            sessions.end_all(cursor, session.account_id)
        else:
            sessions.end(cursor, session)
    _log.info("auth.logged_out", extra={"account": session.account_id, "everywhere": everywhere})


def change_password(session: Session, password: str, new: str) -> str:
    """Sets a new password, ends every session and begins one for this browser: its token. Raises Refused, BusyError."""
    row = _row(session.account_id)
    if row is None:
        raise Refused(LOGIN_WRONG, _WRONG)
    _, email, _, _, encoded, _ = row
    _prove_by(session, encoded, password)
    _check(new, email, field="new_password")
    made = hashing().hash(new)
    with pool.current().transaction() as cursor:
        cursor.execute(_SQL["set_password"], {"id": session.account_id, "password": encoded, "new": made})
        if not cursor.fetchone():
            raise Refused(LOGIN_WRONG, _WRONG)
        _end_all(cursor, session.account_id)
        mail_queue.owe(cursor, "password_changed", email)
        token = sessions.begin(cursor, session.account_id)
    _log.info("auth.password_changed", extra={"account": session.account_id})
    return token


def ask_reset(email: str) -> None:
    """Owes a mail to *email*: with a link that sets a password, or the word that there is no account."""
    with pool.current().transaction() as cursor:
        mail_queue.owe(cursor, "password", email)


def reset_password(token: str, new: str) -> None:
    """Sets the password of the account that *token* was mailed for; ends its sessions. Raises Refused, BusyError."""
    with pool.current().transaction() as cursor:
        secret = mail_tokens.look(cursor, "password", token)
    if secret is None:
        raise Refused(LINK_ENDED, _ENDED)
    _check(new, secret.email)
    made = hashing().hash(new)
    with pool.current().transaction() as cursor:
        secret = mail_tokens.take(cursor, "password", token)
        if secret is None or secret.account_id is None:
            raise Refused(LINK_ENDED, _ENDED)
        cursor.execute(_SQL["reset_password"], {"id": secret.account_id, "new": made})
        _end_all(cursor, secret.account_id)
        mail_queue.owe(cursor, "password_changed", secret.email)
    limits.current().count_good_login(secret.email)  # who reads the mail gets in, whatever strangers try
    _log.info("auth.password_reset", extra={"account": secret.account_id})


def ask_email(session: Session, email: str, password: str) -> None:
    """Owes a mail to the new address, with a link that makes it the account's. Raises Refused, BusyError."""
    prove(session, password)
    with pool.current().transaction() as cursor:
        mail_queue.owe(cursor, "email", email, {"account_id": session.account_id})


def change_email(token: str) -> None:
    """Makes the address that *token* was mailed to the account's; the old one is told. Raises Refused."""
    with pool.current().transaction() as cursor:
        secret = mail_tokens.take(cursor, "email", token)
        if secret is None or secret.account_id is None:
            raise Refused(LINK_ENDED, _ENDED)
        cursor.execute(_SQL["set_email"], {"id": secret.account_id, "email": secret.email})
        row = cursor.fetchone()
        if row is None:
            raise Refused(LINK_ENDED, _ENDED)
        mail_tokens.end_all(cursor, secret.account_id)  # a link to a new password may lie in the old mailbox
        mail_queue.owe(cursor, "email_changed", row[0])
    _log.info("auth.address_changed", extra={"account": secret.account_id})


def delete_account(session: Session, password: str) -> None:
    """Deletes the account and all that is the student's. Raises Refused, BusyError."""
    prove(session, password)
    with pool.current().transaction() as cursor:
        cursor.execute(_SQL["delete"], {"id": session.account_id})
        for (email,) in cursor.fetchall():
            mail_queue.owe(cursor, "deleted", email)
    _log.info("auth.account_deleted", extra={"account": session.account_id})


def export(session: Session) -> bytes:
    """All that is kept of one student, as JSON; whole before the connection is given back."""
    rows = pool.current().read(_SQL["export"], {"id": session.account_id})
    text: str = rows[0][0]
    return text.encode()


def prove(session: Session, password: str) -> None:
    """Makes sure that the student sits there, and not who found the browser open (ASVS 7.5.1). Raises Refused, BusyError."""
    row = _row(session.account_id)
    _prove_by(session, row[4] if row else None, password)


def _row(id: int) -> tuple[int, str, str, str, str | None, int] | None:
    rows = pool.current().read(_SQL["by_id"], {"id": id})
    return rows[0] if rows else None


def _prove_by(session: Session, encoded: str | None, password: str) -> None:
    if encoded is None:
        with pool.current().transaction() as cursor:
            if sessions.is_fresh(cursor, session):
                return
        raise Refused(PROOF_TOO_OLD, "Log in again at your provider first: this account has no password to ask for.")
    if not hashing().matches(password, encoded):
        _log.warning("auth.refused", extra={"way": "proof", "account": session.account_id})
        why = "The password is wrong."
        raise Refused(PASSWORD_WRONG, why, Wrong("password", why, PASSWORD_WRONG.uri))


def _check(password: str, email: str, field: str = "password") -> None:
    if wrong := fault(password, email, email.partition("@")[0], current_app.config["LECTERN_SITE_NAME"], field=field):
        raise Refused(INVALID_FIELDS, wrong.why, wrong)


def _rehash(id: int, encoded: str, password: str) -> str:
    made = hashing().hash(password)
    with pool.current().transaction() as cursor:
        cursor.execute(_SQL["rehash"], {"id": id, "password": encoded, "new": made})
        return made if cursor.rowcount else encoded


def _end_all(cursor: Cursor, account_id: int) -> None:
    sessions.end_all(cursor, account_id)
    mail_tokens.end_all(cursor, account_id)
