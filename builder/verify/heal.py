"""Mending: what is doubtful becomes uncertain, as after a release that died, and the next release writes it anew."""
from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import closing

import psycopg2
from psycopg2.extensions import connection as Connection

from builder import findings, journal, lease, publishing, purge
from builder.assets import TEXT, TYPES, Asset
from builder.folding import Changed
from builder.packing import compressed, unpacked
from builder.pages.page import Site
from builder.render import Renderer
from builder.verify.edge import Ask, asking
from builder.verify.judge import Verdict, judged
from builder.verify.listing import lost_pictures, still_foreign
from builder.verify.run import Findings, examine
from edge.address import Path, key_of, own_tag
from edge.cdn.port import Purger
from edge.store.port import RETAINED, Put, Store

# Purpose: note what pages showed, under an ETag that nothing bears: what stands there now is not that, and is not kept.
# So a rollback that needs one of them says that its body is lost; without the row it would take it for a page of later.
_REPLACED = """INSERT INTO live.retained (path, replaced_by, kept_as, kind, digest, tags, keys, size_bytes, release, etag, unit)
    SELECT o.path, %s, 'retained/' || encode(o.digest, 'hex') || '.' || o.release, o.kind, o.digest, o.tags, o.keys, o.size_bytes,
        o.release, 'lost', o.unit
    FROM live.object o JOIN live.release r ON r.number = o.release
    WHERE o.path = ANY(%s) AND r.state = 'live' AND o.kind NOT IN ('asset', 'gone')"""
# Purpose: make paths uncertain.
_MARK = "UPDATE live.object SET release = %s WHERE path = ANY(%s)"
# Purpose: note what an asset is now.
_ASSET = "UPDATE live.object SET digest = decode(%s, 'hex'), tags = %s, size_bytes = %s, etag = %s WHERE path = %s"
_FORGET = "DELETE FROM live.object WHERE path = ANY(%s)"
# Purpose: pictures that were lost: what they were of shows none until refresh has fetched or drawn them again.
_LOST_PICTURES = """
    WITH gone AS (DELETE FROM live.refresh_picture WHERE key = ANY(%(keys)s) RETURNING key, owner),
    lost AS (SELECT key, owner FROM gone UNION SELECT replace(key, '-256.webp', '-640.webp'), owner FROM gone),
    again AS (UPDATE live.refresh_video w SET picture_next_at = '-infinity', picture_of = NULL, card_of = NULL
        FROM catalog.video v WHERE v.id = w.video_id AND (v.picture IN (SELECT key FROM lost) OR v.card IN (SELECT key FROM lost))),
    redrawn AS (DELETE FROM live.refresh_card WHERE owner IN (SELECT owner FROM lost)),
    batches AS (UPDATE catalog.batch SET card = NULL WHERE card IN (SELECT key FROM lost)),
    courses AS (UPDATE catalog.course SET card = NULL WHERE card IN (SELECT key FROM lost))
    UPDATE catalog.video SET picture = CASE WHEN picture IN (SELECT key FROM lost) THEN NULL ELSE picture END,
        card = CASE WHEN card IN (SELECT key FROM lost) THEN NULL ELSE card END
    WHERE picture IN (SELECT key FROM lost) OR card IN (SELECT key FROM lost)"""
# Purpose: a database from a backup holds sessions that have ended since; not every kind of backup shows that to the database itself.
_END_SESSIONS = "SELECT student.end_everything()"


def heal(dsn: str, store: Store, site: Site, profile: str, executor: Executor, purgers: Sequence[Purger] = (), *,
         deep: bool = False, wait_s: float = 0, ask: Ask | None = None) -> Findings:
    """Verify, and mend in one release: what is missing, altered or has other headers is written anew; what we wrote once and
    nothing names is deleted; what is stale is purged. A store that is ahead of a database from a backup raises its
    numbers first, and everything is rendered. Other people's objects are left where they are.

    Raises LeaseHeld, OnHoldError, StoreError, OtherStoreError.
    """
    with closing(psycopg2.connect(dsn, connect_timeout=10)) as connection:
        renderer = Renderer(site, profile)
        found = examine(connection, store, renderer, purgers, deep=deep, ask=ask or asking(site.base_url))
        with lease.held(connection, wait_s):
            held_at = journal.standing(connection).held_at
            if held_at is not None:
                raise publishing.OnHoldError(f"The site is on hold at release {held_at}, and mending is a release: "
                                           "`python build.py release --unhold`, then again.")
            _begin(connection, store, renderer, found)
        if found.kinds or found.pictures or found.ours or found.ahead:
            # A database from a backup knows nothing of what was new since: then all of it is looked at.
            full = bool(found.ahead) or any(not stray.key.startswith(RETAINED) for stray in found.ours)
            publishing.build(dsn, store, site, profile, executor, full=full, wait_s=wait_s, purgers=purgers)
        with lease.held(connection, wait_s):
            found.left = _end(connection, store, purgers, found)
        if purgers:
            purge.settle(dsn, purgers, wait_s=publishing.PURGE_WAIT_S)
        found.left += [verdict.path for verdict in judged(connection, store, renderer, found.kinds)]
        findings.by_verify(connection, found.wrong(mended=True))
    mended = len(found.kinds) + len(found.pictures) + len(found.ours) + (len(found.stale) if purgers else 0)
    found.healed = mended - len(found.left)
    return found


def _begin(connection: Connection, store: Store, renderer: Renderer, found: Findings) -> None:
    """Make the doubtful pages uncertain, as a release of their own that writes nothing. Assets are written here."""
    if found.ahead:
        journal.raise_above(connection, found.ahead)
        with connection.cursor() as cursor:
            cursor.execute(_END_SESSIONS)
    # Under the lease nobody releases: what a release has mended since is left alone.
    doubtful = list(judged(connection, store, renderer, found.kinds))
    pages = [verdict.path for verdict in doubtful if verdict.kind != "asset"]
    number = journal.draw(connection)
    if pages:
        journal.begin(connection, number, store.name, "heal", 0)
    with connection.cursor() as cursor:
        cursor.execute(_REPLACED, (number, pages))
        cursor.execute(_MARK, (number, pages))
        cursor.execute(_LOST_PICTURES, {"keys": found.pictures})
    connection.commit()
    _assets(connection, store, renderer, number, [verdict for verdict in doubtful if verdict.kind == "asset"])


def _assets(connection: Connection, store: Store, renderer: Renderer, number: int, doubtful: Sequence[Verdict]) -> None:
    """Write assets anew, in place: a release would take what stands under a name that tells its digest for right."""
    made = {asset.path: asset for asset in renderer.assets.all()} if doubtful else {}
    for path, _, what in doubtful:
        key = key_of(Path(path))
        there = store.get(key)
        asset = made.get(path)
        if asset is None and there is not None and what == "headers":  # of an older version, but whole
            suffix = f".{path.rpartition('.')[2]}"
            asset = Asset("", path, TYPES[suffix], unpacked(there[0]), suffix in TEXT)
        with connection.cursor() as cursor:
            if asset is None:  # no page of this version names it, and it cannot be made again
                cursor.execute(_FORGET, ([path],))
                store.delete([key])
            else:
                thing = compressed(renderer.asset(asset, number))
                written = store.put([Put(thing, there[1].etag if there else "")])
                if not written.refused:
                    cursor.execute(_ASSET, (thing.digest, thing.tags, len(thing.body), written.etags.get(key, ""), path))
        connection.commit()


def _end(connection: Connection, store: Store, purgers: Sequence[Purger], found: Findings) -> list[str]:
    """Delete what we wrote once and nothing names after the release either; owe what edges are to forget. Returns what is
    still there, and pictures that are not ours to mend."""
    strays = still_foreign(connection, found.ours)
    there = set(store.delete([stray.key for stray in strays]))
    gone = [stray.path for stray in strays if stray.path and stray.key not in there and not stray.key.startswith(RETAINED)]
    changed = [Changed(path, f"{own_tag(Path(path))} all", True) for path in (*gone, *found.stale)]
    if changed and purgers:
        with connection.cursor() as cursor:
            purge.owe(cursor, purgers, journal.draw(connection), changed, found.live)
    connection.commit()
    return [*(stray.path or stray.key for stray in strays if stray.key in there), *(f"/{key}" for key in lost_pictures(connection))]
