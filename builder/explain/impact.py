"""How far an edit would reach: pages by kind, purges and what they cost, and how long it would take."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import psycopg2
from psycopg2.extensions import connection as Connection

from builder import manifest, plan
from builder.catalog import keys
from builder.catalog.reads import Catalog
from builder.explain.rehearsal import give_way, undone
from builder.folding import Changed, cost
from builder.pages import PARTS
from builder.pages.page import Site
from builder.pages.retired import REDIRECT
from builder.reach import reach
from builder.render import tags_of
from builder.task import Task
from edge.address import own_tag
from edge.cdn.port import Purger

FIXED_S, PAGES_A_SECOND = 0.05, 2_000.0
"""What a release takes where none was measured yet: beside its pages, and of these on one core."""
SMALL = 500  # pages; releases of fewer tell what does not grow with pages
RECENT = 50  # releases

# Purpose: pages and seconds of the newest releases.
_MEASURED = """SELECT rendered, extract(epoch FROM live_at - started_at)::float8 FROM live.release
    WHERE state = 'live' AND cause = 'build' AND rendered > 0 AND live_at > started_at ORDER BY number DESC LIMIT %s"""
# Purpose: live pages by kind.
_LIVE = "SELECT kind, count(*)::int FROM live.object WHERE kind NOT IN ('asset', 'redirect', 'gone') GROUP BY kind ORDER BY kind"
# Purpose: live pages of units, with what edges know them by.
_OF_UNITS = "SELECT path, kind, tags FROM live.object WHERE unit = ANY(%s) AND kind NOT IN ('asset', 'redirect', 'gone')"
# Purpose: how many objects are live.
_TOTAL = "SELECT count(*)::int FROM live.object"


class Cost(NamedTuple):
    """What a CDN would be sent: both purges' names, and USD at most."""

    names: int
    usd: float


class Impact(NamedTuple):
    """*pages* by kind; *objects*, how many that are; *purges* by CDN; *seconds*, estimated, until it would be live."""

    pages: dict[str, int]
    objects: int
    purges: dict[str, Cost]
    seconds: float


def impact(dsn: str, site: Site, purgers: Sequence[Purger], changed: frozenset[int]) -> Impact:
    """What a change of these packed keys would have rendered, whether or not it comes out another. Raises BusyError."""
    return undone(dsn, lambda connection: within(connection, site, purgers, changed))


def seconds_for(measured: Sequence[tuple[int, float]], pages: int) -> float:
    """How long a release of so many pages takes, by what releases took: (pages, seconds) each. Pure."""
    large = [(n, s) for n, s in measured if n >= SMALL]
    each_s = sum(s for _, s in large) / sum(n for n, _ in large) if large else 1 / PAGES_A_SECOND
    fixed = sorted(max(0.0, s - n * each_s) for n, s in measured if n < SMALL)
    return round((fixed[len(fixed) // 2] if fixed else FIXED_S) + pages * each_s, 3)


def within(connection: Connection, site: Site, purgers: Sequence[Purger], changed: frozenset[int]) -> Impact:
    """As `impact`, in the connection's own transaction, which may hold edits that nobody else sees."""
    with connection.cursor() as cursor:
        cursor.execute(_TOTAL)
        ((total,),) = cursor.fetchall()
        cursor.execute(_MEASURED, (RECENT,))
        measured = cursor.fetchall()
        if keys.SITE in changed:
            cursor.execute(_LIVE)
            pages = dict(cursor.fetchall())
            reached = [Changed("/", own_tag("/"), False)] * 2  # type: ignore[arg-type]
            total = 2  # all of it
        else:
            pages, reached = {}, []
    if keys.SITE not in changed:
        found = {one.path: (kind, one) for kind, one in _reached(connection, site, changed)}
        pages = dict(sorted(Counter(kind for kind, _ in found.values()).items()))
        reached = [one for _, one in found.values()]
    purges = {purger.name: Cost(*cost(purger, reached, total)) if reached else Cost(0, 0.0) for purger in purgers}
    objects = sum(pages.values())
    return Impact(pages, objects, purges, seconds_for(measured, objects) if objects else 0.0)


def _reached(connection: Connection, site: Site, changed: frozenset[int]) -> Iterator[tuple[str, Changed]]:
    """Kind and tags of each page that would be rendered."""
    catalog = Catalog(connection)
    found = reach(connection, catalog, changed)
    for task in plan.tasks(found.units, found.dirty):
        part = PARTS[task.part]
        try:
            pages = list(part.pages(catalog, site, task.units))
        except psycopg2.Error:
            raise
        except Exception:  # pages that cannot be made now: counted as they are live
            yield from _as_live(connection, task)
            continue
        rows = {row.path: row for row in manifest.known(catalog, [page.path for page in pages], [])}
        for page in pages:
            row = rows.get(page.path)
            if page.kind is REDIRECT or (row and row.tells(page, part.pack(page.unit), row.fingerprint, found.dirty)):
                continue
            yield page.kind.name, Changed(page.path, row.tags if row else tags_of(page), row is None)
        give_way(connection)


def _as_live(connection: Connection, task: Task) -> Iterator[tuple[str, Changed]]:
    with connection.cursor() as cursor:
        cursor.execute(_OF_UNITS, ([PARTS[task.part].pack(unit) for unit in task.units],))
        for path, kind, tags in cursor.fetchall():
            yield kind, Changed(path, tags, False)
