"""Forgetting, once an hour, what is too old to be of use."""
from __future__ import annotations

from collections.abc import Collection

from psycopg2.extensions import connection as Connection

from builder import lease, manifest, rollback
from builder.assets import Assets
from builder.catalog import changes, text_cache
from builder.fingerprint import fingerprints
from builder.pages.page import Site
from edge.address import Path, key_of
from edge.store.port import Store

KEPT_DAYS = 30  # receipts and releases, as long as changes
ASSETS_KEPT_DAYS = rollback.KEPT_DAYS + 3
"""An asset that no live page names may be named by a kept body, which a rollback brings back; and by a page at an edge: a day at
most, a day more while the origin is away (`edge.tiers.STALE_IF_ERROR_S`), a browser's minute, and the rest to spare."""
GIVEN_UP_DAYS = 7  # pings that `status` has shown for so long, nobody mends
_LEASE_WAIT_S = 5.0
_LOT = 1_000

_RECEIPTS = "DELETE FROM live.receipt WHERE asked_at < clock_timestamp() - make_interval(days => %(days)s)"
_TAKEDOWNS = "DELETE FROM live.takedown WHERE done_at < clock_timestamp() - make_interval(days => %(days)s)"
_GIVEN_UP = "DELETE FROM live.debt WHERE given_up AND owed_since < clock_timestamp() - make_interval(days => %(days)s)"
# Purpose: forget releases that nothing refers to any more; the newest that is live is what all stands on.
_RELEASES = """DELETE FROM live.release r WHERE r.state <> 'writing' AND r.started_at < clock_timestamp() - make_interval(days => %(days)s)
    AND r.number < (SELECT max(number) FROM live.release WHERE state = 'live')
    AND NOT EXISTS (SELECT FROM live.object o WHERE o.release = r.number)
    AND NOT EXISTS (SELECT FROM live.retained k WHERE k.replaced_by = r.number)
    AND r.number NOT IN (SELECT k.release FROM live.retained k)
    AND NOT EXISTS (SELECT FROM live.debt d WHERE d.release = r.number)
    AND NOT EXISTS (SELECT FROM live.receipt c WHERE c.release = r.number)
    AND NOT EXISTS (SELECT FROM catalog.change c WHERE c.release = r.number)"""

# Purpose: whether pages may stand that were put back, or that a release which died left.
_UNSETTLED = "SELECT (SELECT held_at IS NOT NULL FROM live.site) OR EXISTS (SELECT FROM live.release WHERE state = 'writing')"
# Purpose: note since when no live page can name which assets.
_NAMED = "DELETE FROM live.unnamed_asset u WHERE u.path = ANY(%(named)s) OR NOT EXISTS (SELECT FROM live.object o WHERE o.path = u.path)"
_UNNAMED = """INSERT INTO live.unnamed_asset (path) SELECT path FROM live.object WHERE kind = 'asset' AND path <> ALL(%(named)s)
    ON CONFLICT DO NOTHING"""
_OUTLIVED = """SELECT path FROM live.unnamed_asset WHERE since < clock_timestamp() - make_interval(days => %(days)s)
    ORDER BY path LIMIT %(lot)s"""
_GONE = """WITH gone AS (DELETE FROM live.object WHERE kind = 'asset' AND path = ANY(%(paths)s))
    DELETE FROM live.unnamed_asset WHERE path = ANY(%(paths)s)"""


def tidy(connection: Connection, store: Store, site: Site, profile: str) -> None:
    """Forget old changes, receipts and releases, clean texts that no row bears, bodies kept for a rollback that nobody may ask
    for any more, and assets that no page can name. Commits. Raises StoreError.
    """
    changes.forget(connection, KEPT_DAYS)
    text_cache.forget_unused(connection)
    rollback.sweep(connection, store)
    with connection.cursor() as cursor:
        for statement, days in ((_RECEIPTS, KEPT_DAYS), (_TAKEDOWNS, KEPT_DAYS), (_GIVEN_UP, GIVEN_UP_DAYS), (_RELEASES, KEPT_DAYS)):
            cursor.execute(statement, {"days": days})
            connection.commit()
    try:
        with lease.held(connection, _LEASE_WAIT_S):  # no release takes for there what is about to leave
            named = [asset.path for asset in Assets(site.hue, site.language, site.logo).all()]
            _sweep_assets(connection, store, named, fingerprints(site, profile))
    except lease.LeaseHeld:
        return  # an hour later there is time again


def _sweep_assets(connection: Connection, store: Store, named: Collection[str], made_with: dict[str, str]) -> None:
    """Delete assets that for ASSETS_KEPT_DAYS no live page can have named: all pages are made *made_with* what names *named*."""
    with connection.cursor() as cursor:
        cursor.execute(_UNSETTLED)
        unsettled = cursor.fetchone() == (True,)
        if unsettled or manifest.stale(connection, made_with):  # some page may name any of them: their time begins anew
            cursor.execute("DELETE FROM live.unnamed_asset")
            connection.commit()
            return
        cursor.execute(_NAMED, {"named": list(named)})
        cursor.execute(_UNNAMED, {"named": list(named)})
        connection.commit()
        while True:
            cursor.execute(_OUTLIVED, {"days": ASSETS_KEPT_DAYS, "lot": _LOT})
            paths = [row[0] for row in cursor]
            connection.commit()
            left = {key_of(Path(path)) for path in paths} & {*store.delete([key_of(Path(path)) for path in paths])} if paths else set()
            gone = [path for path in paths if key_of(Path(path)) not in left]
            cursor.execute(_GONE, {"paths": gone})
            connection.commit()
            if left or len(paths) < _LOT:
                return
