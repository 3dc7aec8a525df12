"""What a student set for player and pages."""
from __future__ import annotations

from pathlib import Path

import msgspec
from psycopg2.extensions import cursor as Cursor

from api.me.shapes import Preferences, Preferred
from api.pool import Pool
from api.queries import queries

_SQL = queries(Path(__file__).parent, "preferences")


def preferences(pool: Pool, account_id: int, revision: int) -> Preferred:
    """What the student set; where nothing, or what an older Lectern knew, as it comes."""
    rows = pool.read(_SQL["preferences"], {"account_id": account_id})
    try:
        found = msgspec.json.decode(rows[0][0] if rows else "{}", type=Preferences)
    except msgspec.ValidationError:
        found = Preferences()
    return Preferred(account=account_id, revision=revision, preferences=found)


def prefer(cursor: Cursor, account_id: int, set_to: Preferences) -> None:
    """Sets all preferences."""
    cursor.execute(_SQL["prefer"], {"account_id": account_id, "preferences": msgspec.json.encode(set_to).decode()})
