"""Secrets that are mailed: used once, kept as a hash, ended by time and by the next of their kind."""
from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

from api.auth.session_cookie import hash_of
from api.auth.sessions import end_restored
from api.queries import queries

Purpose = Literal["register", "password", "email"]

LIFE_S: dict[Purpose, int] = {"register": 24 * 60 * 60, "password": 60 * 60, "email": 60 * 60}
"""ASVS 6.5.5 wants a secret out of band to end soon; a registration opens nothing that is there already."""

_SQL = queries(Path(__file__).parent, "secrets")


@dataclass(frozen=True, slots=True)
class Secret:
    """What a secret was made for. ``account_id`` is None where the account is yet to be made of ``kept``."""

    account_id: int | None
    email: str
    kept: dict[str, Any]


def make(cursor: Cursor, purpose: Purpose, email: str, account_id: int | None = None, kept: dict[str, Any] | None = None,
         life_s: int | None = None) -> str:
    """A new secret for who reads the mail of *email*; those of this purpose that were mailed there before end."""
    token = secrets.token_urlsafe(32)
    cursor.execute(_SQL["end_older"], {"email": email, "purpose": purpose})
    cursor.execute(_SQL["make"], {"hash": hash_of(token), "account_id": account_id, "purpose": purpose, "email": email,
                                  "kept": Json(kept or {}), "life_s": life_s or LIFE_S[purpose]})
    return token


def look(cursor: Cursor, purpose: Purpose, token: str) -> Secret | None:
    """What *token* is for, without using it; None where it is no secret, or ended."""
    end_restored(cursor)
    cursor.execute(_SQL["look"], {"hash": hash_of(token), "purpose": purpose})
    row = cursor.fetchone()
    return Secret(*row) if row else None


def take(cursor: Cursor, purpose: Purpose, token: str) -> Secret | None:
    """Uses *token*: of two who bring it, one gets it and the other None."""
    end_restored(cursor)
    cursor.execute(_SQL["take"], {"hash": hash_of(token), "purpose": purpose})
    row = cursor.fetchone()
    return Secret(*row) if row else None


def end_all(cursor: Cursor, account_id: int) -> None:
    """Ends every secret that was mailed to the account's owner."""
    cursor.execute(_SQL["end_all"], {"account_id": account_id})


def sweep(cursor: Cursor, most: int) -> int:
    """Deletes at most *most* secrets that nobody used in time; how many it were."""
    cursor.execute(_SQL["sweep"], {"most": most})
    return cursor.rowcount
