"""Which sources a student may have of a video."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import msgspec
from flask import abort

from api.bodies import Body
from api.errors import problem
from api.playback.signing import Signed, Signer
from api.pool import Pool
from api.problems import NO_VIDEO, NOT_ENROLLED
from api.queries import queries

_SQL = queries(Path(__file__).parent, "playback")


class Source(Body, frozen=True):
    """Where a video plays. ``until_ms`` and ``query`` are own media's: when the address ends, and what each segment's address needs."""

    kind: str
    url: str
    start_s: int
    until_ms: int | None = None
    query: Annotated[str, msgspec.Meta(description="To be added to the address of every segment, where not empty")] = ""


class Playback(Body, frozen=True):
    """A video's sources for one student, the first the best."""

    account: int
    video: int
    sources: tuple[Source, ...]


def playback(pool: Pool, signer: Signer, account_id: int, video_id: int, now_s: float) -> tuple[Playback, list[Signed]]:
    """A video's sources for a student, and what was signed of them. Answers 404 for what is not published, 403 to who is not enrolled."""
    rows = pool.read(_SQL["sources"], {"account_id": account_id, "video_id": video_id})
    if not rows:
        abort(problem(NO_VIDEO, "There is no such video."))
    enrolled, found = rows[0]
    if not enrolled:
        abort(problem(NOT_ENROLLED, "This video is for those who are enrolled in its batch."))
    sources, all_signed = [], []
    for kind, url, start_s in map(json.loads, found):
        if signed := signer.sign(url, now_s) if kind in ("file", "hls") else None:
            all_signed.append(signed)
            sources.append(Source(kind=kind, url=signed.url, start_s=start_s, until_ms=signed.until_s * 1000, query=signed.query))
        else:
            sources.append(Source(kind=kind, url=url, start_s=start_s))
    return Playback(account=account_id, video=video_id, sources=tuple(sources)), all_signed
