"""Why a page is as it is: what it depends on, which release wrote it, which edits that release took for it."""
from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import psycopg2
from psycopg2.extensions import connection as Connection

from builder.catalog import changes, keys
from builder.explain import words
from edge.address import Key, Path, key_of, path_of
from edge.errors import LecternError
from edge.store.port import Store

NEAREST = 5
_AROUND = 40  # paths looked at, of each way to be near
_TAIL = 12  # characters: what a misspelt beginning leaves

# Purpose: what the manifest says of a path, with what it depended on before its release replaced it.
# And what the release took over: the cause of one that died just before it, "heal" where paths were to be mended.
_ROW = """SELECT o.kind, o.keys || coalesce(k.keys, '{}'), o.keys, o.release, r.cause, r.live_at, r.rendered, coalesce((
        SELECT d.cause FROM live.release d WHERE d.state = 'superseded' AND d.number < o.release AND d.number > coalesce((
            SELECT max(p.number) FROM live.release p WHERE p.state = 'live' AND p.number < o.release), 0)
        ORDER BY d.number DESC LIMIT 1), '')
    FROM live.object o LEFT JOIN live.release r ON r.number = o.release
    LEFT JOIN live.retained k ON k.path = o.path AND k.replaced_by = o.release WHERE o.path = %s"""
# Purpose: the cards of those whom videos show: a change of one of these is told to the videos' own pages.
_SHOWN_BY = """SELECT instructor_id << 8 | %(instructor)s FROM catalog.video_instructor WHERE video_id = ANY(%(ids)s)
    UNION SELECT subject_id << 8 | %(subject)s FROM catalog.video_subject WHERE video_id = ANY(%(ids)s)"""
# Purpose: paths that stand near one in the alphabet, or begin or end like it.
_NEAR = """(SELECT path FROM live.object WHERE path < %(path)s ORDER BY path DESC LIMIT %(most)s)
    UNION (SELECT path FROM live.object WHERE path >= %(path)s ORDER BY path LIMIT %(most)s)
    UNION (SELECT path FROM live.object WHERE right(rtrim(path, '/'), %(tail)s) = right(rtrim(%(path)s, '/'), %(tail)s) LIMIT %(most)s)"""

_BESIDE = {
    keys.code("video/card"): (keys.code("video/place"),),
    keys.code("batch/card"): (keys.code("batch/order"), keys.code("batch/sums")),
}


class UnknownPathError(LecternError):
    """No page was ever at this address."""


class Cause(NamedTuple):
    """An edit that the page's release took, and a key of the page that it touched."""

    at: datetime
    key: str
    actor: str


class Why(NamedTuple):
    """*headers* are those that it is stored with; {} where it is not in the store. *cause* of the release, the one of a
    release that it took over (*after*), *live_at* and *rendered* (its pages) are for people."""

    path: str
    kind: str
    keys: list[str]
    release: int
    changes: list[Cause]
    headers: dict[str, str]
    cause: str
    live_at: datetime | None
    rendered: int
    after: str


def why(dsn: str, store: Store, url: str) -> Why:
    """Of a path, or of a URL on any host. Raises UnknownPathError, which names the nearest paths."""
    with closing(psycopg2.connect(dsn, connect_timeout=10)) as connection, connection, connection.cursor() as cursor:
        for path in _spellings(url):
            cursor.execute(_ROW, (path,))
            if (row := cursor.fetchone()) is not None:
                return _why(connection, store, path, row)
        near = _nearest(connection, next(_spellings(url)))
    hint = f" Near it: {', '.join(near)}." if near else " Nothing is live yet: `python build.py build`."
    raise UnknownPathError(f"No page is, or was, at {words.harmless(next(_spellings(url)))}.{hint}")


def _why(connection: Connection, store: Store, path: str, row: Sequence[Any]) -> Why:
    kind, asked, own, release, cause, live_at, rendered, after = row
    touched = changes.since(connection, {*asked, *_beside(asked), *_shown_by(connection, asked), keys.SITE}, release)
    found = store.get(key_of(Path(path)))
    headers: dict[str, str] = {}
    if found is not None:
        stored, head = found
        headers = words.headers(stored) | {"ETag": head.etag, "Digest": stored.digest, "Write-Number": str(stored.write_number)}
    return Why(path, kind, [keys.show(key) for key in own if key & 255 != 255], release,
               [Cause(change.at, keys.show(key), change.actor) for change in touched for key in change.keys],
               headers, cause or "build", live_at, rendered or 0, after)


def _beside(page_keys: Sequence[int]) -> Iterator[int]:
    """What brings an item to a page that shows its card, or takes it away: its place, a batch's order."""
    for key in page_keys:
        for facet in _BESIDE.get(key & 255, ()):
            yield key & ~255 | facet


def _shown_by(connection: Connection, page_keys: Sequence[int]) -> list[int]:
    codes = {keys.code("video"), keys.code("video/card")}
    ids = sorted({key >> 8 for key in page_keys if key & 255 in codes})
    with connection.cursor() as cursor:
        cursor.execute(_SHOWN_BY, {"ids": ids, "instructor": keys.code("instructor/card"), "subject": keys.code("subject/card")})
        return [row[0] for row in cursor]


def _spellings(url: str) -> Iterator[str]:
    """The paths that *url* may mean, as the manifest spells them, the likeliest first."""
    text = url if url.startswith("/") else urlsplit(url).path if "//" in url else f"/{url}"
    name = unquote(text.partition("?")[0].partition("#")[0].lstrip("/"))
    for spelt in dict.fromkeys((name, unicodedata.normalize("NFC", name), unicodedata.normalize("NFC", name).lower())):
        for ending in ("", "/"):
            if ending and (not spelt or spelt.endswith("/")):
                continue
            key = spelt + ending
            yield path_of(Key(f"{key}index.html" if key.endswith("/") or not key else key))


def _nearest(connection: Connection, path: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(_NEAR, {"path": path, "most": _AROUND, "tail": _TAIL})
        found = sorted(row[0] for row in cursor)
    return difflib.get_close_matches(path, found, n=NEAREST, cutoff=0.6) or difflib.get_close_matches(path, found, n=NEAREST, cutoff=0.0)
