"""Whether a video can be watched by anybody: what is not published can be neither kept nor noted."""
from __future__ import annotations

from pathlib import Path

from flask import abort
from psycopg2.extensions import cursor as Cursor

from api.errors import problem
from api.problems import NO_VIDEO
from api.queries import queries

_SQL = queries(Path(__file__).parent, "published")


def must_be_published(cursor: Cursor, video_id: int) -> None:
    """Answers 404 where *video_id* is not published."""
    cursor.execute(_SQL["published"], {"video_id": video_id})
    if cursor.fetchone() != (True,):
        abort(problem(NO_VIDEO, "There is no such video."))
