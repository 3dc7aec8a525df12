"""Bulk reads of the catalog, in one snapshot: every query takes many ids and answers for all of them."""
from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from xxhash import xxh3_64_hexdigest

from builder.catalog import text
from builder.catalog.model import Batch, Caption, Card, Clip, Course, Link, Order, Resource, Source, Topic, Video
from builder.catalog.queries import queries

_PARAMETER = re.compile(r"%\((\w+)\)s")
CARDS_KEPT = 100_000  # about 50 MB; a chunk needs some thousands


class Prepared:
    """The statements that a connection has prepared."""

    def __init__(self, connection: Connection) -> None:
        """Outside of a transaction, which could take the setting back."""
        self._execute: dict[str, str] = {}
        with connection, connection.cursor() as cursor:
            cursor.execute("SET plan_cache_mode = force_generic_plan")
            cursor.execute("SELECT name FROM pg_prepared_statements")
            self._prepared = {row[0] for row in cursor}  # by another one, on this connection

    def ready(self, cursor: Cursor, query: str) -> str:
        """*query* as an EXECUTE of its prepared statement, which is made at first need."""
        execute = self._execute.get(query)
        if execute is None:
            names = list(dict.fromkeys(_PARAMETER.findall(query)))
            statement = f"q{xxh3_64_hexdigest(query.encode())}"
            spelt = _PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", query)
            if statement not in self._prepared:
                cursor.execute(f"PREPARE {statement} AS {spelt}")
            given = ", ".join(f"%({name})s" for name in names)
            execute = self._execute[query] = f"EXECUTE {statement}({given})" if names else f"EXECUTE {statement}"
        return execute


class Catalog:
    """The catalog as one transaction sees it. Cards are kept, since many pages show one video."""

    def __init__(self, connection: Connection, prepared: Prepared | None = None) -> None:
        """With *prepared*, of that connection, the server plans each query once and for all: planning is half of what
        a query for a few rows costs, and for thousands of rows the better plan is worth it."""
        self._connection = connection
        self._prepared = prepared
        self._sql = queries("reads")
        self._cards: dict[int, Card | None] = {}
        self.entries: dict[int, Any] = {}  # feed entries, kept likewise
        self.made_texts: dict[bytes, text.CleanText] = {}

    def rows(self, name: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """The rows of a named query."""
        return self.ask(self._sql[name], parameters)

    def ask(self, query: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """The rows of a query, in this transaction."""
        with self._connection.cursor() as cursor:
            if self._prepared is None:
                cursor.execute(query, parameters)
            else:
                cursor.execute(self._prepared.ready(cursor, query), parameters)
            return cursor.fetchall()

    def ids(self, name: str) -> list[int]:
        """All ids that a ``shown_…`` query names."""
        return [row[0] for row in self.rows(name)]

    def shown(self, things: Mapping[str, Iterable[int]]) -> set[tuple[str, int]]:
        """Those of the things, ids by kind, that have a page: (kind, id)."""
        ids = {kind: sorted(things.get(kind, ())) for kind in ("course", "batch", "subject", "instructor", "video")}
        return {(kind, id) for kind, id in self.rows("shown_things", **ids)}

    @cached_property
    def site_uuid(self) -> UUID:
        """Who this site is, whatever its host is called."""
        return UUID(self.rows("site_uuid")[0][0])

    def courses(self, ids: Sequence[int]) -> list[Course]:
        return [Course._make(r) for r in self.rows("courses", ids=ids)]

    def batches(self, ids: Sequence[int]) -> dict[int, Batch]:
        return {r[0]: Batch._make(r) for r in self.rows("batches", ids=ids)}

    def subjects(self, ids: Sequence[int]) -> list[Topic]:
        return [Topic._make(r) for r in self.rows("subjects", ids=ids)]

    def instructors(self, ids: Sequence[int]) -> list[Topic]:
        return [Topic._make(r) for r in self.rows("instructors", ids=ids)]

    def videos(self, ids: Sequence[int]) -> list[Video]:
        videos = []
        for row in self.rows("videos", ids=ids, salt=text.SALT):
            html, plain, source, markup = row[3:7]
            if source:
                html, plain = self._make(source, markup)[:2]
            videos.append(Video._make((*row[:3], html or "", plain or "", *row[7:])))
        return videos

    def clips(self, ids: Sequence[int]) -> list[Clip]:
        clips = []
        for row in self.rows("clips", ids=ids, salt=text.SALT, limit=text.PART_BYTES):
            plain, long_html, source, markup = row[3:7]
            if source:
                long_html, plain = self._make(source, markup)[:2]
            clips.append(Clip._make((*row[:3], plain or "", long_html or "", *row[7:])))
        return clips

    def entry_texts(self, ids: Sequence[int]) -> dict[int, tuple[str, datetime | None]]:
        """For each video the first words of its description, and when its words last changed."""
        return {
            id: (self._make(source, markup).plain if source else plain or "", words_at)
            for id, plain, source, markup, words_at in self.rows("entry_texts", ids=ids, salt=text.SALT)
        }

    def orders(self, batch_ids: Sequence[int]) -> dict[int, Order]:
        return {r[0]: Order(r[1], r[2]) for r in self.rows("batch_orders", ids=batch_ids)}

    def near(self, ids: Sequence[int]) -> dict[int, list[int]]:
        return {r[0]: r[1] for r in self.rows("neighbours", ids=ids)}

    def subjects_of(self, ids: Sequence[int]) -> dict[int, list[Link]]:
        return _grouped(self.rows("video_subjects", ids=ids), Link._make)

    def sources_of(self, ids: Sequence[int]) -> dict[int, list[Source]]:
        return _grouped(self.rows("video_sources", ids=ids), Source._make)

    def resources_of(self, ids: Sequence[int]) -> dict[int, list[Resource]]:
        return _grouped(self.rows("video_resources", ids=ids), Resource._make)

    def captions_of(self, ids: Sequence[int]) -> dict[int, list[Caption]]:
        return _grouped(self.rows("video_captions", ids=ids), Caption._make)

    def short_captions_of(self, ids: Sequence[int], most_bytes: int) -> dict[int, dict[str, str]]:
        """For each video its captions of at most so many bytes, by language."""
        found: dict[int, dict[str, str]] = {}
        for id, language, body in self.rows("short_captions", ids=ids, most_bytes=most_bytes):
            found.setdefault(id, {})[language] = body
        return found

    def cards(self, ids: Iterable[int]) -> dict[int, Card]:
        """The cards of those of *ids* that are published."""
        wanted = set(ids)
        if missing := sorted(wanted - self._cards.keys()):
            if len(self._cards) > CARDS_KEPT:
                self._cards.clear()
                missing = sorted(wanted)
            self._cards.update(dict.fromkeys(missing))
            who = _grouped(self.rows("video_instructors", ids=missing), Link._make)
            for row in self.rows("cards", ids=missing):
                self._cards[row[0]] = Card._make((*row, tuple(who.get(row[0], ()))))
        kept = self._cards
        return {id: card for id in wanted if (card := kept[id]) is not None}

    def list_ends(self, lists: Sequence[int]) -> dict[int, int]:
        """The highest number that each list (packed key) has given."""
        return dict(self.rows("list_ends", lists=lists))

    def list_spans(self, spans: Sequence[tuple[int, int, int]]) -> dict[int, list[tuple[int, int]]]:
        """The (number, item id) of each list within its spans (list, low, high), by number."""
        lists, lows, highs = zip(*spans, strict=True) if spans else ((), (), ())
        return _grouped(self.rows("list_spans", lists=list(lists), lows=list(lows), highs=list(highs)), tuple)

    def clean(self, source: str, markup: str) -> text.CleanText:
        """Clean HTML of one source text: the kept one, or made now and noted in `made_texts`."""
        if not source:
            return text.CleanText("", "", "")
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT html, plain, note FROM live.clean_text WHERE hash = %s", (text.text_hash(source, markup),))
            row = cursor.fetchone()
        return text.CleanText(*row) if row else self._make(source, markup)

    def _make(self, source: str, markup: str) -> text.CleanText:
        hash = text.text_hash(source, markup)
        if hash not in self.made_texts:
            self.made_texts[hash] = text.clean(source, markup)
        return self.made_texts[hash]


def _grouped(rows: list[tuple[Any, ...]], make: Any) -> dict[int, list[Any]]:
    """Rows whose first column groups them, as values of the rest."""
    groups: dict[int, list[Any]] = {}
    for row in rows:
        value = make(row[1:])
        try:
            groups[row[0]].append(value)
        except KeyError:
            groups[row[0]] = [value]
    return groups
