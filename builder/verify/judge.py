"""One object against its row: the content itself is looked at, for what was changed by hand keeps our metadata."""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import NamedTuple

from psycopg2.extensions import connection as Connection

from builder.packing import gunzipped
from builder.render import Renderer, digest_of
from edge.address import Path, key_of
from edge.store.port import Head, Object, Store

_LOT = 512  # paths looked at between two looks at the manifest
_READERS = 16
_TRIES = 5

# Purpose: what the manifest says of paths now.
_ROWS = """SELECT o.path, o.kind, encode(o.digest, 'hex'), o.tags, o.release, r.state
    FROM live.object o JOIN live.release r ON r.number = o.release WHERE o.path = ANY(%s)"""

Found = tuple[Object, Head] | None


class Expected(NamedTuple):
    """What the manifest says of a path; *state* is its release's."""

    path: str
    kind: str
    digest: str
    tags: str
    release: int
    state: str


class Verdict(NamedTuple):
    """*what* is missing, altered or headers: the body is right."""

    path: str
    kind: str
    what: str


def judged(connection: Connection, store: Store, renderer: Renderer, paths: Iterable[str]) -> Iterator[Verdict]:
    """What is wrong with objects at *paths*, as the manifest is now: a path that a release is about to write is left to it."""
    source = iter(paths)
    with ThreadPoolExecutor(1 if store.atomic else _READERS, thread_name_prefix="verify") as threads:
        while lot := list(islice(source, _LOT)):
            for _ in range(_TRIES):  # what a release writes just now is looked at again
                before = _rows(connection, lot)
                sure = [row for row in before.values() if row.state != "writing"]
                things = list(threads.map(store.get, [key_of(Path(row.path)) for row in sure]))
                after = _rows(connection, lot)
                lot = []
                for row, found in zip(sure, things, strict=True):
                    if after.get(row.path) != row:
                        lot.append(row.path)
                    elif what := judge(row, found, renderer):
                        yield Verdict(row.path, row.kind, what)
                if not lot:
                    break


def judge(row: Expected, found: Found, renderer: Renderer) -> str:
    """missing, altered, headers, or "" where the object is what the row says. Pure."""
    if found is None:
        return "missing"
    thing = found[0]
    if row.state != "live":  # it may be either version
        return ""
    bodies = list(_bodies(thing))
    same_write = row.kind == "asset" or thing.write_number == row.release
    if thing.digest == row.digest and same_write and _digest(bodies[0], thing) == row.digest:
        return ""
    return "headers" if row.digest in {digest for body in bodies for digest in _digests(body, thing, row, renderer)} else "altered"


def _digest(body: bytes, thing: Object) -> str:
    return digest_of(body, thing.content_type, thing.cache_control, thing.tags, thing.status, thing.location)


def _digests(body: bytes, thing: Object, row: Expected, renderer: Renderer) -> Iterator[str]:
    """The digests that the object would have if *body* were right and only headers were not."""
    yield _digest(body, thing)
    if row.kind == "asset":
        asset = next((asset for asset in renderer.assets.all() if asset.path == row.path), None)
        headers = (asset.content_type, renderer.asset(asset, 0).cache_control, 200) if asset else None
    else:
        headers = renderer.headers_of(row.kind)
    if headers:
        content_type, control, status = headers
        yield digest_of(body, content_type, control, row.tags, status, thing.location)


def _bodies(thing: Object) -> Iterator[bytes]:
    """The body as it is served, and, where its encoding may have been forgotten, what it unpacks to."""
    whole = gunzipped(thing.body)
    if thing.gzipped and whole is not None:
        yield whole
        return
    yield thing.body
    if whole is not None:
        yield whole


def _rows(connection: Connection, paths: Sequence[str]) -> dict[str, Expected]:
    with connection.cursor() as cursor:
        cursor.execute(_ROWS, (list(paths),))
        found = {row[0]: Expected._make(row) for row in cursor}
    connection.commit()
    return found
