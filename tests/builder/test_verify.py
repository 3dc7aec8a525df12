"""The live site against the manifest: what was done to the store behind it is named, exactly, and mended in one release."""
from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, nullcontext
from typing import Any, NamedTuple

import psycopg2
import pytest
from click.testing import CliRunner

from build import main
from builder import findings, journal, lease, publishing, release, render, rollback
from builder.explain.why import why
from builder.summary import Summary
from builder.verify.edge import asking
from builder.verify.heal import heal
from builder.verify.run import Findings, verify
from edge.address import Path, key_of, own_tag
from edge.cdn.port import PurgeError, Purger
from edge.origin import Origin
from edge.store.port import Object, Put, Store
from edge.store.s3 import open_s3
from edge.store.sqlite import SQLiteStore
from tests.builder.purging import Recorder
from tests.edge import servers
from tests.edge.fakes.varnish import served
from tests.site import SITE, Built, Inline, fill

QUIET: tuple[list[str], ...] = ([], [], [], [], [])


class Kept(NamedTuple):
    """A site in some store."""

    site: Built
    store: Store

    def build(self, *, full: bool = False) -> Summary:
        try:
            return publishing.build(self.site.dsn, self.store, SITE, "100k", Inline(), full=full)
        finally:
            render.close()

    def verify(self, *purgers: Purger, ask: Any = lambda path: None, deep: bool = False) -> Findings:
        return verify(self.site.dsn, self.store, SITE, "100k", purgers, ask=ask, deep=deep)

    def heal(self, *purgers: Purger, ask: Any = lambda path: None) -> Findings:
        try:
            return heal(self.site.dsn, self.store, SITE, "100k", Inline(), purgers, ask=ask)
        finally:
            render.close()

    def noted(self) -> list[str]:
        """What the worker's metrics and `status` know of it."""
        ((lines,),) = self.site.sql(findings.VERIFIED.replace("%%", "%"))
        return list(lines)

    def get(self, path: str) -> Object:
        found = self.store.get(key_of(Path(path)))
        assert found is not None, path
        return found[0]

    def put(self, thing: Object) -> None:
        assert self.store.put([Put(thing)]).refused == []

    def delete(self, *paths: str) -> None:
        assert self.store.delete([key_of(Path(path)) for path in paths]) == []

    def contents(self) -> dict[str, tuple[object, ...]]:
        return {head.key: (head.digest, found[0].content_type, found[0].cache_control, found[0].tags)
                for head in self.store.list() if not head.key.startswith("retained/") and (found := self.store.get(head.key))}

    def must_be_quiet(self) -> None:
        for _ in range(2):
            found = self.verify(deep=True)
            assert _lists(found) == QUIET
            assert not found


@pytest.fixture
def kept(site: Built, request: pytest.FixtureRequest) -> Iterator[Kept]:
    """In a SQLite file, or in moto's bucket where the test asks for it."""
    if getattr(request, "param", "sqlite") == "moto":
        store = request.getfixturevalue("bucket")
        yield Kept(site, store)
    else:
        with closing(SQLiteStore(site._file)) as store:
            yield Kept(site, store)


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The URL of moto's S3."""
    with servers.moto() as server:
        yield server.url


@pytest.fixture
def bucket(moto: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[Store]:
    """An empty store in a bucket, listed three keys at a time."""
    for name, value in (("AWS_ENDPOINT_URL", moto), ("AWS_ACCESS_KEY_ID", "lectern"), ("AWS_SECRET_ACCESS_KEY", "secret"),
                        ("AWS_REGION", "us-east-1")):
        monkeypatch.setenv(name, value)
    with closing(open_s3("verify", tmp_path.name, list_keys=3)) as store:
        yield store


def _shown(kept: Kept, video: int) -> list[str]:
    """The pages that the last publish, of one video's title, wrote."""
    return [row[0] for row in kept.site.sql(
        "SELECT path FROM live.retained WHERE replaced_by = (SELECT max(number) FROM live.release WHERE changes > 0)")]


both = pytest.mark.parametrize("kept", ["sqlite", "moto"], indirect=True)


def _lists(found: Findings) -> tuple[list[str], ...]:
    return found.missing, found.altered, found.headers, found.foreign, found.stale


@both
def test_what_was_deleted_and_altered_behind_the_manifest_is_named_and_healed_and_nothing_else(kept: Kept) -> None:
    fill(kept.site)
    kept.build()
    kept.must_be_quiet()
    before = kept.contents()
    kept.delete("/videos/lecture-1/", "/sitemap.xml", "/data/video/2.json")
    page = kept.get("/videos/lecture-2/")
    kept.put(page._replace(body=gzip.compress(b"<h1>defaced</h1>"), digest="", tags=""))  # as an upload by hand
    kept.put(kept.get("/videos/lecture-3/")._replace(cache_control="no-store"))
    kept.put(Object("notes.txt", b"mine", "text/plain", "no-cache", "", "", 0, False))
    found = kept.verify()
    assert _lists(found) == (["/data/video/2.json", "/sitemap.xml", "/videos/lecture-1/"], ["/videos/lecture-2/"],
                             ["/videos/lecture-3/"], ["/notes.txt"], [])
    assert found.healed == 0
    kept.site.sql("UPDATE catalog.video SET title = 'Published meanwhile' WHERE id = 1")
    kept.build()  # a publish of one of them heals it too
    assert "/videos/lecture-1/" not in kept.verify().missing
    healed = kept.heal()
    assert healed.left == []
    assert healed.healed == len(healed.missing + healed.altered + healed.headers) >= 1
    after = kept.contents()
    assert after.pop("notes.txt")[0] == "", "what is not ours is left"
    assert {key for key in after if key in before and after[key] != before[key]} == {key_of(Path(path)) for path in _shown(kept, 1)}
    kept.store.delete(["notes.txt"])
    kept.must_be_quiet()
    assert kept.build(full=True).uploaded == 0


@both
def test_a_restored_database_brings_the_site_back_in_one_release_and_an_older_builder_is_refused(kept: Kept) -> None:
    site = kept.site
    fill(site, videos=4)
    kept.build()
    tables = ("release", "object", "list_number", "list_end", "retained", "tombstone", "debt", "set_aside")
    for table in tables:
        site.sql(f"CREATE TABLE public.{table} AS SELECT * FROM live.{table}")
    ((number,),) = site.sql("SELECT last_value FROM live.write_number")
    site.sql("UPDATE catalog.video SET title = 'Second' WHERE id = 2")
    kept.build()
    site.sql("INSERT INTO catalog.video (id, slug, title, status, batch_id) VALUES (9, 'newer', 'Newer than the backup', 'published', 1)")
    kept.build()
    site.sql("UPDATE catalog.video SET status = 'withdrawn' WHERE id = 3")
    kept.build()
    ((newest,),) = site.sql("SELECT max(number) FROM live.release")
    for table in tables:
        site.sql(f"TRUNCATE live.{table}")
        site.sql(f"INSERT INTO live.{table} SELECT * FROM public.{table}" if table != "debt" else "SELECT")
    site.sql("SELECT setval('live.write_number', %s)", number)
    found = kept.verify()
    assert found.ahead == newest
    assert "/videos/newer/" in found.foreign
    assert "/videos/lecture-2/" in found.altered
    healed = kept.heal()
    assert healed.left == []
    assert site.sql("SELECT min(number) > %s FROM live.release WHERE number > %s", newest, number) == [(True,)]
    kept.must_be_quiet()
    assert kept.get("/videos/newer/").status == 200
    assert kept.get("/videos/lecture-3/").status == 410
    assert b"Second" in gzip.decompress(kept.get("/videos/lecture-2/").body)
    content = kept.contents()
    assert kept.build(full=True).uploaded == 0
    assert kept.contents() == content
    old = kept.get("/videos/lecture-2/")._replace(write_number=newest)
    with pytest.raises(release.FencedOff):  # a builder of before the backup, which wakes now
        release._taken_over(kept.store, kept.store.put([Put(old, "an ETag of long ago")]), newest)


def test_fifty_odd_keys_over_many_short_listings_are_no_drift(bucket: Store, site: Built) -> None:
    kept = Kept(site, bucket)
    fill(site)
    site.sql("""INSERT INTO catalog.video (id, slug, title, status, batch_id)
        SELECT 100 + n, (ARRAY['naïve', 'مرحبا', '数学', 'हिन्दी', 'ελληνικά'])[1 + n %% 5] || '-' || n, 'Odd', 'published', 1
        FROM generate_series(1, %s) n""", 10)
    odd = ["a+b/c d.html", "100%/%41.txt", "a b+c%20d", "~tilde/'quote'", "semi;colon&and=equals", "UPPER/lower", "upper/LOWER", "é",
           "e\u0301", "folder", "folder/index.html", "#hash?query", "emoji-😀", "comma,star*", "[brackets]"]
    kept.build()
    kept.must_be_quiet()
    bucket.put([Put(Object(key, b"x", "text/plain", "no-cache", "", "", 0, False)) for key in odd])
    for _ in range(2):
        found = kept.verify()
        assert len(found.foreign) == len(odd)
        assert (found.missing, found.altered, found.headers) == ([], [], [])
    assert kept.heal().left == []
    assert len(kept.verify().foreign) == len(odd), "nobody else's object is deleted"
    bucket.delete(odd)
    kept.must_be_quiet()


def test_bytes_changed_in_place_are_seen_though_size_and_metadata_are_as_they_were(kept: Kept) -> None:
    fill(kept.site)
    kept.build()
    body = bytearray(kept.get("/videos/lecture-2/").body)
    body[-9] ^= 1
    with closing(sqlite3.connect(kept.site._file)) as file, file:
        file.execute("UPDATE object SET body = ? WHERE key = 'videos/lecture-2/index.html'", (bytes(body),))
    assert kept.verify().altered == ["/videos/lecture-2/"]
    assert kept.heal().healed == 1
    kept.must_be_quiet()
    mended = why(kept.site.dsn, kept.store, "/videos/lecture-2/")
    assert (mended.changes, mended.after) == ([], "heal")


def test_headers_changed_in_place_are_told_apart_from_bytes(kept: Kept) -> None:
    fill(kept.site)
    kept.build()
    page = "videos/lecture-{}/index.html"
    changes = {1: {"cache_control": "no-store"}, 2: {"tags": "p0"}, 3: {"content_type": "text/plain"}}
    for n, change in changes.items():
        kept.put(kept.get(f"/videos/lecture-{n}/")._replace(**change))  # type: ignore[arg-type]
    data = kept.get("/data/video/1.json")
    kept.put(data._replace(gzipped=False))  # Content-Encoding lost
    found = kept.verify()
    assert found.headers == ["/data/video/1.json", *(f"/videos/lecture-{n}/" for n in changes)], page
    assert found.altered == []
    assert kept.heal().healed == 4
    kept.must_be_quiet()


def test_assets_come_back_and_one_that_no_version_can_make_is_let_go(kept: Kept) -> None:
    fill(kept.site)
    kept.build()
    assets = sorted(head.key for head in kept.store.list("assets/"))
    style, script = (next(key for key in assets if key.endswith(ending)) for ending in (".css", ".js"))
    kept.store.delete([style])
    kept.put(kept.get(f"/{script}")._replace(body=b"alert()", gzipped=False))
    kept.site.sql("""INSERT INTO live.object SELECT '/assets/old.0123456789ab.css', kind, digest, fingerprint, tags, keys, size_bytes,
        release, unit FROM live.object WHERE path = %s""", f"/{style}")
    found = kept.verify()
    assert found.missing == sorted(["/assets/old.0123456789ab.css", f"/{style}"])
    assert found.altered == [f"/{script}"]
    assert kept.heal().left == []
    kept.must_be_quiet()
    assert kept.site.sql("SELECT count(*) FROM live.release WHERE state = 'writing'") == [(0,)]


def test_kept_bodies_are_no_strays_while_a_row_names_them_and_are_deleted_when_none_does(kept: Kept) -> None:
    fill(kept.site)
    kept.build()
    kept.site.sql("UPDATE catalog.video SET title = 'Eaten' WHERE id = 1")
    kept.build()
    bodies = [head.key for head in kept.store.list("retained/")]
    assert bodies
    kept.must_be_quiet()
    kept.site.sql("DELETE FROM live.retained WHERE kept_as = %s", bodies[0])
    assert kept.verify().foreign == [f"/{bodies[0]}"]
    kept.heal()
    assert [head.key for head in kept.store.list("retained/")] == bodies[1:]
    kept.must_be_quiet()


def test_of_what_nothing_names_only_our_own_is_deleted(kept: Kept) -> None:
    fill(kept.site)
    kept.build()
    path = Path("/videos/of-a-dead-time/")
    page = kept.get("/videos/lecture-1/")
    kept.put(page._replace(key=key_of(path), tags=f"{own_tag(path)} kind:video all"))
    kept.put(page._replace(key="backup/index.html"))  # a copy that somebody made for himself
    kept.put(Object("protected/batch-1/video-1/1.ts", b"", "video/mp2t", "no-cache", "", "", 0, False))  # own media
    kept.put(Object("media/video-1/1.ts", b"", "video/mp2t", "no-cache", "", "", 0, False))
    kept.put(Object("videos/lecture-1", b"", "text/plain", "no-cache", "", "", 0, False))
    found = kept.verify()
    assert found.foreign == ["/backup/", "/videos/lecture-1", "/videos/of-a-dead-time/"]
    cdn = Recorder()
    kept.heal(cdn)
    assert kept.verify().foreign == ["/backup/", "/videos/lecture-1"]
    assert {f"tag:{own_tag(path)}", f"url:{path}"} <= set(cdn.names)


def test_an_emptied_store_is_filled_again(kept: Kept) -> None:
    fill(kept.site)
    kept.build()
    before = kept.contents()
    kept.store.delete([head.key for head in kept.store.list()])
    assert len(kept.verify().missing) == len(before)
    assert kept.heal().left == []
    assert kept.contents() == before
    kept.must_be_quiet()


def test_lost_pictures_are_forgotten_so_that_refresh_fetches_them_again(kept: Kept) -> None:
    fill(kept.site)
    key = "pictures/1/0123.webp"
    kept.site.sql("INSERT INTO live.refresh_picture (key, video_id) VALUES (%s, 1)", key)
    kept.site.sql("UPDATE catalog.video SET picture = %s WHERE id = 1", key)
    kept.put(Object(key, b"x", "image/webp", "max-age=1", f"{own_tag(Path(f'/{key}'))} all", "0" * 32, 0, False))
    kept.build()
    kept.must_be_quiet()
    kept.store.delete([key])
    assert kept.verify().missing == [f"/{key}"]
    assert kept.heal().left == []
    kept.must_be_quiet()
    assert kept.site.sql("SELECT picture FROM catalog.video WHERE id = 1") == [(None,)]
    kept.site.sql("UPDATE catalog.video SET picture = 'pictures/of-an-editor.png' WHERE id = 1")
    kept.build()
    assert kept.heal().left == ["/pictures/of-an-editor.png"], "what an editor wrote is not taken out"


def test_a_lost_card_of_a_batch_or_course_is_forgotten_likewise(kept: Kept) -> None:
    fill(kept.site)
    for kind, code in (("batch", 3), ("course", 1)):
        key = f"pictures/{kind}/1/card-0123.png"
        kept.site.sql(f"INSERT INTO live.refresh_picture (key, {kind}_id) VALUES (%s, 1)", key)
        kept.site.sql("INSERT INTO live.refresh_card VALUES (1 << 8 | %s, 'x')", code)
        kept.site.sql(f"UPDATE catalog.{kind} SET card = %s", key)
        kept.put(Object(key, b"x", "image/png", "max-age=1", f"{own_tag(Path(f'/{key}'))} all", "0" * 32, 0, False))
    kept.build()
    kept.must_be_quiet()
    kept.store.delete(["pictures/batch/1/card-0123.png"])
    assert kept.verify().missing == ["/pictures/batch/1/card-0123.png"]
    assert kept.heal().left == []
    kept.must_be_quiet()
    assert kept.site.sql("SELECT b.card, c.card FROM catalog.batch b, catalog.course c") == [(None, "pictures/course/1/card-0123.png")]
    assert kept.site.sql("SELECT owner FROM live.refresh_card") == [(1 << 8 | 1,)], "refresh draws it again"


def test_a_release_at_work_is_no_drift(kept: Kept) -> None:
    fill(kept.site)
    kept.build()
    seen: list[Findings] = []

    class Busy:
        """A store in which a release is made while it is listed, and another one after."""

        atomic = True

        def __getattr__(self, name: str) -> Any:
            return getattr(kept.store, name)

        def list(self, prefix: str = "") -> Iterator[Any]:
            heads = list(kept.store.list(prefix))
            kept.site.sql("UPDATE catalog.video SET title = title || '!'")
            kept.build()
            return iter(heads)

    seen.append(verify(kept.site.dsn, Busy(), SITE, "100k", ask=lambda path: None))
    assert _lists(seen[0]) == QUIET


def test_pages_that_an_edge_shows_old_are_named_and_purged(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builder.verify.edge.SAMPLE", 500)
    fill(kept.site)
    kept.build()
    old = "/videos/lecture-2/"

    def ask(path: str) -> tuple[int, bytes]:
        shown = kept.get(path)
        return (200, b"old") if path == old else (shown.status, gzip.decompress(shown.body))

    found = kept.verify(ask=ask)
    assert found.stale == [old]
    assert found.asked > 20
    cdn = Recorder()
    assert kept.heal(cdn, ask=ask).healed == 1
    assert f"tag:{own_tag(Path(old))}" in cdn.names
    assert kept.verify(ask=lambda path: (503, b"")).stale == []
    assert "/" in kept.verify(ask=lambda path: (404, b"")).stale


def test_no_page_of_a_site_at_rest_is_stale_at_the_origin(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builder.verify.edge.SAMPLE", 500)
    fill(kept.site)
    kept.build()
    with served(Origin(kept.store)) as port:
        found = kept.verify(ask=asking(f"http://127.0.0.1:{port}"))
    assert (found.stale, found.asked > 40) == ([], True)


def test_a_cdn_whose_configuration_makes_purges_deaf_is_found(kept: Kept) -> None:
    fill(kept.site)
    kept.build()

    class Deaf(Recorder):
        def deaf(self) -> str:
            return "The distribution reads no cache tags."

    class Silent(Recorder):
        def deaf(self) -> str:
            raise PurgeError("no right to ask")

    assert kept.verify(Recorder()).cdns == []
    found = kept.verify(Deaf())
    assert found.cdns == ["The distribution reads no cache tags."]
    assert found
    assert "no right to ask" in kept.verify(Silent()).cdns[0]


def test_a_site_on_hold_is_looked_at_and_not_mended(kept: Kept) -> None:
    fill(kept.site)
    kept.build()
    kept.delete("/videos/lecture-1/")
    kept.site.sql("UPDATE live.site SET held_at = 1")
    assert kept.verify().missing == ["/videos/lecture-1/"]
    with pytest.raises(publishing.OnHoldError):
        kept.heal()
    kept.site.sql("UPDATE live.site SET held_at = NULL")
    assert kept.heal().healed == 1


def test_a_rollback_behind_a_mended_page_does_not_take_it_for_a_new_one(kept: Kept) -> None:
    fill(kept.site)
    first = kept.build().release
    second, third = kept.get("/videos/lecture-2/"), kept.get("/videos/lecture-3/")
    kept.delete("/videos/lecture-2/")
    kept.put(third._replace(body=third.body[:-9]))  # under its ETag
    assert kept.heal().healed == 2
    kept.site.sql("UPDATE catalog.video SET title = 'Other words' WHERE id = 1")
    kept.build()
    with kept.site.publisher() as (publisher, _, _):
        publisher.back_to(first or 0)
    assert kept.get("/videos/lecture-2/").digest == second.digest
    assert kept.get("/videos/lecture-3/").digest == third.digest
    kept.must_be_quiet()


def test_a_rollback_that_needs_what_was_lost_before_a_mending_is_refused(kept: Kept) -> None:
    fill(kept.site)
    first = kept.build().release
    kept.delete("/videos/lecture-2/")
    kept.site.sql("UPDATE catalog.video SET title = 'Other words' WHERE id = 2")
    assert kept.heal().left == []
    with kept.site.publisher() as (publisher, _, _), pytest.raises(rollback.RollbackError, match="nothing was changed"):
        publisher.back_to(first or 0)
    kept.must_be_quiet()


def test_healing_waits_for_a_builder_and_another_store_is_refused(kept: Kept, tmp_path: Any) -> None:
    fill(kept.site)
    kept.build()
    kept.delete("/videos/lecture-1/")
    with closing(psycopg2.connect(kept.site.dsn)) as other, lease.held(other, 0), pytest.raises(lease.LeaseHeld):
        kept.heal()
    with closing(SQLiteStore(tmp_path / "another.db")) as another, pytest.raises(journal.OtherStoreError, match="LECTERN_STORE"):
        Kept(kept.site, another).verify()


def test_nothing_is_read_back_twice_and_deep_reads_everything(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(kept.site)
    kept.build()
    monkeypatch.setattr("builder.verify.run.READ_BACK", 5)
    count: list[str] = []
    whole = SQLiteStore.get

    def counted(self: SQLiteStore, key: str) -> object:
        count.append(key)
        return whole(self, key)

    monkeypatch.setattr(SQLiteStore, "get", counted)
    kept.verify()
    assert len(count) == len(set(count)) == 5
    count.clear()
    found = kept.verify(deep=True)
    assert sorted(count) == sorted(head.key for head in kept.store.list())
    assert found.stored == found.live == len(count)


def test_the_command_names_what_it_found_mends_it_and_says_by_its_exit_code_which(
        kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(kept.site)
    kept.build()
    for name, value in (("DATABASE_URL", kept.site.dsn), ("LECTERN_STORE", f"sqlite://{kept.site._file.resolve()}"),
                        ("LECTERN_BASE_URL", SITE.base_url)):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("builder.verify.run.asking", lambda base_url: lambda path: None)
    monkeypatch.setattr("builder.verify.heal.asking", lambda base_url: lambda path: None)
    monkeypatch.setattr("builder.processes.processes", lambda: nullcontext(Inline()))

    def run(*arguments: str) -> tuple[int, dict[str, Any]]:
        ran = CliRunner().invoke(main, ["verify", "--json", *arguments])
        return ran.exit_code, json.loads(ran.stdout)

    assert run() == (0, {"missing": [], "altered": [], "headers": [], "foreign": [], "stale": [], "healed": 0, "left": [], "cdns": []})
    kept.delete("/videos/lecture-1/")
    code, found = run()
    assert (code, found["missing"], found["healed"]) == (1, ["/videos/lecture-1/"], 0)
    assert kept.noted() == ["missing /videos/lecture-1/"]
    code, found = run("--heal")
    assert (code, found["missing"], found["healed"]) == (0, ["/videos/lecture-1/"], 1)
    assert kept.noted() == []
    assert run()[0] == 0
    kept.put(Object("mine.txt", b"x", "text/plain", "no-cache", "", "", 0, False))
    shown = CliRunner().invoke(main, ["verify"])
    assert shown.exit_code == 1
    assert "foreign: /mine.txt (not ours; left where it is)" in shown.stderr
    assert "1 foreign" in shown.stdout
    assert kept.noted() == ["foreign /mine.txt"]
