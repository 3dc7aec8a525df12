"""Yesterday's database beside today's store: the whole site comes back, and nobody is signed in who had left."""
from __future__ import annotations

from contextlib import closing
from pathlib import Path

from builder import render
from builder.verify.heal import heal
from builder.verify.run import verify
from edge.store.sqlite import SQLiteStore
from tests.builder.watching import SITE
from tests.conftest import restore_dump
from tests.site import Built, Inline, fill


def test_yesterdays_database_beside_todays_store_ends_with_a_whole_site(
        site: Built, empty_dsn: str, server_programs: Path, tmp_path: Path) -> None:
    fill(site, videos=60)
    site.sql("INSERT INTO student.account (email) VALUES ('ada@school.example')")
    site.sql("INSERT INTO student.session (token_hash, account_id, expires_at) VALUES ('x', 1, 'infinity')")
    site.build(site=SITE)
    restore_dump(server_programs, site.dsn, empty_dsn)
    # Today: a lecture is new, one is renamed, one leaves, and Ada logs out.
    site.sql("INSERT INTO catalog.video (id, slug, title, status, batch_id) VALUES (90, 'newer', 'Newer than the backup', 'published', 1)")
    site.sql("UPDATE catalog.video SET title = 'Of today', slug = 'renamed' WHERE id = 2")
    site.sql("UPDATE catalog.video SET status = 'withdrawn' WHERE id = 3")
    site.sql("DELETE FROM student.session")
    site.build(site=SITE)

    restored = Built(empty_dsn, tmp_path)  # the same store
    with closing(SQLiteStore(restored._file)) as store:
        found = verify(empty_dsn, store, SITE, "100k")
        assert found.ahead, "the store is ahead of the database"
        healed = heal(empty_dsn, store, SITE, "100k", Inline())
        assert healed.left == []
        assert not verify(empty_dsn, store, SITE, "100k")
        render.close()
    assert restored.build(site=SITE, full=True).uploaded == 0
    served = {path: thing for path, thing in restored.objects().items() if not path.startswith("/assets/")}
    assert served["/videos/lecture-2/"].status == 200
    assert served["/videos/lecture-3/"].status == 200, "it was not withdrawn yesterday"
    assert "/videos/newer/" not in served, "nothing of after the backup is shown"
    assert b"Of today" not in b"".join(text.encode() for _, text in restored.texts("/"))
    assert restored.sql("SELECT count(*) FROM student.session") == [(0,)]
    # A publish goes on from there, with numbers above those of before.
    restored.sql("UPDATE catalog.video SET title = 'Goes on' WHERE id = 5")
    assert restored.build(site=SITE).uploaded
    assert "Goes on" in restored.text("/videos/lecture-5/")
