"""A log-in that was begun at a provider: kept here, found again by one short id in a cookie.

In the cookie itself a few begun log-ins would fill it until the browser drops it, with the PKCE
verifier to be read in it.
"""
from __future__ import annotations

from pathlib import Path
from typing import Any

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

from api.auth.session_cookie import hash_of
from api.queries import queries

LIFE_S = 10 * 60
_SQL = queries(Path(__file__).parent, "login_state")


def keep(cursor: Cursor, token: str, kept: dict[str, Any]) -> None:
    """Keeps *kept* for who brings *token*."""
    cursor.execute(_SQL["keep"], {"hash": hash_of(token), "kept": Json(kept), "life_s": LIFE_S})


def take(cursor: Cursor, token: str) -> dict[str, Any] | None:
    """What was kept for *token*, once; None where nothing is, or it was left too long."""
    cursor.execute(_SQL["take"], {"hash": hash_of(token)})
    row = cursor.fetchone()
    return row[0] if row else None


def sweep(cursor: Cursor, most: int) -> int:
    """Deletes at most *most* log-ins that were left; how many it were."""
    cursor.execute(_SQL["sweep"], {"most": most})
    return cursor.rowcount
