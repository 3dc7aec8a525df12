"""Pings as debts: which feeds and pages a release changed, told to a WebSub hub and to search engines once the purges are acknowledged.

They are owed in the transaction that makes the release live, and paid beside releases. What is told is what an edit changed: a release
that only makes pages anew, with other templates or settings, tells of none, and neither does a rollback. A builder that dies between its
commit and the end of its uploads may lose the pings of its feeds: readers of feeds ask by themselves. Pages that bear
`noindex`, previews and pages that could not be rendered are told to nobody.
"""
from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from builder import owed
from builder.owed import Payee, Settled, Terms
from builder.pages import KINDS
from builder.pages.page import Site
from edge.ping import open_pingers
from edge.ping.port import Pinger

BOUND_S = 86_400.0
"""Who has not taken a ping for a day is told no more: search engines come by themselves, and readers of feeds ask."""

_TERMS = Terms("ping", parts=False, bound_s=BOUND_S)

# Of an import there are many keys and many objects: `IN (SELECT unnest(…))` hashes the keys once, `&&` would compare each with each.
# Purpose: feeds whose entries the release changed. One that is new has no subscriber yet.
_FEEDS = """SELECT o.path FROM live.object o JOIN live.retained k ON k.path = o.path AND k.replaced_by = o.release AND k.kind = o.kind
    WHERE o.release = %(release)s AND o.kind = 'feed'
    AND EXISTS (SELECT FROM unnest(o.keys) AS key WHERE key IN (SELECT unnest(%(dirty)s::bigint[]))) ORDER BY o.path"""
# Purpose: pages that search engines may show and that the release changed, made or took away. Where what was replaced is not kept, a
# page that changed cannot be told from a new one.
_PAGES = """SELECT o.path FROM live.object o LEFT JOIN live.retained k ON k.path = o.path AND k.replaced_by = o.release
    WHERE o.release = %(release)s AND (
        (o.kind = ANY(%(kinds)s) AND ((%(kept)s AND k.kind IS DISTINCT FROM o.kind)
            OR EXISTS (SELECT FROM unnest(o.keys) AS key WHERE key IN (SELECT unnest(%(dirty)s::bigint[])))))
        OR (o.kind IN ('gone', 'redirect') AND k.kind = ANY(%(kinds)s)))
    AND NOT EXISTS (SELECT FROM live.set_aside a WHERE a.path = o.path) ORDER BY o.path"""
_INSERT = "INSERT INTO live.debt (kind, release, cdn, what) VALUES %s"
# Purpose: the seconds until the next ping is due, of those whose purges are acknowledged.
_NEXT = """SELECT extract(epoch FROM min(due_at) - clock_timestamp())::float8 FROM live.debt d
    WHERE kind = 'ping' AND NOT given_up AND cdn = ANY(%s)
    AND NOT EXISTS (SELECT FROM live.debt p WHERE p.kind = 'purge' AND p.release = d.release AND NOT p.again)"""

INDEXED = sorted(kind.name for kind in KINDS.values() if kind.indexed)


def pingers(site: Site) -> list[Pinger]:
    """Who is told of this site's changes."""
    return open_pingers(site.base_url, site.hub, site.indexnow_key)


def owe(connection: Connection, site: Site, release: int, dirty: Collection[int], *, kept: bool) -> None:
    """Write the debts of a release, in the transaction that makes it live. *dirty*: packed keys, of what an edit changed. *kept*:
    whether `live.retained` has all that it replaced."""
    told = pingers(site)
    if not told:
        return
    values = {"release": release, "dirty": list(dirty), "kinds": INDEXED, "kept": kept}
    with connection.cursor() as cursor:
        for pinger in told:
            cursor.execute(_FEEDS if pinger.told_of == "feeds" else _PAGES, values)
            urls = [site.base_url + path for path, in cursor]
            execute_values(cursor, _INSERT, [("ping", release, pinger.name, urls[start : start + pinger.at_once])
                                             for start in range(0, len(urls), pinger.at_once)], template="(%s, %s, %s, %s::text[])")


def settle(dsn: str, pingers: Sequence[Pinger], *, connection: Connection | None = None,
           given_up: Callable[[str], object] = lambda why: None) -> Settled:
    """Send the pings that are due, once each. *given_up* is called with the reason of each that is owed no longer. See
    `builder.owed.settle`."""
    return owed.settle(dsn, _TERMS, [Payee(pinger.name, pinger.ping) for pinger in pingers], connection=connection, given_up=given_up)


def next_s(connection: Connection, pingers: Sequence[Pinger]) -> float | None:
    """The seconds until the next is due; None where none waits."""
    with connection, connection.cursor() as cursor:
        cursor.execute(_NEXT, ([pinger.name for pinger in pingers],))
        ((due_s,),) = cursor.fetchall()
    return None if due_s is None else float(due_s)
