"""Videos that a student keeps."""
from __future__ import annotations

from pathlib import Path

from flask import abort
from psycopg2.extensions import cursor as Cursor

from api.cursors import NEWEST, read_place, write_place
from api.errors import problem
from api.me.published import must_be_published
from api.me.shapes import Bookmarks, Kept
from api.pool import Pool
from api.problems import BOOKMARKS_FULL
from api.queries import queries

MOST_BOOKMARKS = 1_000
_SQL = queries(Path(__file__).parent, "bookmarks")


def bookmark(cursor: Cursor, account_id: int, video_id: int) -> None:
    """Keeps a video. Answers 404 for what is not published, 409 where the shelf is full."""
    must_be_published(cursor, video_id)
    cursor.execute(_SQL["bookmark"], {"account_id": account_id, "video_id": video_id, "most": MOST_BOOKMARKS})
    if not cursor.rowcount:
        abort(problem(BOOKMARKS_FULL, f"You keep {MOST_BOOKMARKS} videos already: take one away first.", limit=MOST_BOOKMARKS))


def unbookmark(cursor: Cursor, account_id: int, video_id: int) -> None:
    """Keeps a video no more, whether it was kept or not."""
    cursor.execute(_SQL["unbookmark"], {"account_id": account_id, "video_id": video_id})


def bookmarks(pool: Pool, account_id: int, revision: int, after: str, limit: int) -> Bookmarks:
    """A page of what is kept, the last first."""
    place = read_place(after, NEWEST)
    rows = pool.read(_SQL["bookmarks"], {"account_id": account_id, "at_us": place.value, "id": place.id, "limit": limit})
    return Bookmarks(account=account_id, revision=revision, bookmarks=tuple(Kept(id=row[0], at_ms=row[1]) for row in rows),
                     next=write_place(rows[-1][2], rows[-1][0]) if len(rows) == limit else None)
