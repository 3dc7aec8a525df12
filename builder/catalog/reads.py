"""Bulk reads of the catalog, in one snapshot: every query takes many ids and answers for all of them."""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from builder.catalog import text
from builder.catalog.model import Batch, Caption, Card, Clip, Course, Link, Order, Resource, Source, Topic, Video
from builder.catalog.queries import queries

CARDS_KEPT = 100_000  # about 50 MB; a chunk needs some thousands


class Catalog:
    """The catalog as one transaction sees it. Cards are kept, since many pages show one video."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sql = queries("reads")
        self._cards: dict[int, Card | None] = {}
        self.entries: dict[int, Any] = {}  # feed entries, kept likewise
        self.made_texts: dict[bytes, text.CleanText] = {}

    def rows(self, name: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """The rows of a named query."""
        with self._connection.cursor() as cursor:
            cursor.execute(self._sql[name], parameters)
            return cursor.fetchall()

    def ids(self, name: str) -> list[int]:
        """All ids that a ``shown_…`` query names."""
        return [row[0] for row in self.rows(name)]

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

    def list_items(self, lists: Sequence[int], low: int = 1, high: int = 2**31 - 1) -> dict[int, list[tuple[int, int]]]:
        """For each list (packed key) its (number, item id), by number; numbers from *low* to *high*."""
        rows = self.rows("list_items", lists=lists, low=low, high=high)
        return _grouped(rows, tuple)

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


def keep_texts(dsn: str, texts: Mapping[bytes, text.CleanText]) -> None:
    """Keep clean texts that were made on the way: only a cache, so in a transaction of its own, which may meet
    another that keeps the same."""
    with closing(psycopg2.connect(dsn, connect_timeout=10)) as connection, connection, connection.cursor() as cursor:
        execute_values(cursor, "INSERT INTO live.clean_text (hash, html, plain, note) VALUES %s ON CONFLICT DO NOTHING",
                       [(hash, *clean) for hash, clean in texts.items()])


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
