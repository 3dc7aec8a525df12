"""A desk's threads without their threads: questions put as the API puts them, and answered at once."""
from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from typing import Any, NamedTuple

import psycopg2

from builder.catalog.providers import Endpoints, providers
from builder.catalog.providers.web import Web
from builder.desk.answerer import DEEDS, FILES, QUICK, Answerer
from builder.desk.means import Means
from edge.store.sqlite import SQLiteStore
from tests.catalog.stand_ins import KEY, TOKEN, Providers
from tests.site import SITE, Built, Inline

EDITOR = 7


class Told(NamedTuple):
    """What came of a question."""

    state: str
    answer: dict[str, Any]
    token: str


class Desk:
    """The builder's side of the desk of a tiny site."""

    def __init__(self, site: Built, answerer: Answerer) -> None:
        self.site, self.answerer = site, answerer

    def edit(self, kind: str, thing: int | None, deed: str = "change", **changes: Any) -> int:
        """An open edit, as the API begins it."""
        ((id,),) = self.site.sql(
            """INSERT INTO desk.edit (kind, thing_id, deed, changes, author_id, base, base_etag)
            SELECT %s, %s, %s, %s, %s, coalesce(t.thing, '{}'), coalesce(t.etag, '') FROM desk.thing(%s, %s) t RETURNING id""",
            kind, thing, deed, json.dumps(changes), EDITOR, kind, thing)
        return int(id)

    def put(self, kind: str, asked: dict[str, Any], file: bytes | None = None) -> int:
        """A question."""
        ((id,),) = self.site.sql(
            """INSERT INTO desk.question (kind, asked, file, asked_by, token) VALUES (%s, %s, %s, %s, md5(random()::text)) RETURNING id""",
            kind, json.dumps(asked), file, EDITOR)
        return int(id)

    def answer(self) -> None:
        """Answer all that waits, and sweep."""
        with closing(psycopg2.connect(self.site.dsn)) as connection:
            connection.autocommit = True
            self.answerer.answer_waiting(connection)
            self.answerer.sweep(connection)

    def ask(self, kind: str, asked: dict[str, Any], file: bytes | None = None) -> Told:
        """What comes of a question."""
        id = self.put(kind, asked, file)
        self.answer()
        return self.told(id)

    def told(self, id: int) -> Told:
        """What came of it."""
        return Told(*self.site.sql("SELECT state, answer, coalesce(token, '') FROM desk.question WHERE id = %s", id)[0])

    def preview(self, *edits: int) -> Told:
        """What comes of a preview that succeeds."""
        told = self.ask("preview", {"edits": edits})
        assert told.state == "answered", told
        return told


@contextmanager
def desk_of(site: Built, talkers: Providers | None = None) -> Iterator[Desk]:
    """The desk of *site*, whose web reaches *talkers* alone of all private hosts."""
    endpoints = talkers.endpoints if talkers else Endpoints()
    with closing(SQLiteStore(site._file)) as store, closing(Web("Lectern tests", private_hosts=[talkers.host] if talkers else [])) as web:
        means = Means(site.dsn, store, SITE, "100k", (), lambda: nullcontext(Inline()), web,
                      lambda: providers(endpoints, youtube_key=KEY, youtube_units=2, vimeo_token=TOKEN))
        yield Desk(site, Answerer("desk", {**QUICK, **FILES, **DEEDS}, means, lambda line: None))
