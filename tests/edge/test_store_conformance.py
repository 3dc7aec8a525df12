"""What every store keeps to, whatever it is made of. A new adapter's author runs this first."""
from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator

import pytest

from edge.errors import StoreError
from edge.store.port import Object, Put, Store, Written
from tests.edge.pages import page

Open = Callable[..., Store]

KINDS = ("sqlite", "seaweedfs", "moto")

ODD_KEYS = sorted([
    "a+b", "a b", "a%20b", "a%2Fb", "100%", "a&b=c", "a'b", "a(b)", "a,b;c", "a@b", "a:b", "a~b", "a?b", "a#b",
    "videos/naïve/index.html", "videos/видео/index.html", "videos/日本語/index.html", "videos/हिन्दी/index.html",
    "videos/caf\u00e9/index.html", "videos/cafe\u0301/index.html", "Go", "go", "GO", "emoji/🎓.html",
    "feed.xml", "zero\u200cwidth\u200djoiners", *(f"plain/{n}/index.html" for n in range(26)),
], key=str.encode)

UNSTORABLE_KEYS = ["", "x/", "/x", "a//b", "a/./b", "a/../b", "..", "a\\b", "a\nb", "a\x00b", "\ud800", "x" * 1025]


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, open_named: Open) -> Store:
    return open_named(request.param)


def test_what_was_put_comes_back_to_the_letter(store: Store) -> None:
    wanted = [
        page("index.html", "<h1>Hi</h1>"),
        page("assets/app.0123456789abcdef.css", "a{}", content_type="text/css; charset=utf-8",
             cache_control="public, max-age=31536000, immutable"),
        page("cards/1.png", "\x89PNG", gzipped=False, content_type="image/png", tags=""),
        page("old/index.html", "moved", 7, status=301, location="/vid%C3%A9o/%F0%9F%8E%93/"),
        page("gone/index.html", "gone", 4_000_000_000, status=410),
    ]
    assert store.put(Put(o) for o in wanted).refused == []
    for one in wanted:
        found = store.get(one.key)
        assert found is not None
        assert found[0] == one
        assert found[1] == store.head(one.key)
        assert found[1][2:] == (len(one.body), one.digest, one.write_number)


def test_what_was_never_put_is_absent(store: Store) -> None:
    assert store.get("nobody") is None
    assert store.head("nobody") is None
    assert list(store.list()) == []
    assert store.delete(["nobody"]) == []


def test_nothing_to_do_is_done(store: Store) -> None:
    assert store.put([]).refused == []
    assert store.delete([]) == []


def test_a_create_is_refused_where_something_stands_and_leaves_it(store: Store) -> None:
    first = page("x", "first", 1)
    assert store.put([Put(first, "")]).refused == []
    assert refusals(store, [Put(page("x", "second", 2), "")]) == [("x", "exists")]
    assert body_of(store, "x") == first.body


def test_a_replacement_passes_with_the_present_etag_only(store: Store) -> None:
    store.put([Put(page("x", "first", 1), "")])
    first = etag_of(store, "x")
    assert store.put([Put(page("x", "second", 2), first)]).refused == []
    assert refusals(store, [Put(page("x", "third", 3), first)]) == [("x", "changed")]
    assert body_of(store, "x") == page("x", "second", 2).body


def test_a_replacement_of_what_vanished_is_refused_as_missing(store: Store) -> None:
    store.put([Put(page("x", "first", 1), "")])
    etag = etag_of(store, "x")
    store.delete(["x"])
    assert refusals(store, [Put(page("x", "second", 2), etag)]) == [("x", "missing")]
    assert store.get("x") is None


def test_the_etag_of_what_was_put_is_known_without_asking(store: Store) -> None:
    """Computed from digest and write number, or told by the put; what was done before it was asked for included."""
    first, again, other = page("x", "first", 1), page("x", "again", 2), page("videos/na\u00efve/index.html", "other", 2)
    etag = _known_etag(store, store.put([Put(first, "")]), first)
    assert etag == etag_of(store, "x")
    assert _known_etag(store, store.put([Put(first, "")]), first) == etag
    written = store.put([Put(again, etag), Put(other)])
    assert [_known_etag(store, written, one) for one in (again, other)] == [etag_of(store, "x"), etag_of(store, other.key)]
    assert refusals(store, [Put(page("x", "late", 3), etag)]) == [("x", "changed")]
    assert "x" not in store.put([Put(page("x", "late", 3), etag)]).etags


def test_an_etag_never_comes_back_when_the_text_does(store: Store) -> None:
    """A builder that paused before B and wakes after the rollback to A: the text is A's, the ETag is not."""
    seen: list[str] = []
    for number, text in enumerate(("A", "B", "A"), start=1):
        one = page("x", text, number)
        seen.append(_known_etag(store, store.put([Put(one, seen[-1] if seen else "")]), one))
    assert len(set(seen)) == 3
    assert refusals(store, [Put(page("x", "late", 4), seen[0])]) == [("x", "changed")]
    assert body_of(store, "x") == page("x", "A", 3).body


def test_an_etag_changes_when_only_a_header_does(store: Store) -> None:
    store.put([Put(page("x", "A", 1, tags="p1"))])
    before = etag_of(store, "x")
    store.put([Put(page("x", "A", 2, tags="p1 batch:2"))])
    assert etag_of(store, "x") != before


def test_a_write_that_is_sent_twice_is_done_and_not_refused(store: Store) -> None:
    """An SDK sends again what it has no answer for; its own bytes must not look like a stranger's."""
    assert store.put([Put(page("x", "first", 1), "")]).refused == []
    assert store.put([Put(page("x", "first", 1), "")]).refused == []
    etag = etag_of(store, "x")
    assert store.put([Put(page("x", "second", 2), etag)]).refused == []
    assert store.put([Put(page("x", "second", 2), etag)]).refused == []


def test_the_same_text_written_by_another_attempt_is_refused(store: Store) -> None:
    store.put([Put(page("x", "same", 1), "")])
    assert refusals(store, [Put(page("x", "same", 2), "")]) == [("x", "exists")]


def test_of_many_writes_only_the_bad_ones_are_refused(store: Store) -> None:
    store.put(Put(page(f"old/{n}", f"old {n}", 1)) for n in range(4))
    puts = [Put(page(f"new/{n}", write_number=2), "") for n in range(4)]
    puts += [Put(page("old/0", "x", 2), ""), Put(page("old/1", "x", 2), etag_of(store, "old/1")),
             Put(page("old/2", "x", 2), etag_of(store, "old/1")), Put(page("none", "x", 2), etag_of(store, "old/1")),
             Put(page("old/3", "x", 2))]
    assert refusals(store, iter(puts)) == [("none", "missing"), ("old/0", "exists"), ("old/2", "changed")]
    assert [head.write_number for head in store.list("new/")] == [2, 2, 2, 2]
    assert [head.write_number for head in store.list("old/")] == [1, 2, 1, 2]


def test_odd_keys_come_back_and_are_listed_as_they_were_written(store: Store) -> None:
    assert store.put(Put(page(key, key), "") for key in ODD_KEYS).refused == []
    assert keys_of(store) == ODD_KEYS
    assert keys_of(store, "videos/") == [key for key in ODD_KEYS if key.startswith("videos/")]
    for key in ODD_KEYS:
        assert body_of(store, key) == page(key, key).body
    assert store.delete(ODD_KEYS) == []
    assert list(store.list()) == []


@pytest.mark.parametrize("kind", ["seaweedfs", "moto"])
def test_odd_keys_are_listed_over_many_small_pages(kind: str, open_named: Open) -> None:
    store = open_named(kind, list_keys=3)
    store.put(Put(page(key)) for key in ODD_KEYS)
    assert keys_of(store) == ODD_KEYS


def test_a_key_may_be_the_beginning_of_another(store: Store) -> None:
    """Written one after another: SeaweedFS forgets to list one of them when both are written at once."""
    keys = ["a", "a.html", "a/b", "a/b/c", "a0"]
    for key in keys:
        store.put([Put(page(key, key))])
    assert keys_of(store, "a") == keys
    assert [body_of(store, key) for key in keys] == [page(key, key).body for key in keys]
    assert keys_of(store, "a/b") == ["a/b", "a/b/c"]


@pytest.mark.parametrize("key", UNSTORABLE_KEYS)
def test_a_key_that_some_store_would_change_is_refused_by_all(key: str, store: Store) -> None:
    with pytest.raises(StoreError, match="no key"):
        store.put([Put(page(key))])
    assert list(store.list()) == []


def test_a_key_of_the_longest_slugs_is_kept(store: Store) -> None:
    key = "/".join(["한" * 60, "국" * 60, "어" * 60, "index.html"])
    store.put([Put(page(key))])
    assert [head.key for head in store.list()] == [key]


def test_a_listing_goes_past_a_thousand(open_named: Open) -> None:
    for kind, many in (("sqlite", 2500), ("seaweedfs", 1050)):
        store = open_named(kind)
        keys = [f"k/{n:05}" for n in range(many)]
        store.put(Put(page(key, str(n)), "") for n, key in enumerate(keys))
        heads = list(store.list())
        assert [head.key for head in heads] == keys
        assert heads[-1] == store.head(keys[-1])
        assert store.delete(iter(keys)) == []
        assert list(store.list()) == []


def test_deleting_leaves_the_others(store: Store) -> None:
    store.put(Put(page(key)) for key in ("a", "b", "c"))
    assert store.delete(iter(["a", "nobody", "c"])) == []
    assert [head.key for head in store.list()] == ["b"]


def test_a_header_that_is_not_ascii_is_refused_by_all(store: Store) -> None:
    with pytest.raises(StoreError, match="percent-encode"):
        store.put([Put(page("old/index.html", status=301, location="/vidéo/"))])


def test_what_makes_the_puts_may_fail_and_is_heard(store: Store) -> None:
    def broken() -> Iterator[Put]:
        yield Put(page("x"))
        raise LookupError("no such template")

    with pytest.raises(LookupError):
        store.put(broken())


def test_a_reader_sees_an_object_whole(store: Store) -> None:
    texts = [letter * 20_000 for letter in "abcdefgh"]
    versions = [page("x", text, number) for number, text in enumerate(texts, start=1)]
    store.put([Put(versions[0])])
    done = threading.Event()

    def write() -> None:
        try:
            for version in versions[1:] * 3:
                store.put([Put(version)])
        finally:
            done.set()

    writer = threading.Thread(target=write)
    writer.start()
    read: list[Object] = []
    while not done.is_set():
        found = store.get("x")
        assert found is not None
        read.append(found[0])
    writer.join()
    assert read
    assert all(one == versions[one.write_number - 1] for one in read)


def test_closing_twice_is_closing_once(store: Store) -> None:
    store.put([Put(page("x"))])
    store.close()
    store.close()


def test_a_store_that_was_seen_to_refuse_is_fenced_and_nothing_stays_of_the_question(store: Store) -> None:
    assert store.fenced is True
    assert list(store.list()) == []


def test_a_store_that_overwrites_whatever_is_asked_is_not_fenced(open_named: Open) -> None:
    store = open_named("rclone")
    assert store.fenced is False
    assert list(store.list()) == []
    store.put([Put(page("x", "first", 1))])
    assert store.put([Put(page("x", "second", 2))]).refused == []
    assert body_of(store, "x") == page("x", "second", 2).body


def body_of(store: Store, key: str) -> bytes:
    found = store.get(key)
    assert found is not None
    return found[0].body


def keys_of(store: Store, prefix: str = "") -> list[str]:
    return sorted((head.key for head in store.list(prefix)), key=str.encode)


def etag_of(store: Store, key: str) -> str:
    head = store.head(key)
    assert head is not None
    return head.etag


def _known_etag(store: Store, written: Written, one: Object) -> str:
    """As the builder has it for its manifest."""
    assert written.refused == []
    return store.etag(one.digest, one.write_number) or written.etags[one.key]


def refusals(store: Store, puts: Iterable[Put]) -> list[tuple[str, str]]:
    """What of *puts* is refused and why, by key; each refusal must say what stands there instead and bring back its object."""
    sent = list(puts)
    objects = {put.object.key: put.object for put in sent}
    refused = store.put(iter(sent)).refused
    assert [(one.head, one.object) for one in refused] == [(store.head(one.key), objects[one.key]) for one in refused]
    return sorted((one.key, one.why) for one in refused)


def test_a_part_of_a_body_is_read_by_its_version_alone_and_a_long_body_left_where_it_is(store: Store) -> None:
    long = bytes(range(256)) * 4096
    film = page("film.mp4", "", gzipped=False, content_type="video/mp4")._replace(body=long)
    store.put([Put(film, "")])
    whole = store.get("film.mp4", len(long))
    left = store.get("film.mp4", len(long) - 1)
    assert whole is not None
    assert left is not None
    assert (whole[0].body, left[0]) == (long, film._replace(body=b""))
    assert whole[1] == left[1] == store.head("film.mp4")
    etag = left[1].etag
    for first, last in ((0, 0), (0, len(long) - 1), (300_001, 700_000), (len(long) - 1, len(long) - 1)):
        assert store.part("film.mp4", etag, first, last) == long[first : last + 1]
    store.put([Put(film._replace(body=long[::-1], write_number=2), etag)])
    assert store.part("film.mp4", etag, 0, 9) is None
    assert store.part("nobody.mp4", etag, 0, 9) is None
    assert store.part("film.mp4", etag_of(store, "film.mp4"), 0, 9) == long[::-1][:10]
