"""An import from beginning to end: read and survey, convert texts beside, write, and commit or take all back."""
from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from builder.catalog import postings
from builder.catalog.importers.lectern import Lines
from builder.catalog.importers.pyvideo import Files
from builder.catalog.importers.record import Record
from builder.catalog.importers.report import Report
from builder.catalog.importers.survey import Survey
from builder.catalog.importers.write import Writer
from builder.catalog.text_pool import TextPool
from edge.errors import LecternError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# Purpose: two imports at once would each miss what the other adds; the second waits.
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('lectern.import')::bigint)"

MANY_RECORDS = 1_000
# Purpose: tables that were filled at once have no statistics until autovacuum comes by, and without them the server reads whole
# tables for one changed lecture. Who does not own a table gets a warning, and nothing else happens.
_ANALYZE = """ANALYZE catalog.course, catalog.batch, catalog.subject, catalog.instructor, catalog.video, catalog.video_subject,
    catalog.video_instructor, catalog.source, catalog.resource, catalog.caption, catalog.import_record, live.clean_text"""


class NoCatalog(LecternError):
    """Nothing can be imported from this path; the message says what is expected there."""


class Reader(Protocol):
    """A set of files of one format; iterating it yields its records, batches before their videos."""

    origin: str
    """The format's name. What is remembered of an import is remembered under it."""

    expects: str
    """What stands at a path that is of this format, for people."""

    slugs_first: bool
    """Where a record names another, a slug is meant before a name."""

    withheld: list[str]
    """Refs of records that the files themselves say are not to be published."""

    total: int
    """Records, as far as known before they are read; 0 where not."""

    def __init__(self, path: Path, report: Report) -> None: ...

    @staticmethod
    def is_here(path: Path) -> bool:
        """Whether what stands at *path* is of this format."""

    def __iter__(self) -> Iterator[Record]: ...


READERS: tuple[type[Reader], ...] = (Files, Lines)
"""Every format, asked in turn whether it is the one."""


def run_import(
    connection: Connection, path: Path, *, check: bool = False, strict: bool = False,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
    before_end: Callable[[Report], object] = lambda report: None,
) -> Report:
    """Import the files at *path* in one transaction, which is committed here (*check*, or *strict* and something
    refused: taken back). The report is the same either way. *connection* must be idle. *before_end* is called with the
    report when all is judged and nothing committed: where it raises, nothing comes in.

    Raises LecternError where *path* holds no catalog.
    """
    report = Report()
    clock = time.perf_counter()
    with connection.cursor() as cursor, Survey() as survey, closing(TextPool()) as pool:
        try:
            cursor.execute("SET LOCAL timezone = 'UTC'")
            cursor.execute(_ONE_AT_A_TIME)
            reader = open_reader(Path(path), report)
            texts: dict[bytes, tuple[str, int | None]] = {}
            for n, record in enumerate(reader):
                survey.add(record)
                if source := record.values.get("description"):
                    hash = pool.offer(cursor, source, record.values.get("description_markup") or "markdown")
                    texts.setdefault(hash, (record.file, record.line))
                progress("read", n + 1, reader.total)
            survey.report_names(report, slugs=reader.slugs_first)
            survey.report_shared(report)
            clock = report.lap("read", clock)
            writer = Writer(cursor, reader.origin, survey, report, slugs_first=reader.slugs_first, dry=check)
            written = 0
            for count in writer.write():
                written += count
                progress("write", written, reader.total)
            writer.withdraw(reader.withheld)
            clock = report.lap("write", clock)
            for done, total in pool.finish(cursor):
                progress("texts", done, total)
            for hash, note in pool.notes().items():
                report.note(*texts[hash], "description", "", "mended", f"shown as plain text: {note}")
            report.lap("texts", clock)
            if not check:
                if report.counts["added"] + report.counts["changed"] >= MANY_RECORDS:
                    cursor.execute(_ANALYZE)
                postings.refresh(connection)
            before_end(report)
            if check or (strict and not report.ok):
                connection.rollback()
            else:
                connection.commit()
        except BaseException:
            connection.rollback()
            raise
    return report


def open_reader(path: Path, report: Report) -> Reader:
    """The reader for what stands at *path*. Raises NoCatalog."""
    for reader in READERS:
        if reader.is_here(path):
            return reader(path, report)
    raise NoCatalog(f"{path} holds no catalog: {', or '.join(reader.expects for reader in READERS)}, is expected.")
