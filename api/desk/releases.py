"""How a change goes live: by its row in the feed, the release that took it, what that owes, and what the edge showed."""
from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal

import msgspec
from flask import abort

from api.desk.live_shapes import Failed, Release, Releases, Seen, Step, Way
from api.errors import problem
from api.pool import Pool
from api.problems import NO_CHANGE, NO_RELEASE
from api.queries import queries

SHOWN = 50
KEPT_DAYS = 7  # as builder/rollback.py keeps bodies
HELD_BACK = "more would leave than any change says"
"""As builder/pipeline.py writes it for what its guard held back."""

_Name = Literal["committed", "planned", "rendered", "uploaded", "purged", "seen"]
_MADE: tuple[_Name, ...] = ("committed", "planned", "rendered")
_SENT: tuple[_Name, ...] = ("uploaded", "purged", "seen")
_LATER: tuple[_Name, ...] = (*_MADE[1:], *_SENT)
_SQL = queries(Path(__file__).parent, "releases")


def of_change(pool: Pool, change: int) -> Way:
    """The way of a change. Answers 404 where it is not known: it never was, or it is long over."""
    if not (rows := pool.read(_SQL["change"], {"change": change})):
        abort(problem(NO_CHANGE, "This change is not known: it is over since long, or never was."))
    _, release, at, since = rows[0]
    if release is None:
        return _way(change, None, at, [Step(name="committed", state="done", ms=0), *(Step(name=n, state="waiting") for n in _LATER)])
    return _of_release(pool, change, release, at, since)


def of_release(pool: Pool, release: int) -> Way:
    """The way of a release. Answers 404."""
    return _of_release(pool, None, release, "", None)


def etag_of(way: Way | Releases) -> str:
    """What it says, shortly: equal where nothing moved."""
    return f"w{hashlib.blake2b(msgspec.json.encode(way), digest_size=9).hexdigest()}"


def newest(pool: Pool, limit: int = SHOWN) -> Releases:
    """The newest releases."""
    rows = pool.read(_SQL["releases"], {"limit": limit, "kept_days": KEPT_DAYS})
    held = pool.read(_SQL["held"])
    return Releases(releases=tuple(Release(
        release=r[0], state=r[1], cause=r[2], started_at=r[3], live_at=r[4], changes=r[5], rendered=r[6], uploaded=r[7], retired=r[8],
        held_back=r[9], can_go_back=r[10]) for r in rows), held_at=held[0][0] if held else None)


def mend(why: str) -> str:
    """What an editor does about a page that was set aside."""
    if why == HELD_BACK:
        return "More pages would leave than any edit speaks of: look at what was deleted by other means, then withdraw or delete it here."
    return "The old page stays. Undo the last edit of what it shows, or mend its text; it is tried again with every release."


def _of_release(pool: Pool, change: int | None, release: int, at: str, since: Any) -> Way:
    rows = pool.read(_SQL["release"], {"release": release, "since": since})
    if not rows:
        if change is None:
            abort(problem(NO_RELEASE, "There is no such release."))
        done = [Step(name=n, state="done") for n in _MADE]  # taken, and nothing came out another
        return _way(change, release, at, [*done, *(Step(name=n, state="none") for n in _SENT)], over=True)
    (_, state, started_at, rendered, uploaded, retired, purged, held_back, planned_ms, rendered_ms, live_ms, purged_ms, owes, tried,
     asks) = rows[0]
    failed = tuple(Failed(path=path, kind=kind, why=why, mend=mend(why))
                   for path, kind, why in pool.read(_SQL["failed"], {"release": release, "most": SHOWN}))
    seen = tuple(Seen(url=u, encoding=e, lag_ms=lag, served_by=by)
                 for u, e, lag, by in pool.read(_SQL["seen"], {"release": release, "most": SHOWN}))
    live = state == "live"
    lags = [one.lag_ms for one in seen if one.lag_ms is not None]
    steps = [
        Step(name="committed", state="done", ms=0 if change else None),
        Step(name="planned", state="done", ms=max(0, planned_ms) if planned_ms is not None else None),
        Step(name="rendered", state="done", ms=rendered_ms),
        Step(name="uploaded", state="done" if live else "failed" if state == "superseded" else "doing", ms=live_ms),
        Step(name="purged", state="waiting" if not live else "none" if not purged and not owes else "done" if not owes
             else "failed" if tried else "doing", ms=purged_ms),
        Step(name="seen", state="waiting" if not live else "doing" if asks or owes else "none" if not seen
             else "done" if len(lags) == len(seen) else "failed", ms=max(lags) if lags and not asks else None),
    ]
    over = state == "superseded" or (live and not owes and not asks)
    return _way(change, release, at or started_at, steps, over=over, rendered=rendered, uploaded=uploaded, retired=retired, purged=purged,
                held_back=held_back, failed=failed, seen=seen)


def _way(change: int | None, release: int | None, at: str, steps: list[Step], *, over: bool = False, rendered: int = 0, uploaded: int = 0,
         retired: int = 0, purged: int = 0, held_back: int = 0, failed: tuple[Failed, ...] = (), seen: tuple[Seen, ...] = ()) -> Way:
    return Way(change=change, release=release, at=at, over=over, steps=tuple(steps), rendered=rendered, uploaded=uploaded, retired=retired,
               purged=purged, held_back=held_back, failed=failed, seen=seen)
