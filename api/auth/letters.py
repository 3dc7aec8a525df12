"""What mails say. Plain text, and nothing in it that a stranger chose: no name, or a form would send anybody's words."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg2.extensions import cursor as Cursor

from api.auth import mailed
from api.queries import queries

_SQL = queries(Path(__file__).parent, "accounts")
_NOT_YOU = "If this was not you, do nothing: without the link nothing happens."
_NOT_YOU_AT_ALL = "If this was not you, set a new password at once"


@dataclass(frozen=True, slots=True)
class Letter:
    """A subject line and a text."""

    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Site:
    """What letters say of the site; ``base_url`` without a slash at its end."""

    name: str
    base_url: str


def write(cursor: Cursor, site: Site, kind: str, email: str, facts: Mapping[str, Any]) -> Letter | None:
    """The letter that is owed, its secret made in this transaction; None where it has no sense any more."""
    return _WRITERS[kind](cursor, site, email, facts)


def _register(cursor: Cursor, site: Site, email: str, facts: Mapping[str, Any]) -> Letter:
    if _account(cursor, email):
        return _letter(f"You have an account at {site.name}",
                       f"Somebody asked for an account at {site.name} with this address, and it has one already.",
                       f"Log in: {site.base_url}/account/\nForgot the password? {site.base_url}/account/reset/",
                       "If this was not you, do nothing: nothing has changed.")
    link = _link(site, "confirm", mailed.make(cursor, "register", email, kept=dict(facts)))
    return _letter(f"Your account at {site.name}", f"To make your account at {site.name}, open this within a day and give your password "
                   "again:", link, _NOT_YOU)


def _password(cursor: Cursor, site: Site, email: str, facts: Mapping[str, Any]) -> Letter:
    account = _account(cursor, email)
    if account is None:
        return _letter(f"No account at {site.name}", f"Somebody asked for a new password at {site.name} for this address, but it has no "
                       "account there. Perhaps it was made with another address of yours.", "If this was not you, do nothing.")
    link = _link(site, "password", mailed.make(cursor, "password", email, account))
    return _letter(f"A new password at {site.name}", f"To set a new password at {site.name}, open this within an hour:", link, _NOT_YOU)


def _email(cursor: Cursor, site: Site, email: str, facts: Mapping[str, Any]) -> Letter | None:
    cursor.execute(_SQL["by_id"], {"id": facts["account_id"]})
    if cursor.fetchone() is None:
        return None
    if _account(cursor, email):
        return _letter(f"You have an account at {site.name}", f"Somebody wants to change an account at {site.name} to this address, but "
                       "it has an account of its own.", "If this was not you, do nothing: nothing has changed.")
    link = _link(site, "email", mailed.make(cursor, "email", email, facts["account_id"]))
    return _letter(f"Your new address at {site.name}", f"To make this the address of your account at {site.name}, open this within an "
                   "hour:", link, _NOT_YOU)


def _password_changed(cursor: Cursor, site: Site, email: str, facts: Mapping[str, Any]) -> Letter:
    return _letter(f"Your password at {site.name} was changed", f"The password of your account at {site.name} was changed, and every other "
                   "browser was logged out.", f"{_NOT_YOU_AT_ALL}: {site.base_url}/account/reset/")


def _email_changed(cursor: Cursor, site: Site, email: str, facts: Mapping[str, Any]) -> Letter:
    return _letter(f"Your address at {site.name} was changed", f"Your account at {site.name} has another address now.",
                   "If this was not you, write to us at once.")


def _linked(cursor: Cursor, site: Site, email: str, facts: Mapping[str, Any]) -> Letter:
    return _letter(f"A new way to log in at {site.name}", f"Your account at {site.name} opens from now on through {facts['provider']} too.",
                   f"{_NOT_YOU_AT_ALL}: {site.base_url}/account/reset/")


def _deleted(cursor: Cursor, site: Site, email: str, facts: Mapping[str, Any]) -> Letter:
    return _letter(f"Your account at {site.name} is deleted", f"Your account at {site.name} and all that was kept of you is deleted.")


def _account(cursor: Cursor, email: str) -> int | None:
    cursor.execute(_SQL["by_email"], {"email": email})
    row = cursor.fetchone()
    return row[0] if row else None


def _link(site: Site, page: str, token: str) -> str:
    # Behind the number sign a browser keeps it to itself: no log, no cache and no Referer ever has it (ASVS 14.2.1).
    return f"{site.base_url}/account/{page}/#{token}"


def _letter(subject: str, *paragraphs: str) -> Letter:
    return Letter(subject, "\n\n".join(paragraphs) + "\n")


_WRITERS: dict[str, Callable[[Cursor, Site, str, Mapping[str, Any]], Letter | None]] = {
    "register": _register, "password": _password, "email": _email, "password_changed": _password_changed,
    "email_changed": _email_changed, "linked": _linked, "deleted": _deleted}
