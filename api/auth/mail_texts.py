"""What mails say, in the site's language. Plain text, and nothing in it that a stranger chose: no name, or a form would send
anybody's words."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg2.extensions import cursor as Cursor

from api.auth import mail_tokens
from api.queries import queries

ENGLISH = "en"
_SQL = queries(Path(__file__).parent, "accounts")


@dataclass(frozen=True, slots=True)
class Letter:
    """A subject line and a text."""

    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Site:
    """What letters say of the site, and in which language; ``base_url`` without a slash at its end."""

    name: str
    base_url: str
    language: str = ENGLISH  # a BCP 47 tag

    def gettext(self, message: str, **values: str) -> str:
        """*message* in the site's language; ``%(site)s`` is the site's name."""
        values["site"] = self.name
        if self.language != ENGLISH:
            from edge.language import language  # 3 MB of a process, with its library, that an English site never needs

            with suppress(ValueError, TypeError):  # a lone % where the message itself names nothing: the mail goes in English
                return language(self.language).gettext(message, **values)
        return message % values


def write(cursor: Cursor, site: Site, kind: str, email: str, facts: Mapping[str, Any]) -> Letter | None:
    """The letter that is owed, its secret made in this transaction; None where it has no sense any more."""
    return _WRITERS[kind](cursor, site, email, facts)


def _register(cursor: Cursor, site: Site, email: str, facts: Mapping[str, Any]) -> Letter:
    _ = site.gettext
    if _account(cursor, email):
        account, reset = f"{site.base_url}/account/", f"{site.base_url}/account/reset/"
        return _letter(_("You have an account at %(site)s"),
                       _("Somebody asked for an account at %(site)s with this address, and it has one already."),
                       _("Log in: %(address)s", address=account) + "\n"
                       + _("Forgot the password? %(address)s", address=reset),
                       _("If this was not you, do nothing: nothing has changed."))
    link = _link(site, "confirm", mail_tokens.make(cursor, "register", email, kept=dict(facts)))
    return _letter(_("Your account at %(site)s"),
                   _("To make your account at %(site)s, open this within a day and give your password again:"), link, _not_you(site))


def _password(cursor: Cursor, site: Site, email: str, facts: Mapping[str, Any]) -> Letter:
    _ = site.gettext
    account = _account(cursor, email)
    if account is None:
        return _letter(_("No account at %(site)s"),
                       _("Somebody asked for a new password at %(site)s for this address, but it has no account there. Perhaps it was "
                         "made with another address of yours."), _("If this was not you, do nothing."))
    link = _link(site, "password", mail_tokens.make(cursor, "password", email, account))
    return _letter(_("A new password at %(site)s"), _("To set a new password at %(site)s, open this within an hour:"), link,
                   _not_you(site))


def _email(cursor: Cursor, site: Site, email: str, facts: Mapping[str, Any]) -> Letter | None:
    _ = site.gettext
    cursor.execute(_SQL["by_id"], {"id": facts["account_id"]})
    if cursor.fetchone() is None:
        return None
    if _account(cursor, email):
        return _letter(_("You have an account at %(site)s"),
                       _("Somebody wants to change an account at %(site)s to this address, but it has an account of its own."),
                       _("If this was not you, do nothing: nothing has changed."))
    link = _link(site, "email", mail_tokens.make(cursor, "email", email, facts["account_id"]))
    return _letter(_("Your new address at %(site)s"),
                   _("To make this the address of your account at %(site)s, open this within an hour:"), link, _not_you(site))


def _password_changed(cursor: Cursor, site: Site, email: str, facts: Mapping[str, Any]) -> Letter:
    _ = site.gettext
    return _letter(_("Your password at %(site)s was changed"),
                   _("The password of your account at %(site)s was changed, and every other browser was logged out."),
                   _not_you_at_all(site))


def _email_changed(cursor: Cursor, site: Site, email: str, facts: Mapping[str, Any]) -> Letter:
    _ = site.gettext
    return _letter(_("Your address at %(site)s was changed"), _("Your account at %(site)s has another address now."),
                   _("If this was not you, write to us at once."))


def _linked(cursor: Cursor, site: Site, email: str, facts: Mapping[str, Any]) -> Letter:
    _ = site.gettext
    return _letter(_("A new way to log in at %(site)s"),
                   _("Your account at %(site)s opens from now on through %(provider)s too.", provider=facts["provider"]),
                   _not_you_at_all(site))


def _deleted(cursor: Cursor, site: Site, email: str, facts: Mapping[str, Any]) -> Letter:
    _ = site.gettext
    return _letter(_("Your account at %(site)s is deleted"), _("Your account at %(site)s and all that was kept of you is deleted."))


def _not_you(site: Site) -> str:
    _ = site.gettext
    return _("If this was not you, do nothing: without the link nothing happens.")


def _not_you_at_all(site: Site) -> str:
    _ = site.gettext
    reset = f"{site.base_url}/account/reset/"
    return _("If this was not you, set a new password at once: %(address)s", address=reset)


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
