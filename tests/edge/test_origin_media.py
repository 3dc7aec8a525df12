"""Films at the origin: sent in pieces as they are stored, never held whole, never two versions in one answer."""
from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from edge import origin
from edge.errors import StoreError
from edge.media_signature import sign
from edge.origin import Origin
from edge.store.port import Put
from edge.store.sqlite import SQLiteStore
from tests.edge.asking import ask
from tests.edge.pages import page

FILM_BYTES = 96 << 20
SECRET, NOW_S = "s" * 32, 1_700_000_000
OPENED = f"/protected/{sign(SECRET, 'batch-1/', NOW_S + 300)}/batch-1/film.mp4"
FILM = "protected/batch-1/film.mp4"
FILL = bytes(range(251))  # of no power of two: a piece from another place is another


def _bytes(first: int, last: int) -> bytes:
    start = first % len(FILL)
    return (FILL * ((last - first) // len(FILL) + 2))[start : start + last - first + 1]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SQLiteStore]:
    store = SQLiteStore(tmp_path_factory.mktemp("films") / "site.db")
    store.put([Put(page(FILM, "", gzipped=False, content_type="video/mp4")._replace(body=_bytes(0, FILM_BYTES - 1)))])
    store.put([Put(page("media/short.mp4", "short", gzipped=False, content_type="video/mp4"), ""),
               Put(page("data/long.json", "[" + "1234567, " * (1 << 18) + "0]", content_type="application/json")),
               Put(page("media/changed.mp4", "a" * (9 << 20), 1, gzipped=False, content_type="video/mp4"))])
    yield store
    store.close()


def _sent(store: SQLiteStore, path: str, **fields: str) -> tuple[int, dict[str, str], Iterator[bytes]]:
    """Status, headers and the body as it comes."""
    told: dict[str, Any] = {}
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "REQUEST_URI": path, "QUERY_STRING": "",
               **{f"HTTP_{name.upper()}": value for name, value in fields.items()}}

    def start(status: str, headers: list[tuple[str, str]], exc_info: object = None, /) -> Callable[[bytes], object]:
        told.update(status=int(status[:3]), headers=dict(headers))
        return lambda body: None

    body = Origin(store, secret=SECRET, clock=lambda: NOW_S)(environ, start)
    return told["status"], told["headers"], iter(body)


@pytest.mark.parametrize("asked", [None, "bytes=0-", f"bytes={FILM_BYTES // 2}-", f"bytes=-{40 << 20}"])
def test_of_a_long_film_no_more_than_a_piece_is_in_memory(store: SQLiteStore, asked: str | None) -> None:
    first = {None: 0, "bytes=0-": 0}.get(asked, FILM_BYTES // 2 if asked and asked.endswith("-") else FILM_BYTES - (40 << 20))
    tracemalloc.start()
    try:
        status, headers, pieces = _sent(store, OPENED, **({"range": asked} if asked else {}))
        at = first
        for piece in pieces:
            assert piece[:300] == _bytes(at, at + 299)
            at += len(piece)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert at == FILM_BYTES
    assert (status, headers["Content-Length"]) == (206 if asked else 200, str(FILM_BYTES - first))
    assert most < 3 * origin.PIECE_BYTES


def test_a_part_across_two_pieces_comes_to_the_letter(store: SQLiteStore) -> None:
    first, last = origin.PIECE_BYTES - 5, 2 * origin.PIECE_BYTES + 5
    status, headers, pieces = _sent(store, OPENED, range=f"bytes={first}-{last}")
    assert (status, headers["Content-Range"]) == (206, f"bytes {first}-{last}/{FILM_BYTES}")
    assert b"".join(pieces) == _bytes(first, last)


def test_a_head_of_a_film_reads_none_of_it_and_a_part_behind_its_end_is_416(store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "part", None)
    told = ask(Origin(store, secret=SECRET, clock=lambda: NOW_S), OPENED, "HEAD")
    assert (told.status, told.headers["content-length"], told.body) == (200, str(FILM_BYTES), b"")
    refused, headers, _ = _sent(store, OPENED, range=f"bytes={FILM_BYTES}-")
    assert (refused, headers["Content-Range"]) == (416, f"bytes */{FILM_BYTES}")


def test_a_film_that_is_replaced_while_it_is_sent_is_broken_off(store: SQLiteStore) -> None:
    _, _, pieces = _sent(store, "/media/changed.mp4")
    assert next(pieces) == b"a" * origin.PIECE_BYTES
    store.put([Put(page("media/changed.mp4", "b" * (9 << 20), 2, gzipped=False, content_type="video/mp4"))])
    with pytest.raises(StoreError, match="was replaced"):
        next(pieces)
    assert next(_sent(store, "/media/changed.mp4")[2]) == b"b" * origin.PIECE_BYTES


def test_a_long_text_is_unpacked_for_who_takes_no_gzip(store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(origin, "WHOLE_BYTES", 100)
    told = ask(Origin(store), "/data/long.json")
    assert told.text.endswith("1234567, 0]")
    assert len(told.body) > 1 << 20
