"""How bytes go live: in an order in which no reachable link is dead, to the store that they are meant for."""
from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, nullcontext

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from builder import lease, manifest, numbers, publishing, render
from builder.catalog import text_cache
from builder.catalog.text import CleanText
from builder.summary import Summary
from edge.address import Path, key_of, path_of
from edge.errors import StoreError
from edge.store.port import Head, Object, Put, Refused, Written
from edge.store.retry import LONGEST_CALL_S
from tests.site import SITE, Built, Inline, fill

LINK = re.compile(r'(?:href|src)="(/(?!api/)[^"#?]*)')


class Memory:
    """A bucket that shows every write at once, and tells of each."""

    atomic = False
    fenced = True

    def __init__(self, told: Callable[[dict[str, Object]], None] = lambda objects: None, name: str = "memory") -> None:
        self.name = name
        self.objects: dict[str, Object] = {}
        self.kept: dict[str, Object] = {}
        self._told = told

    def put(self, puts: Iterable[Put]) -> Written:
        refused, etags = [], {}
        for object, if_match, keep_as in puts:
            head = self.head(object.key)
            if if_match is not None and if_match != (head.etag if head else ""):
                refused.append(Refused(object.key, "changed" if head else "missing", head, object))
                continue
            if keep_as:
                self.kept[keep_as] = self.objects[object.key]
            self.objects[object.key] = object
            etags[object.key] = self.head(object.key).etag  # type: ignore[union-attr]
            self._told(self.objects)
        return Written(refused, etags)

    def etag(self, digest: str, write_number: int) -> str:
        return ""

    def part(self, key: str, etag: str, first: int, last: int) -> bytes | None:
        raise AssertionError("a build reads no parts")

    def get(self, key: str, most_bytes: int | None = None) -> tuple[Object, Head] | None:
        found, head = self.objects.get(key), self.head(key)
        return (found, head) if found is not None and head is not None else None

    def head(self, key: str) -> Head | None:
        found = self.objects.get(key)
        if found is None:
            return None
        return Head(key, f"by the store: {found.digest} {found.write_number}", len(found.body), found.digest, found.write_number)

    def delete(self, keys: Iterable[str]) -> list[str]:
        raise AssertionError("a build deletes nothing")

    def list(self, prefix: str = "") -> Iterator[Head]:
        return (head for key in sorted(self.objects) if (head := self.head(key)) is not None)

    def close(self) -> None:
        pass


def _build(site: Built, store: Memory) -> Summary:
    try:
        return publishing.build(site.dsn, store, SITE, "100k", Inline())
    finally:
        render.close()


def _walk(objects: dict[str, Object]) -> None:
    """From the home page on, every link leads to something, wherever there is a home page."""
    todo = ["index.html"] if "index.html" in objects else []
    seen = set(todo)
    while todo:
        thing = objects[todo.pop()]
        if not thing.content_type.startswith("text/html"):
            continue
        for link in LINK.findall((gzip.decompress(thing.body) if thing.gzipped else thing.body).decode()):
            key = key_of(Path(link))
            assert key in objects, (thing.key, link)
            if key not in seen:
                seen.add(key)
                todo.append(key)


def test_after_every_single_write_each_page_links_only_to_what_is_there(site: Built) -> None:
    fill(site, videos=8)
    store = Memory(_walk)
    _build(site, store)
    site.sql("""INSERT INTO catalog.instructor (id, slug, name) VALUES (2, 'newcomer', 'A Newcomer')""")
    site.sql("INSERT INTO catalog.subject (id, slug, title) VALUES (2, 'fresh', 'Fresh')")
    site.sql("""INSERT INTO catalog.video (id, slug, title, status, batch_id, position)
        VALUES (50, 'in-the-middle', 'New', 'published', 1, 4)""")
    site.sql("INSERT INTO catalog.video_instructor (video_id, instructor_id) VALUES (50, 2)")
    site.sql("INSERT INTO catalog.video_subject VALUES (50, 2)")
    site.sql("UPDATE catalog.video SET status = 'withdrawn' WHERE id = 2")
    site.sql("UPDATE catalog.video SET slug = 'another-slug' WHERE id = 7")
    summary = _build(site, store)
    assert summary.uploaded > 10
    assert "videos/in-the-middle/index.html" in store.objects
    assert store.objects["videos/lecture-2/index.html"].status == 410


def test_a_bucket_and_a_file_hold_the_same_site(site: Built) -> None:
    fill(site, videos=60)
    store = Memory()
    _build(site, store)
    site.build()  # to another store: it is filled whole
    assert {path_of(key): thing.digest for key, thing in store.objects.items()} == site.digests()  # type: ignore[arg-type]


def test_what_a_first_build_that_died_has_written_of_assets_is_not_written_again(site: Built) -> None:
    def die(objects: dict[str, Object]) -> None:
        if any(not key.startswith("assets/") for key in objects):
            raise StoreError("the store is away")

    fill(site)
    store = Memory(die)
    with pytest.raises(StoreError):
        _build(site, store)
    before = {key: thing.write_number for key, thing in store.objects.items() if key.startswith("assets/")}
    store._told = _walk
    _build(site, store)
    assert before
    assert {key: store.objects[key].write_number for key in before} == before
    named = site.sql("SELECT path, encode(digest, 'hex') FROM live.object WHERE kind = 'asset'")
    assert dict(named) == {path_of(key): store.objects[key].digest for key in before}  # type: ignore[arg-type]
    assert _build(site, store).release is None


def test_a_new_database_fills_a_store_that_another_one_filled_though_its_own_numbers_are_lower(site: Built) -> None:
    fill(site)
    store = Memory()
    for title in ("One", "Two", "Three"):
        site.sql("UPDATE catalog.video SET title = %s WHERE id = 1", title)
        _build(site, store)
    there = {key: thing.digest for key, thing in store.objects.items()}
    site.begin_anew()
    site.sql("ALTER SEQUENCE live.write_number RESTART")
    assert _build(site, store).uploaded > 0
    assert {key: thing.digest for key, thing in store.objects.items()} == there
    assert {thing.write_number for key, thing in store.objects.items() if not key.startswith("assets/")} == {1}


def test_what_fails_stops_what_follows(site: Built) -> None:
    fill(site)

    def fail(objects: dict[str, Object]) -> None:
        if len(objects) == 9:
            raise StoreError("the bucket is away")

    store = Memory(fail)
    with pytest.raises(StoreError):
        _build(site, store)
    assert len(store.objects) == 9
    assert "index.html" not in store.objects
    whole = Memory()
    whole.objects = store.objects
    assert _build(site, whole).uploaded > 20
    _walk(whole.objects)


def test_another_store_is_filled_and_so_is_the_first_when_it_comes_back(site: Built, tmp_path: object) -> None:
    fill(site)
    first, second = Memory(name="first"), Memory(name="second")
    count = _build(site, first).uploaded
    assert _build(site, second).uploaded == count
    site.sql("UPDATE catalog.video SET title = 'Edited' WHERE id = 1")
    assert _build(site, second).uploaded < count
    assert _build(site, first).uploaded == len(second.objects)  # a new word has a search file of its own
    assert {k: o.digest for k, o in first.objects.items()} == {k: o.digest for k, o in second.objects.items()}


def test_a_store_that_was_lost_is_filled_again(site: Built) -> None:
    fill(site)
    store = Memory()
    count = _build(site, store).uploaded
    store.objects.clear()
    assert _build(site, store).uploaded == count
    assert _build(site, store).release is None


def test_what_is_gone_is_gone_in_a_store_that_is_filled_again_too(site: Built) -> None:
    fill(site)
    store = Memory()
    _build(site, store)
    site.sql("UPDATE catalog.video SET status = 'withdrawn' WHERE id = 1")
    _build(site, store)
    before = {key: thing.status for key, thing in store.objects.items() if not key.startswith("retained/")}
    assert before["videos/lecture-1/index.html"] == 410
    store.objects.clear()
    _build(site, store)
    assert {key: thing.status for key, thing in store.objects.items()} == before
    assert _build(site, store).release is None


def test_a_builder_that_lost_its_lease_uploads_no_further(site: Built) -> None:
    fill(site)
    _build(site, Memory())
    site.sql("UPDATE catalog.video SET title = 'Old'")
    other: list[str] = []

    def lose(objects: dict[str, Object]) -> None:
        if not other:
            other.append("took over")
            site.sql("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()")

    with pytest.raises(lease.LeaseLost) as lost:
        _build(site, Memory(lose))
    assert lost.value.exit_code == 3


def test_after_a_build_that_died_and_one_that_mended_it_nothing_is_rendered_again(site: Built) -> None:
    fill(site)
    site.build()
    site.sql("INSERT INTO live.release (number, state, store) VALUES (nextval('live.write_number'), 'writing', 'gone')")
    assert site.build().rendered > 0
    assert site.build().rendered == 0


def test_after_a_retirement_nothing_is_rendered_again(site: Built) -> None:
    fill(site)
    site.build()
    site.sql("UPDATE catalog.video SET status = 'withdrawn' WHERE id = 2")
    assert site.build().retired == 3  # the page, its JSON, and the search file of the word that only it had
    assert site.build().rendered == 0
    site.sql("UPDATE catalog.video SET title = title || ' edited' WHERE id = 1")
    assert site.build().retired == 0


def test_a_text_that_another_session_keeps_meanwhile_costs_no_build(site: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(site)
    whole = render.over

    def meanwhile(*args: object) -> Iterator[object]:
        for batch in whole(*args):  # type: ignore[arg-type]
            for hash, clean in batch.texts.items():
                site.sql("INSERT INTO live.clean_text (hash, html, plain) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                         hash, clean.html, clean.plain)
            yield batch

    monkeypatch.setattr(render, "over", meanwhile)
    assert site.build().uploaded > 0
    assert site.sql("SELECT count(*) > 0 FROM live.clean_text") == [(True,)]


def test_editors_who_commit_all_the_time_stop_no_build(site: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(site)
    ids = iter(range(100, 1000))
    split = numbers.split

    def busy(connection: object, kinds: object) -> None:
        split(connection, kinds)  # type: ignore[arg-type]
        id = next(ids)
        site.sql("INSERT INTO catalog.video (id, slug, title, status, batch_id) VALUES (%s, 'v-' || %s, 'New', 'published', 1)", id, id)

    monkeypatch.setattr(numbers, "split", busy)
    assert site.build().release == 1
    late = next(ids) - 1
    assert f"/videos/v-{late}/" in site.objects()
    assert f"/videos/v-{late}/" not in site.text("/videos/")
    monkeypatch.undo()
    assert (site.build().release or 0) > 1  # though no row changed
    assert f"/videos/v-{late}/" in site.text("/videos/")


def test_a_slug_that_is_old_and_in_use_at_once_shows_the_thing_that_bears_it(site: Built) -> None:
    fill(site)
    site.sql("INSERT INTO catalog.old_slug (kind, slug, owner_id) VALUES ('video', 'lecture-1', 2)")
    site.build()
    assert site.objects()["/videos/lecture-1/"].status == 200


def test_two_editors_at_once_cannot_overfill_a_batch(site: Built) -> None:
    fill(site, videos=450)
    add = """INSERT INTO catalog.video (id, slug, title, status, batch_id)
        SELECT %s + n, 'more-' || %s + n, 'More', 'draft', 1 FROM generate_series(1, 400) n"""
    with closing(psycopg2.connect(site.dsn)) as one, closing(psycopg2.connect(site.dsn)) as two:
        with one.cursor() as cursor:
            cursor.execute(add, (1000, 1000))
        with two.cursor() as cursor:
            cursor.execute("SET lock_timeout = '200ms'")
            with pytest.raises(psycopg2.errors.LockNotAvailable):  # it waits for what the other one does
                cursor.execute(add, (2000, 2000))
        one.commit()
    assert site.sql("SELECT count(*) FROM catalog.video") == [(850,)]


def test_the_sqlite_store_shows_nothing_of_a_build_that_fails_midway(site: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(site)
    site.build()
    before = site.digests()
    site.sql("UPDATE catalog.video SET title = 'Never shown'")

    def fail(self: object, *args: object, **more: object) -> list[str]:
        raise StoreError("killed")

    monkeypatch.setattr("builder.manifest.Manifest.leave", fail)
    with pytest.raises(StoreError):
        site.build()
    assert site.digests() == before


class Lax(Memory):
    """A store that answers 200 whatever is asked of it."""

    fenced = False


def _dies(site: Built) -> None:
    def pull(objects: dict[str, Object]) -> None:
        raise StoreError("The plug was pulled.")

    store = Lax(pull)
    with pytest.raises(StoreError):
        _build(site, store)


@pytest.mark.parametrize("fenced", [False, True])
def test_where_the_store_refuses_nobody_a_new_owner_waits_out_the_dead_one_s_longest_write(site: Built, fenced: bool) -> None:
    fill(site)
    _dies(site)
    store = Lax()
    store.fenced = fenced
    said: list[str] = []
    slept: list[float] = []
    waited: list[float] = []
    store._told = lambda objects: waited.append(sum(slept))
    with closing(psycopg2.connect(site.dsn)) as connection, lease.held(connection, 0):
        publisher = publishing.Publisher(site.dsn, connection, store, SITE, "100k", lambda: nullcontext(Inline()),
                                       tell=said.append, sleep=slept.append)
        publisher.release()
        site.sql("UPDATE catalog.video SET title = 'After a clean end' WHERE id = 1")
        publisher.release()
    render.close()
    assert {*waited} == {0.0 if fenced else LONGEST_CALL_S}  # before the first write, and once
    assert [line.split()[:2] for line in said] == ([] if fenced else [["store.waits", "seconds=95"]])


def test_who_lost_the_lease_while_it_waited_writes_nothing(site: Built) -> None:
    fill(site)
    _dies(site)
    store = Lax()

    def lose(wait_s: float) -> None:
        site.sql("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted")

    with closing(psycopg2.connect(site.dsn)) as connection, pytest.raises(lease.LeaseLost), lease.held(connection, 0):
        publishing.Publisher(site.dsn, connection, store, SITE, "100k", lambda: nullcontext(Inline()), tell=lambda _: None,
                           sleep=lose).release()
    assert store.objects == {}


def test_a_number_that_is_none_of_ours_in_the_store_stops_no_release(site: Built) -> None:
    fill(site)
    store = Memory()
    _build(site, store)
    store.objects["index.html"] = store.objects["index.html"]._replace(write_number=4_294_967_295)
    site.sql("UPDATE catalog.course SET title = 'Shown at home'")
    site.sql("UPDATE catalog.video SET title = 'Shown too' WHERE id = 3")
    _build(site, store)
    ((last,),) = site.sql("SELECT max(number) FROM live.release WHERE state = 'live'")
    assert store.objects["index.html"].write_number == last


def test_a_site_that_moves_says_what_does_not_come_with_it(site: Built) -> None:
    fill(site)
    _build(site, Memory(name="one"))
    said: list[str] = []
    with closing(psycopg2.connect(site.dsn)) as connection, lease.held(connection, 0):
        two = Memory(name="two")
        publishing.Publisher(site.dsn, connection, two, SITE, "100k", lambda: nullcontext(Inline()), tell=said.append).release()
    render.close()
    assert len(said) == 1
    assert "pictures" in said[0]
    assert "verify --heal" in said[0]


def test_texts_that_are_made_on_the_way_are_kept_on_the_way(site: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(site, videos=40)
    monkeypatch.setattr("builder.transaction.TEXTS_TOGETHER", 10)
    held: list[int] = []
    whole = text_cache.keep

    def keep(connection: Connection, texts: Mapping[bytes, CleanText]) -> None:
        held.append(len(texts))
        whole(connection, texts)

    monkeypatch.setattr(text_cache, "keep", keep)
    site.build()
    assert len(held) > 1  # the last of them after the release
    assert site.sql("SELECT count(*) >= 40 FROM live.clean_text") == [(True,)]


def test_etags_are_noted_on_the_way_and_all_of_them(site: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(site, videos=40)
    monkeypatch.setattr("builder.release.ETAGS_TOGETHER", 20)
    noted: list[int] = []
    real = manifest.note_etags

    def note(connection: Connection, release: int, etags: Mapping[str, str]) -> None:
        noted.append(len(etags))
        real(connection, release, etags)

    monkeypatch.setattr(manifest, "note_etags", note)
    store = Memory()
    _build(site, store)
    assert len(noted) > 2
    etags = dict(site.sql("SELECT path, etag FROM live.object"))
    assert etags == {path_of(key): store.head(key).etag for key in store.objects}  # type: ignore[union-attr,arg-type]
