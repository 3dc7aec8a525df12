"""A preview: the real pages, by the real pipeline, of a catalog in which the edits are applied, in a transaction that is undone.

They are objects under ``/preview/TOKEN/``: kept by no cache, found by no search engine, gone when the question is. Links lead to
the other pages that would change, so that all of them can be walked; every other link leads to the live site.
"""
from __future__ import annotations

import re
from collections.abc import Sequence, Set
from typing import NamedTuple

from psycopg2.extensions import connection as Connection

from builder.catalog import keys
from builder.desk.drafts import Draft, apply
from builder.desk.means import Answer, Means, Question, UnanswerableError
from builder.explain.rehearsal import rehearse, undone
from builder.packing import RETIRED_KINDS, compressed, unpacked
from builder.pages import PARTS
from builder.pages.page import HTML, at
from builder.render import digest_of
from builder.task import unpack
from edge.address import Key, path_of
from edge.store.port import Object, Put
from edge.tiers import cache_control

FOLDER = "preview/"
MOST_PAGES = 300
"""That one preview shows; how many more there would be is told."""

_LINK = re.compile(r'(\s(?:href|src|data-src|poster)=")(/[^"#?]*)')
_CANONICAL = re.compile(r'<link rel="(?:canonical|alternate)"[^>]*>\n?|<meta property="og:url"[^>]*>\n?|<meta name="robots"[^>]*>\n?')
_HEAD = re.compile(r"<head>", re.IGNORECASE)
_NOINDEX = '<head>\n<meta name="robots" content="noindex, nofollow">'


class _Seen(NamedTuple):
    objects: list[Object]
    kinds: dict[str, str]
    leaves: list[str]
    more: int
    aside: list[tuple[str, str]]
    drafts: list[Draft]


def preview(means: Means, question: Question) -> Answer:
    """``{"first", "pages": [{"path", "kind", "at"}], "leaves": [path], "more": n, "aside": [{"path", "why"}]}``: where each page that
    would change can be seen, which would leave, and which could not be rendered."""
    edits = question.asked["edits"]
    seen = undone(means.dsn, lambda connection: _seen(means, connection, edits))
    paths = {path_of(Key(thing.key)) for thing in seen.objects}
    root = f"/{FOLDER}{question.token}"
    if seen.objects:
        means.store.put(Put(_moved(thing, root, paths)) for thing in seen.objects)
    pages = sorted((path, seen.kinds[path]) for path in paths)
    return {"first": next((root + path for path in _own(seen.drafts) if path in paths), None),
            "pages": [{"path": path, "kind": kind, "at": root + path} for path, kind in pages], "leaves": sorted(seen.leaves),
            "more": seen.more, "aside": [{"path": path, "why": why} for path, why in seen.aside]}


def _seen(means: Means, connection: Connection, edits: Sequence[int]) -> _Seen:
    applied = apply(connection, edits)
    if keys.SITE in applied.keys:
        raise UnanswerableError("These edits touch the whole site: publish them, and roll back if need be.")
    seen = _Seen([], {}, [], 0, [], applied.drafts)
    more = 0
    if applied.keys:
        for step in rehearse(connection, means.store, means.site, means.profile, applied.keys):
            if step.batch is None:
                continue
            kinds = dict(row.split("\t", 2)[:2] for row in step.batch.rows.decode().splitlines())
            seen.aside.extend((failure.path or failure.kind, failure.why) for failure in step.batch.failures)
            for order in sorted(step.batch.puts):
                for put in unpack(step.batch.puts[order]):
                    path = path_of(Key(put.object.key))
                    if kinds[path] in RETIRED_KINDS:
                        if path.endswith("/"):  # a page; its side files go with it
                            seen.leaves.append(path)
                    elif len(seen.objects) < MOST_PAGES:
                        seen.objects.append(put.object)
                        seen.kinds[path] = kinds[path]
                    else:
                        more += 1
    return seen._replace(more=more)


def _own(drafts: Sequence[Draft]) -> list[str]:
    """The edited things' own pages."""
    return [at(PARTS[draft.kind].folder, draft.after["slug"]) for draft in drafts if draft.after]


def _moved(thing: Object, root: str, paths: Set[str]) -> Object:
    body = unpacked(thing)
    if thing.content_type == HTML:
        text = _LINK.sub(lambda found: found[1] + (root if found[2] in paths else "") + found[2], body.decode())
        body = _HEAD.sub(_NOINDEX, _CANONICAL.sub("", text), count=1).encode()
    control = cache_control("never", "100k")
    digest = digest_of(body, thing.content_type, control, "", 200, "")
    return compressed(Object(f"{root[1:]}/{thing.key}", body, thing.content_type, control, "", digest, 0, thing.gzipped))
