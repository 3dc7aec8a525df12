"""The nightly check, a plan from nothing: it finds and mends what no feed could tell."""
from __future__ import annotations

from collections.abc import Sequence

from psycopg2.extensions import connection as Connection

from builder import findings

AT = "3 hours"  # after midnight by the database's clock and zone, when fewest edit

# Purpose: whether the last such hour is later than the last check; before the first, than the first release. While
# publishing is on hold nothing that it finds could be released.
_DUE = """SELECT (SELECT held_at IS NULL FROM live.site) AND date_trunc('day', clock_timestamp() - interval %(at)s) + interval %(at)s
    > coalesce((SELECT checked_at FROM live.site), (SELECT min(live_at) FROM live.release WHERE state = 'live'))"""
# Purpose: the pages of some units that a release wrote, though no change that it took names a key of theirs.
_UNNAMED = """SELECT o.path FROM live.object o WHERE o.release = %(release)s
    AND (%(units)s::bigint[] IS NULL OR o.unit = ANY(%(units)s) OR o.kind = 'gone')
    AND NOT EXISTS (SELECT FROM catalog.change c WHERE c.release = %(release)s AND c.keys && o.keys) ORDER BY o.path"""


def due(connection: Connection) -> bool:
    """Whether a check is to begin now: one a night, a missed one as soon as it can be."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"at": AT})
        due = cursor.fetchone() == (True,)
    connection.commit()
    return due


class Check:
    """What one check found, slice by slice."""

    def __init__(self) -> None:
        self._found: list[str] = []
        self._count = 0

    def note(self, connection: Connection, release: int | None, units: Sequence[int] | None) -> None:
        """Note what the slice's *release* (None: nothing differed) wrote of the slice's packed *units* (None: of all)."""
        if release is None:
            return
        with connection.cursor() as cursor:
            cursor.execute(_UNNAMED, {"release": release, "units": None if units is None else list(units)})
            paths = [row[0] for row in cursor]
        connection.commit()
        self._found += paths[: findings.NAMED - len(self._found)]
        self._count += len(paths)

    def end(self, connection: Connection) -> tuple[int, list[str]]:
        """Keep what was found for `status`. Returns how many pages, and the first of them."""
        findings.by_check(connection, self._found)
        return self._count, self._found
