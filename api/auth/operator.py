"""What an operator does to accounts from the command line, without the API running."""
from __future__ import annotations

from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import psycopg2

from api.auth import mail_queue, mail_tokens, sessions
from api.auth.email_address import normal
from api.auth.errors import Refused
from api.auth.passwords import Hashing, fault
from api.queries import queries
from edge.errors import LecternError
from edge.settings import Settings

LINK_S = 3 * 24 * 60 * 60
"""A weekend: an operator hands the link over by other ways than a mail that is read at once."""

_SQL = queries(Path(__file__).parent, "accounts")


class UserError(LecternError):
    """An account could not be made; the message says why."""


def add(settings: Settings, email: str, role: str, password: str | None) -> tuple[bool, str]:
    """Makes the account of *email*, or gives *role* to the one that is there, and ends its sessions.

    With *password* the account has it. Else the second of the two is a link by which its owner sets one, once;
    "" where the account has a password already. The first says whether the account is new. Raises UserError.
    """
    try:
        email = normal(email)
    except Refused as error:
        raise UserError(f"{email!r} is no e-mail address.") from error
    if password is not None and (wrong := fault(password, email, email.partition("@")[0], settings.site_name)):
        raise UserError(wrong.why)
    encoded = Hashing().hash(password) if password is not None else None
    try:
        with closing(psycopg2.connect(_dsn(settings))) as connection, connection, connection.cursor() as cursor:
            cursor.execute(_SQL["appoint"], {"email": email, "name": "", "role": role})
            row = cursor.fetchone()
            assert row is not None
            id, added, has_password = row
            sessions.end_all(cursor, id)  # a right that is given or taken holds from the next log-in on, and not in old sessions
            if encoded is not None:
                cursor.execute(_SQL["reset_password"], {"id": id, "new": encoded})
                mail_tokens.end_all(cursor, id)
                if not added:
                    mail_queue.owe(cursor, "password_changed", email)
            if encoded is not None or has_password:
                return added, ""
            return added, f"{settings.base_url}/account/password/#{mail_tokens.make(cursor, 'password', email, id, life_s=LINK_S)}"
    except psycopg2.Error as error:
        raise _told(error) from error


def end_sessions(settings: Settings) -> None:
    """Ends the session of everybody, and every link that was mailed. Raises UserError."""
    try:
        with closing(psycopg2.connect(_dsn(settings))) as connection, connection, connection.cursor() as cursor:
            sessions.end_everything(cursor)
    except psycopg2.Error as error:
        raise _told(error) from error


def _told(error: psycopg2.Error) -> Exception:
    """What a person is told of *error*; itself where that is a fault of ours."""
    if isinstance(error, psycopg2.OperationalError):
        return UserError("The database does not answer: set DATABASE_URL, or run `make demo` in another terminal meanwhile.")
    if isinstance(error, (psycopg2.errors.UndefinedTable, psycopg2.errors.UndefinedFunction, psycopg2.errors.InvalidSchemaName)):
        return UserError("The database has no tables for accounts yet: run `python build.py migrate` first.")
    return error


def _dsn(settings: Settings) -> str:
    """The database of the settings, or the embedded one that runs in their data folder."""
    if url := settings.database_direct_url or settings.database_url:
        return url
    try:
        lines = (settings.data / "postgres" / "postmaster.pid").read_text().splitlines()
    except OSError:
        lines = []
    if len(lines) < 5 or not lines[4]:
        raise UserError("There is no database: set DATABASE_URL, or run `make demo` in another terminal meanwhile.")
    return f"postgresql://postgres@/lectern?host={quote(lines[4], safe='')}&port={lines[3]}"
