"""Verify: one listing of the store, beside the manifest; then what is doubtful is looked at, object by object."""
from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain, islice

import psycopg2
from psycopg2.extensions import connection as Connection

from builder import findings, journal
from builder.explain.words import harmless
from builder.pages.page import Site
from builder.render import Renderer
from builder.verify.edge import Ask, Shown, asking, shown
from builder.verify.judge import judged
from builder.verify.listing import Listing, Stray, lost_pictures, still_foreign
from edge.address import Path, own_tag
from edge.cdn.port import PurgeError, Purger
from edge.store.port import RETAINED, Store

READ_BACK = 20_000  # objects that look well and are read all the same, at random; a minute's work at a bucket
_LOT = 1_000
_RETAINED = re.compile(rf"{RETAINED}[0-9a-f]{{32}}\.[0-9]+")
_PROBE = re.compile(r"fence-probe-[0-9a-f]{32}")

_NUMBER = "SELECT last_value FROM live.write_number"
_LIVE = "SELECT count(*)::int FROM live.object"


@dataclass(slots=True)
class Findings:
    """What is wrong. Paths; *foreign* are objects that nothing names: a path, or the key where no page has such a key."""

    missing: list[str] = field(default_factory=list)
    altered: list[str] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    cdns: list[str] = field(default_factory=list)  # sentences: why a CDN's purges reach nothing
    healed: int = 0
    left: list[str] = field(default_factory=list)  # after healing: what could not be mended
    ahead: int = 0  # the highest write number found in the store, where the database's is lower
    stored: int = 0  # objects in the store
    live: int = 0  # objects in the manifest
    asked: int = 0  # pages that the edge answered for
    kinds: dict[str, str] = field(default_factory=dict)  # of what is missing, altered or has other headers, by path
    pictures: list[str] = field(default_factory=list)  # keys of those that are missing
    ours: list[Stray] = field(default_factory=list)  # those of the foreign that we wrote once

    def __bool__(self) -> bool:
        return any(True for _ in self.wrong(mended=False))

    def wrong(self, *, mended: bool) -> Iterator[str]:
        """What is wrong still, a line each: NAME PATH, or a sentence for a path; *mended*: what mending has left."""
        if self.ahead and not mended:
            yield f"ahead, up to write number {self.ahead}"
        yield from (f"deaf: {harmless(sentence)}" for sentence in self.cdns)
        for name in ("left",) if mended else ("missing", "altered", "headers", "stale", "foreign"):
            yield from (f"{name} {harmless(path)}" for path in getattr(self, name))


def verify(dsn: str, store: Store, site: Site, profile: str, purgers: Sequence[Purger] = (), *, deep: bool = False,
           ask: Ask | None = None) -> Findings:
    """Compare store, manifest, a sample of the edge, and the CDNs' configuration. Changes nothing of the site and holds up nobody;
    what is wrong is kept for `status`.

    Each object is listed; what looks otherwise than the manifest says is read and judged by its content, and of the others
    READ_BACK, with *deep* all. *ask* asks the edge. Raises StoreError, OtherStoreError.
    """
    with closing(psycopg2.connect(dsn, connect_timeout=10)) as connection:
        found = examine(connection, store, Renderer(site, profile), purgers, deep=deep, ask=ask or asking(site.base_url))
        findings.by_verify(connection, found.wrong(mended=False))
    return found


def examine(connection: Connection, store: Store, renderer: Renderer, purgers: Sequence[Purger], *, deep: bool, ask: Ask) -> Findings:
    """As `verify`, over a connection that is in no transaction."""
    journal.must_be_at(connection, store.name)
    found = Findings()
    listing = Listing(connection, store)
    found.stored = listing.count
    found.live = _number(connection, _LIVE)
    if listing.highest > _number(connection, _NUMBER):
        found.ahead = listing.highest
    paths = chain(listing.doubtful(), listing.sample(2**62 if deep else READ_BACK))
    lists = {"missing": found.missing, "altered": found.altered, "headers": found.headers}
    for verdict in judged(connection, store, renderer, paths):
        lists[verdict.what].append(verdict.path)
        found.kinds[verdict.path] = verdict.kind
    found.pictures = lost_pictures(connection)
    found.missing += [f"/{key}" for key in found.pictures]
    for stray, ours in _foreign(connection, store, listing.foreign()):
        found.foreign.append(stray.path or stray.key)
        if ours:
            found.ours.append(stray)
    found.cdns = [sentence for purger in purgers if (sentence := _deaf(purger))]
    edge = shown(connection, store, ask) if found.live else Shown(0, [])
    found.asked, found.stale = edge.asked, edge.stale
    for names in (*lists.values(), found.foreign, found.stale):
        names.sort()
    return found


def _foreign(connection: Connection, store: Store, strays: Iterator[Stray]) -> Iterator[tuple[Stray, bool]]:
    """What nothing names and is still there, and whether we wrote it: our digest, under the name that its own tag says."""
    while lot := list(islice(strays, _LOT)):
        for stray in still_foreign(connection, lot):
            found = store.get(stray.key)
            if found is None:
                continue
            thing = found[0]
            own = bool(stray.path) and thing.tags.partition(" ")[0] == own_tag(Path(stray.path))
            kept = _RETAINED.fullmatch(stray.key) is not None
            yield stray, (bool(thing.digest) and (own or kept)) or _PROBE.fullmatch(stray.key) is not None


def _deaf(purger: Purger) -> str:
    """What a CDN that can tell says of its configuration, as far as it keeps purges from reaching anything."""
    deaf = getattr(purger, "deaf", None)
    if deaf is None:
        return ""
    try:
        return str(deaf())
    except PurgeError as error:
        return f"{purger.name} does not tell its configuration: {error}"


def _number(connection: Connection, query: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query)
        ((number,),) = cursor.fetchall()
    connection.commit()
    return int(number)
