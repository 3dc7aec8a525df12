"""A tiny whole site in one place: a few rows of SQL, a build in this process, and what the pages then say."""
from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection

from builder import lease, publishing, render
from builder.pages.page import Site
from builder.summary import Summary
from edge.address import Path as SitePath
from edge.address import key_of, path_of
from edge.cdn.port import Purger
from edge.store.port import Object
from edge.store.sqlite import SQLiteStore

SITE = Site("Lectern", "https://lectures.example", 255)


class Inline(Executor):
    """Runs each task when it is handed over, in this process."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


class Built:
    """A catalog in a database of the test's own, and the store that its builds go to."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self.dsn = dsn
        self._file = folder / "site.db"

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement as an editor would, and commit it."""
        with closing(psycopg2.connect(self.dsn)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def build(self, *, site: Site = SITE, profile: str = "100k", executor: Executor | None = None, full: bool = False) -> Summary:
        """One build into the store."""
        with closing(SQLiteStore(self._file)) as store:
            try:
                return publishing.build(self.dsn, store, site, profile, executor or Inline(), full=full)
            finally:
                render.close()

    @contextmanager
    def publisher(self, *, purgers: Sequence[Purger] = ()) -> Iterator[tuple[publishing.Publisher, SQLiteStore, Connection]]:
        """A publisher over a connection that holds the lease, with the store it goes to."""
        with closing(SQLiteStore(self._file)) as store, closing(psycopg2.connect(self.dsn)) as connection:
            with lease.held(connection, 0):
                publisher = publishing.Publisher(self.dsn, connection, store, SITE, "100k", lambda: nullcontext(Inline()), purgers)
                yield publisher, store, connection
            render.close()

    def objects(self) -> dict[str, Object]:
        """Every object that readers can ask for, by path."""
        with closing(SQLiteStore(self._file)) as store:
            served = [head.key for head in store.list() if not head.key.startswith("retained/")]
            found = {path_of(key): store.get(key) for key in served}  # type: ignore[arg-type]
        return {path: pair[0] for path, pair in found.items() if pair is not None}

    def text(self, path: str) -> str:
        """The uncompressed text at *path*."""
        with closing(SQLiteStore(self._file)) as store:
            found = store.get(key_of(SitePath(path)))
        assert found is not None, path
        return text_of(found[0])

    def texts(self, ending: str = "") -> Iterator[tuple[str, str]]:
        """Path and text of every object whose path ends so, assets left out."""
        return ((path, text_of(thing)) for path, thing in self.objects().items()
                if path.endswith(ending) and not path.startswith("/assets/"))

    def begin_anew(self) -> None:
        """Forget what is live, and the store with it: the next build is a first one of the same catalog."""
        self.sql("TRUNCATE live.object, live.release, live.retained, live.set_aside, live.debt")
        for file in self._file.parent.glob(f"{self._file.name}*"):
            file.unlink()

    def digests(self) -> dict[str, str]:
        """Path and digest of every object."""
        return {path: thing.digest for path, thing in self.objects().items()}


def text_of(thing: Object) -> str:
    body = gzip.decompress(thing.body) if thing.gzipped else thing.body
    return body.decode()


def fill(site: Built, *, videos: int = 3, title: str = "Lecture") -> None:
    """A course, a batch, a subject, an instructor, and published videos 1 to *videos* of a day each."""
    site.sql("INSERT INTO catalog.course (id, slug, title) VALUES (1, 'course', 'Course')")
    site.sql("INSERT INTO catalog.batch (id, course_id, slug, title) VALUES (1, 1, 'batch', 'Batch')")
    site.sql("INSERT INTO catalog.subject (id, slug, title) VALUES (1, 'subject', 'Subject')")
    site.sql("INSERT INTO catalog.instructor (id, slug, name) VALUES (1, 'teacher', 'A Teacher')")
    site.sql("""INSERT INTO catalog.video (id, slug, title, status, batch_id, recorded_on, duration_s, description, position, picture_url)
        SELECT n, 'lecture-' || n, %s || ' ' || n, 'published', 1, date '2020-01-01' + n, 600 + n, 'About number ' || n, n,
            'https://pictures.example/' || n || '.jpg'
        FROM generate_series(1, %s) n""", title, videos)
    site.sql("INSERT INTO catalog.video_subject SELECT id, 1 FROM catalog.video")
    site.sql("INSERT INTO catalog.video_instructor (video_id, instructor_id) SELECT id, 1 FROM catalog.video")
    site.sql("""INSERT INTO catalog.source (video_id, position, kind, url)
        SELECT id, 0, 'youtube', 'https://www.youtube.com/watch?v=' || lpad(id::text, 11, '0') FROM catalog.video""")


def number_on(site: Built) -> None:
    """New rows get ids above those that were written by hand."""
    for kind in ("course", "batch", "subject", "instructor", "video"):
        site.sql(f"SELECT setval(pg_get_serial_sequence('catalog.{kind}', 'id'), max(id)) FROM catalog.{kind}")
