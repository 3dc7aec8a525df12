"""What readers are shown: a sample of pages at the site's own address, beside what the store holds."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from psycopg2.extensions import connection as Connection

from builder.packing import unpacked
from builder.probe import Edge
from edge.address import Path, key_of
from edge.store.port import Object, Store

SAMPLE = 20
ANSWER_S = 10.0
_SEEN = (200, 301, 302, 307, 308, 404, 410)  # what an edge that is well may answer; others say nothing of the page

# Purpose: the home page and some others; not those whose purge is still owed, for edges may rightly show the old one, nor the page of 404s,
# which is stored as a page and answered as what it says.
_PATHS = """SELECT o.path FROM live.object o JOIN live.release r ON r.number = o.release
    WHERE r.state = 'live' AND o.kind NOT IN ('asset', 'redirect', 'gone', 'not_found')
        AND NOT EXISTS (SELECT FROM live.debt d WHERE d.release = o.release AND d.kind = 'purge' AND NOT d.again)
    ORDER BY o.path = '/' DESC, random() LIMIT %s"""


class Shown(NamedTuple):
    """*stale*: paths where the edge shows another body than the store's. *asked*: pages that it answered for."""

    asked: int
    stale: list[str]


Ask = Callable[[str], tuple[int, bytes] | None]
"""Status and body of a path at the edge; None where nobody answers."""


def shown(connection: Connection, store: Store, ask: Ask) -> Shown:
    """Ask for the home page and, where that is answered, for SAMPLE pages in all."""
    with connection.cursor() as cursor:
        cursor.execute(_PATHS, (SAMPLE,))
        paths = [row[0] for row in cursor]
    connection.commit()
    asked, stale = 0, []
    for path in paths:
        answer = _differs(store, ask, path)
        if answer is None:
            if not asked:
                break
            continue
        asked += 1
        if answer and _differs(store, ask, path):  # a release may have come between the two looks
            stale.append(path)
    return Shown(asked, stale)


def asking(base_url: str) -> Ask:
    """Asks over HTTP, as a reader whose browser takes gzip."""
    edge = Edge(base_url, ANSWER_S)

    def ask(path: str) -> tuple[int, bytes] | None:
        answer = edge.ask(path, "gzip")
        return None if answer is None or answer.body is None else (answer.status, answer.body)

    return ask


def _differs(store: Store, ask: Ask, path: str) -> bool | None:
    answer = ask(path)
    if answer is None or answer[0] not in _SEEN:
        return None
    found = store.get(key_of(Path(path)))
    return found is not None and not _same(found[0], answer)


def _same(thing: Object, answer: Sequence[object]) -> bool:
    return tuple(answer) == (thing.status, unpacked(thing))
