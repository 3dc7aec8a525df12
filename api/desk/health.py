"""How the site stands, for editors: what waits, is owed, is dead, was set aside; how far refresh is; what is watched."""
from __future__ import annotations

from pathlib import Path

import msgspec

from api import cache
from api.desk.live_shapes import Dead, Failed, Health, Watched
from api.desk.releases import mend
from api.pool import Pool
from api.queries import queries

SHOWN = 50
WATCHED_ROWS = 1_000_000
"""Of progress that are looked at; from more, a share stands for all."""
WATCHED_S = 10 * 60

_SQL = queries(Path(__file__).parent, "health")


def health(pool: Pool) -> Health:
    """How things stand now; what was watched as of the last ten minutes."""
    ((waiting, lag_s, worker, held_at),) = pool.read(_SQL["standing"])
    dead = pool.read(_SQL["dead"], {"most": SHOWN})
    aside = pool.read(_SQL["aside"], {"most": SHOWN})
    ((refreshed_at, behind, known),) = pool.read(_SQL["refresh"])
    watched, estimated = _watched(pool)
    return Health(
        waiting=waiting, lag_s=round(lag_s, 3), worker=worker, held_at=held_at,
        dead=tuple(Dead(id=id, title=title, since=since) for id, title, since, _ in dead), dead_in_all=dead[0][3] if dead else 0,
        aside=tuple(Failed(path=path, kind=kind, why=why, mend=mend(why)) for path, kind, why, _ in aside),
        aside_in_all=aside[0][3] if aside else 0, debts=dict(pool.read(_SQL["debts"])), refreshed_at=refreshed_at, refresh_behind=behind,
        refresh_known=known, watched=watched, watched_estimated=estimated)


def _watched(pool: Pool) -> tuple[tuple[Watched, ...], bool]:
    def make() -> bytes:
        ((rows,),) = pool.read(_SQL["size"])
        share = min(100.0, 100.0 * WATCHED_ROWS / rows) if rows else 100.0
        found = pool.read(_SQL["watched"], {"share": share, "most": SHOWN}, reads=True)
        return msgspec.json.encode((tuple(Watched(id=id, title=title, students=students, completed=completed)
                                          for id, title, students, completed in found), share < 100.0))

    kept, _ = cache.current().get_or_make("desk:watched", make, WATCHED_S)
    return msgspec.json.decode(kept, type=tuple[tuple[Watched, ...], bool])
