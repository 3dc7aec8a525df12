"""The database's roles: whoever is a member of the builder's can do all that the builder does, and of the API's what the API does."""
from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from api.queries import queries
from builder import journal, render, takedown, tidying
from builder.catalog import changes
from builder.migrate import make_ready
from builder.status import status
from builder.verify.heal import heal
from edge.address import Path as SitePath
from edge.address import key_of
from edge.store.sqlite import SQLiteStore
from tests.builder.test_takedown import NOWHERE
from tests.builder.watching import until, watching
from tests.site import SITE, Built, Inline, fill

TOP = Path(__file__).resolve().parents[2]


def as_member(dsn: str, group: str) -> str:
    """The DSN of a session with the rights of a database's group and no others."""
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        # Tests' databases are copies, so the group bears the name of the one that they are copied from.
        cursor.execute("SELECT rolname FROM pg_roles WHERE rolname = 'migrated_' || %s", (group,))
        ((role,),) = cursor.fetchall()
    return f"{dsn}&options=-c%20role%3D{role}"


@pytest.fixture
def builder(site: Built, tmp_path: Path) -> Built:
    """The same site, built with the builder's rights."""
    return Built(as_member(site.dsn, "builder"), tmp_path)


def test_a_first_build_an_edit_a_slice_of_all_and_a_touch_of_all(site: Built, builder: Built) -> None:
    make_ready(builder.dsn)
    fill(site, videos=30)
    assert builder.build().uploaded > 30
    site.sql("UPDATE catalog.video SET slug = 'another' WHERE id = 1")
    site.sql("UPDATE catalog.video SET status = 'withdrawn' WHERE id = 2")
    assert builder.build().uploaded
    with closing(psycopg2.connect(builder.dsn)) as connection:
        changes.touch_all(connection)
        assert journal.raise_above(connection, 500)
    assert builder.build().changes == 1
    assert builder.build(full=True).uploaded == 0


@pytest.mark.parametrize("kind", ["video", "course", "subject", "instructor"])
def test_a_takedown(site: Built, builder: Built, kind: str) -> None:
    fill(site, videos=5)
    site.sql(f"UPDATE catalog.{kind} SET slug = 'unspeakable' WHERE id = 1")
    builder.build()
    site.sql(f"UPDATE catalog.{kind} SET slug = 'unspeakable-too' WHERE id = 1")
    builder.build()
    with builder.publisher() as (publisher, store, connection):
        done = takedown.take_down(builder.dsn, connection, publisher, store, (), NOWHERE, kind, 1)
    assert f"/{kind}s/unspeakable/" in done.paths


def test_a_rollback_the_end_of_its_hold_and_the_status(site: Built, builder: Built) -> None:
    fill(site)
    first = builder.build().release or 0
    site.sql("UPDATE catalog.video SET title = 'Later' WHERE id = 1")
    builder.build()
    with builder.publisher() as (publisher, store, connection):
        publisher.back_to(first)
        journal.put_on_hold(connection, None)
        connection.commit()
        publisher.release()
        assert status(connection, store).live
        tidying.tidy(connection, store, SITE, "100k")
    assert "Later" in site.text("/videos/lecture-1/")


def test_healing(site: Built, builder: Built) -> None:
    fill(site)
    builder.build()
    with closing(SQLiteStore(site._file)) as store:
        store.delete([key_of(SitePath("/videos/lecture-1/"))])
        found = heal(builder.dsn, store, SITE, "100k", Inline(), ask=lambda path: None)
        render.close()
    assert (found.missing, found.healed, found.left) == (["/videos/lecture-1/"], 1, [])


def test_the_worker_with_what_is_scheduled(site: Built, builder: Built) -> None:
    fill(site)
    site.sql("UPDATE catalog.video SET status = 'scheduled', publish_at = now() - interval '1 minute' WHERE id = 3")
    with watching(site, dsn=builder.dsn) as seen:
        until(lambda: "/videos/lecture-3/" in site.objects(), why=seen.lines)


STATEMENTS = [(file, name) for file in sorted(TOP.glob("api/*/sql/*.sql")) for name in queries(file.parents[1], file.stem)]


@pytest.mark.parametrize(("file", "name"), STATEMENTS, ids=[f"{file.stem}-{name}" for file, name in STATEMENTS])
def test_each_statement_of_the_api(dsn: str, file: Path, name: str) -> None:
    group = "desk" if file.parents[1].name == "desk" else "api"
    with closing(psycopg2.connect(as_member(dsn, group))) as connection, connection.cursor() as cursor:
        cursor.execute("SET plan_cache_mode = force_generic_plan")
        for statement in _alone(queries(file.parents[1], file.stem)[name]):
            cursor.execute(f"EXPLAIN {statement}")


def _alone(query: str) -> list[str]:
    """A query's statements with NULL for each parameter; rights are looked at before a row is."""
    plain = "\n".join(line for line in query.split("\n") if not line.startswith("--"))
    filled = re.sub(r"%\(\w+\)s", "NULL", plain).replace("%%", "%")
    return [one for one in filled.split(";") if one.strip()]
