"""Who may write the catalog: the desk's role, and no other."""
from __future__ import annotations

from contextlib import closing
from typing import Any

import psycopg2
import pytest
from psycopg2.errors import InsufficientPrivilege

from tests.site import Built, fill

TITLE = "UPDATE catalog.video SET title = 'By role' WHERE id = 1"


def role_run(site: Built, role: str, *statements: str) -> list[tuple[Any, ...]]:
    """What the last of *statements* answers to who has that role alone; all in one transaction."""
    with closing(psycopg2.connect(site.dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL ROLE migrated_{role}")  # the tests' databases are copies of one of that name
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_only_the_desk_writes_the_catalog(site: Built) -> None:
    fill(site)
    for role in ("api", "builder"):
        for statement in (TITLE, "DELETE FROM catalog.video", "INSERT INTO catalog.course (slug, title) VALUES ('x', 'X')"):
            with pytest.raises(InsufficientPrivilege):
                role_run(site, role, statement)
    role_run(site, "desk", TITLE)
    assert site.sql("SELECT title FROM catalog.video WHERE id = 1") == [("By role",)]


def test_the_desk_s_role_does_all_that_an_edit_does_and_touches_nothing_live(site: Built) -> None:
    fill(site)
    apply = "SELECT id FROM desk.apply('{}', {}, '{}', '{}', NULL)"
    ((made,),) = role_run(site, "desk", apply.format("subject", "NULL", "create", '{"title": "New", "slug": "new"}'))
    role_run(site, "desk", apply.format("video", 1, "change", f'{{"subjects": [{made}], "slug": "moved", "sources": []}}'),
             apply.format("subject", made, "merge", '{"into": 1}'), "SELECT keys FROM catalog.change WHERE release IS NULL",
             "SELECT * FROM live.release", "SELECT account_id FROM student.session", "SELECT * FROM student.progress")
    assert site.sql("SELECT subject_id FROM catalog.video_subject WHERE video_id = 1") == [(1,)]
    for statement in ("DELETE FROM live.object", "UPDATE catalog.change SET release = 1"):
        with pytest.raises(InsufficientPrivilege):
            role_run(site, "desk", statement)


def test_the_builder_answers_questions_and_writes_no_edit(site: Built) -> None:
    role_run(site, "builder", "UPDATE desk.question SET state = 'failed'", "DELETE FROM desk.question", "SELECT * FROM desk.edit")
    for statement in ("INSERT INTO desk.question (kind, asked_by) VALUES ('fill', 1)", "UPDATE desk.edit SET state = 'open'"):
        with pytest.raises(InsufficientPrivilege):
            role_run(site, "builder", statement)
