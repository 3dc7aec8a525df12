"""The API's statements on many students' rows: none reads a big table from end to end, and every table that grows has its bound."""
from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from builder.embedded import Server
from builder.migrate import FOLDERS
from tests.conftest import database

TOP = Path(__file__).parents[2]
VIDEOS = 10_000

# Triggers that look after references are off: each row leads to one that is there.
FILL = """
SET session_replication_role = replica;
INSERT INTO catalog.course (id, slug, title) VALUES (1, 'course', 'Course');
INSERT INTO catalog.batch (id, course_id, slug, title) SELECT n, 1, 'batch-' || n, 'Batch' FROM generate_series(1, 200) n;
INSERT INTO catalog.video (id, slug, title, status, batch_id)
    SELECT n, 'lecture-' || n, 'Lecture', 'published', 1 + n %% 200 FROM generate_series(1, %(videos)s) n;
INSERT INTO student.account (id, email, password) OVERRIDING SYSTEM VALUE
    SELECT n, 'student-' || n || '@school.example', 'x' FROM generate_series(1, %(students)s) n;
INSERT INTO student.session (token_hash, account_id, seen_at, expires_at)
    SELECT sha256(n::text::bytea), n, now() - n * interval '1 second', now() + n * interval '10 second'
    FROM generate_series(1, %(students)s) n;
INSERT INTO student.enrolment (account_id, batch_id) SELECT n, 1 + n %% 200 FROM generate_series(1, %(students)s) n;
INSERT INTO student.progress (account_id, video_id, position_s, at)
    SELECT 1 + n %% %(students)s, 1 + n %% %(videos)s + n / %(students)s, 60, now() - n * interval '1 second'
    FROM generate_series(0, 2 * %(students)s) n;
INSERT INTO student.bookmark (account_id, video_id) SELECT n, 1 + n %% %(videos)s FROM generate_series(1, %(students)s) n;
INSERT INTO student.note (account_id, video_id, at_s, body)
    SELECT n, 1 + n %% %(videos)s, 9, 'note' FROM generate_series(1, %(students)s) n;
INSERT INTO student.identity (issuer, subject, account_id) SELECT 'https://id.example', n, n FROM generate_series(1, %(students)s) n;
INSERT INTO student.secret (hash, account_id, purpose, email, expires_at)
    SELECT sha256(n::text::bytea), n, 'password', 'student-' || n || '@school.example', now() + n * interval '1 second'
    FROM generate_series(1, %(students)s / 4) n;
INSERT INTO student.login_state (hash, kept, expires_at)
    SELECT sha256(n::text::bytea), '{}', now() + n * interval '1 second' FROM generate_series(1, %(students)s / 4) n;
INSERT INTO student.mail (recipient, kind, due_at)
    SELECT 'x', 'x', now() + n * interval '1 second' FROM generate_series(1, %(students)s / 4) n;
SET session_replication_role = origin;
ANALYZE;
"""
VALUES: dict[str, object] = {
    "account": 5000, "account_id": 5000, "accounts": [5, 6], "actor": "x", "after": 5000, "agent": "", "answer": "{}",
    "asked": "{}", "at": "now", "at_ms": [1, 2], "at_s": 1.0, "at_us": 0, "base": "{}", "base_etag": "", "batch": 1, "batch_id": 1,
    "began": False, "body": "x", "change": 1, "changes": "{}", "completed": [True, None], "completed_at_ms": [1, None], "count": 1,
    "course": [1], "deed": "change", "email": "student-5@school.example", "emails": ["student-5@school.example"], "facts": "{}",
    "file": None, "hash": b"x" * 32, "hold_s": 60, "id": 5000, "idle_s": 30 * 86400, "ids": [1, 2],
    "imported": None, "instructor": [1],
    "issuer": "https://id.example", "kept": "{}", "kept_days": 7, "kind": "video", "last": 5100, "life_s": 60,
    "like": "lecture-5%", "limit": 50, "mine": True, "most": 1000, "most_files": 2, "most_own": 2, "name": "x", "new": "x",
    "note_id": 5000, "password": "x", "positions_s": [1.0, 2.0], "preferences": "{}", "purpose": "password", "recipient": "x",
    "release": 1, "role": "student", "round_s": 86400, "share": 1.0, "since": None, "slug": "lecture-5", "status": "",
    "subject": "5000", "tab": "", "tag": "x", "thing": 5, "token": "x", "undoes": None, "video": [1], "video_id": 5,
    "videos": [5, 6], "wait_s": 60, "why": ""}
OTHER_VALUES: dict[str, dict[str, object]] = {
    "desk/webhook": {"id": "x", "hash": b"x"}, "desk/things:names": {"batch": [1], "subject": [1]}, "auth/login_state": {"kept": "{}"}}
# May read these from end to end, and why.
WHOLE: dict[str, tuple[set[str], str]] = {
    "me/orphans:dead": ({"video", "batch"}, "joins the rows of 1,000 students to the catalog, once a day"),
    "me/orphans:delete": ({"video", "batch"}, "the same rows, where some are of no use"),
    "desk/health:watched": ({"video"}, "an editor's figures, over a sample of the progress"),
    "desk/health:dead": ({"video"}, "an editor's list of what providers have no more"),
    "desk/things:course": ({"video"}, "counts the lectures of the courses that an editor sees"),
    "desk/edits:taken_slugs": ({"video"}, "an editor's new thing: LIKE by a value that the plan does not know"),
}


def _statements() -> dict[str, str]:
    """Every named statement of the API, by ``room/file:name``."""
    found = {}
    for file in sorted((TOP / "api").rglob("sql/*.sql")):
        for part in file.read_text().split("-- name: ")[1:]:
            name, _, body = part.partition("\n")
            found[f"{file.parts[-3]}/{file.stem}:{name.strip()}"] = body
    return found


STATEMENTS = _statements()


@pytest.fixture(scope="module")
def many(server: Server, _migrated: str, pytestconfig: pytest.Config) -> Iterator[Connection]:
    """A connection to a database with a hundred thousand students, or as many as --students says; what a test writes is taken back."""
    with database(server, f"TEMPLATE {_migrated}") as dsn, closing(psycopg2.connect(dsn)) as connection:
        connection.cursor().execute(FILL, {"students": pytestconfig.getoption("students"), "videos": VIDEOS})
        connection.commit()
        yield connection


@pytest.mark.parametrize("name", STATEMENTS)
def test_no_statement_of_the_api_reads_a_big_table_from_end_to_end(many: Connection, name: str) -> None:
    values = VALUES | OTHER_VALUES.get(name.partition(":")[0], {}) | OTHER_VALUES.get(name, {})
    with many.cursor() as cursor:
        try:
            cursor.execute("EXPLAIN " + STATEMENTS[name], values)
            plan = [row[0] for row in cursor]
            scanned = {match[1] for line in plan if (match := re.search(r"Seq Scan on (\w+)", line))}
            big = scanned & _big(many)
        finally:
            many.rollback()
    assert big <= WHOLE.get(name, (set(), ""))[0], "\n".join(plan)


def test_the_overlay_and_what_a_write_asks_read_by_index_inside_their_functions_too(many: Connection) -> None:
    with many.cursor() as cursor:
        for name in ("me/overlay:overlay", "auth/sessions:current", "me/progress:record", "auth/sessions:raise_revision"):
            cursor.execute(STATEMENTS[name], VALUES)
        cursor.execute(STATEMENTS["me/overlay:overlay"], VALUES | {"videos": [], "batch_id": 7})
        # Per table of this transaction: whole readings, and rows that they saw.
        cursor.execute("SELECT relname FROM pg_stat_xact_user_tables WHERE seq_tup_read > 1000 ORDER BY relname")
        assert cursor.fetchall() == []
        cursor.execute("SELECT count(*) FROM pg_stat_xact_user_tables WHERE idx_scan > 0 AND relname IN ('session', 'progress', 'account')")
        assert cursor.fetchone() == (3,), "or nothing was read at all"
    many.rollback()


def test_every_table_has_a_line_that_says_what_bounds_it(many: Connection) -> None:
    part = (TOP / "docs" / "operations.md").read_text().partition("## What grows")[2].partition("\n## ")[0]
    told = {table for line in part.splitlines() if line.startswith("| `") for table in re.findall(r"`(\w+\.\w+)`", line.split("|")[1])}
    with many.cursor() as cursor:
        cursor.execute("""SELECT schemaname || '.' || tablename FROM pg_tables
            WHERE schemaname IN ('catalog', 'live', 'desk', 'student')""")
        tables = {row[0] for row in cursor}
    many.rollback()
    assert tables - told == set(), "say in docs/operations.md, What grows, what bounds each of these"
    assert told - tables == set(), "no such table any more"


def test_an_index_on_a_table_that_stood_before_is_built_online() -> None:
    """Whoever migrates a full database must not stop its writers meanwhile."""
    files = [file for folder in FOLDERS for file in folder.glob("*.sql") if not file.name.endswith(".rollback.sql")]
    found = 0
    for file in files:
        text = re.sub(r"--[^\n]*", "", file.read_text())
        here = set(re.findall(r"CREATE TABLE ([\w.]+)", text))
        for online, table in re.findall(r"CREATE (?:UNIQUE )?INDEX( CONCURRENTLY)?(?: \w+)? ON ([\w.]+)", text):
            found += 1
            why = f"{file.name}: build the index on {table} CONCURRENTLY, in a migration of its own"
            assert table in here or online or (file.name, table) in OFFLINE, why
    assert found > 20


OFFLINE = {
    ("0002.publish.sql", "live.object"): "from before any site stood",
    ("0010.takedown.sql", "live.release"): "30 days of releases",
    ("0010.takedown.sql", "live.receipt"): "30 days of receipts, written by the worker",
    ("0011.cards.sql", "live.refresh_picture"): "a row a picture, written by the hourly job",
    ("0009.rights.sql", "live.object"): "an index that a first load drops and makes anew, over its own rows",
}


def _big(connection: Connection) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples > 5000 AND relnamespace::regnamespace::text "
                       "IN ('student', 'catalog', 'live', 'desk')")
        return {row[0] for row in cursor}
