"""What must hold of a store whenever its builder dies, and of the site once another has recovered it."""
from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection

from builder import numbers, plan, render
from builder.catalog.reads import Catalog
from builder.fingerprint import fingerprints
from builder.pages import retired
from builder.task import Job
from edge.address import Key, key_of, path_of
from edge.address import Path as SitePath
from edge.store.port import RETAINED, Object, Store
from tests.site import SITE

_LINK = re.compile(r"""(?:href|src)="(/(?!api/)[^"#?]*)|https://lectures\.example(/[^"<#?\s]*)""")
PROFILE = "100k"


class Lost(AssertionError):
    """Something was lost: a sentence that says what."""


class Watch:
    """What is looked at in a store after each death; what did not change since is not looked at again."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[tuple[str, str], tuple[str, ...]] = {}  # the links of an object, by key and ETag

    def check(self) -> None:
        """Every object is whole, and no page that the home page leads to links to what is missing. Raises Lost."""
        now: dict[str, tuple[str, ...]] = {}
        for head in self._store.list():
            at = (head.key, f"{head.etag} {head.digest} {head.write_number}")
            if at not in self._known:
                found = self._store.get(head.key)
                assert found is not None
                self._known[at] = tuple(_links(whole(found[0])))
            now[head.key] = self._known[at]
        seen = {"index.html"} if "index.html" in now else set[str]()
        todo = list(seen)
        while todo:
            key = todo.pop()
            for link in now[key]:
                if link not in now:
                    raise Lost(f"{key} links to {link}, which is missing")
                if link not in seen:
                    seen.add(link)
                    todo.append(link)


def whole(thing: Object) -> Object:
    """*thing* with its plain body. Raises Lost where body, headers and digest are not of one page."""
    try:
        body = gzip.decompress(thing.body) if thing.gzipped else thing.body
    except (OSError, EOFError) as error:
        raise Lost(f"{thing.key} is torn: {error}") from error
    digest = render.digest_of(body, thing.content_type, thing.cache_control, thing.tags, thing.status, thing.location)
    if digest != thing.digest:
        raise Lost(f"{thing.key} is torn: its digest is not that of its bytes and headers")
    if thing.gzipped and int.from_bytes(thing.body[4:8], "little") != thing.write_number and not thing.key.startswith(RETAINED):
        raise Lost(f"{thing.key} bears another write number than its bytes do")
    return thing._replace(body=body)


def _links(thing: Object) -> Iterator[str]:
    """Keys that a page, a feed or a map leads to; what is gone leads nowhere."""
    kind = thing.content_type.partition(";")[0]
    if thing.key.startswith(RETAINED) or thing.status == 410 or kind not in (
            "text/html", "application/xml", "text/xml", "application/atom+xml", "application/rss+xml"):
        return
    for one, other in _LINK.findall(thing.body.decode()):
        path = one or other
        if not path.startswith(("/api/", "/account/", "/desk/", "/pictures/")):  # what refresh stores before a row names it
            yield key_of(SitePath(path))


def clean(dsn: str, renderer: render.Renderer) -> dict[str, str]:
    """Digest by key of what a first build of the present catalog makes; "gone" objects too, where something stood once."""
    with closing(psycopg2.connect(dsn)) as connection:
        snapshot, complete = numbers.snapshot(connection)
        assert complete
        catalog = Catalog(connection)
        job = Job(dsn, snapshot, SITE, PROFILE, 0, fingerprints(SITE, PROFILE), False, False)
        renderer.forget()
        found: dict[str, str] = {}
        for task in plan.everything(catalog):
            made = render.render(job, catalog, renderer, [task])
            assert not made.failures, made.failures
            for line in made.rows.decode().splitlines():
                path, _, digest, *_ = line.split("\t")
                found[key_of(SitePath(path))] = digest[3:]
        with connection.cursor() as cursor:
            cursor.execute("SELECT path FROM live.tombstone")
            for page in retired.gone(SITE, [path for (path,) in cursor]):
                if key_of(page.path) in found:
                    raise Lost(f"{page.path} stands and has a tombstone")
                found[key_of(page.path)] = renderer.object(page, renderer.text(page), 0).digest
        connection.rollback()
    return found


def recovered(connection: Connection, store: Store, wanted: dict[str, str]) -> Iterator[str]:
    """What is not as it should be once all is recovered and paid, each as a sentence."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT path, encode(digest, 'hex'), release, etag FROM live.object")
        manifest: dict[str, list[Any]] = {key_of(SitePath(path)): row for path, *row in cursor}
        cursor.execute("SELECT kept_as, encode(digest, 'hex') FROM live.retained WHERE replaced_by > (SELECT horizon FROM live.site)")
        kept = dict(cursor.fetchall())
        cursor.execute("SELECT kind, cdn, what, why FROM live.debt")
        yield from (f"owed for ever: {kind} {cdn} {what[:3]} {why}" for kind, cdn, what, why in cursor)
        cursor.execute("SELECT path, why FROM live.set_aside")
        yield from (f"set aside: {path}: {why}" for path, why in cursor)
        cursor.execute("SELECT number FROM live.release WHERE state = 'writing'")
        yield from (f"release {number} is still writing" for (number,) in cursor)
        cursor.execute("SELECT keys FROM catalog.change WHERE release IS NULL")
        yield from (f"a change waits: {keys}" for (keys,) in cursor)
    connection.commit()
    there = {head.key: head for head in store.list() if not head.key.startswith(RETAINED)}
    yield from (f"{key} is missing" for key in sorted(wanted.keys() - there.keys()))
    for key, head in there.items():
        if key not in wanted:
            if not key.startswith("assets/"):
                yield f"{path_of(Key(key))} stands, and a clean build has no such page"
        elif head.digest != wanted[key]:
            yield f"{path_of(Key(key))} is not what a clean build makes"
        row = manifest.get(key)
        said = row and (row[0], row[1] if not key.startswith("assets/") else head.write_number)  # an asset's name says what it is
        if row is None or (head.digest, head.write_number) != said or row[2] not in ("", head.etag):
            yield f"{key} is {head} in the store and {row} in the manifest"
    yield from (f"{key} stands in the manifest only" for key in sorted(manifest.keys() - there.keys()))
    for key, digest in kept.items():
        found = store.get(key)
        if found is None or whole(found[0]).digest != digest:
            yield f"{key} is kept for a rollback, says the manifest, and the store has {found and found[1]}"
