"""The Store port: where objects live. Two adapters implement it; one conformance suite holds them to it."""
from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from edge.errors import StoreError

KEY_BYTES = 1024  # S3's limit, and so everybody's

RETAINED = "retained/"
"""What a rollback may need stands under this prefix: listed like all else, served and exported by nobody."""

_UNSTORABLE = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]|(?:^|/)\.{0,2}(?:/|$)")


class Object(NamedTuple):
    """An object as it is stored: bytes plus the headers it is served with.

    A NamedTuple, since a build makes tens of thousands and SQLite binds them as they are.
    """

    key: str  # decoded object key, edge.address.key_of(path)
    body: bytes  # as stored: gzip where `gzipped`
    content_type: str
    cache_control: str
    tags: str  # space-separated, ASCII
    digest: str  # hex, over uncompressed body, headers and tags
    write_number: int  # which attempt to write put it there
    gzipped: bool
    status: int = 200  # 301 and 410 for retired pages, 302 for an address that leads elsewhere
    location: str = ""  # percent-encoded ASCII, for 301 and 302


class Head(NamedTuple):
    """What a listing or a HEAD knows of a stored object."""

    key: str
    etag: str  # opaque; changes at every write, never comes back
    size_bytes: int
    digest: str  # "" where the object is not one of ours
    write_number: int


class Put(NamedTuple):
    """One conditional write: create (``if_match`` is ""), replace that ETag, or either (None).

    With ``keep_as``, what it replaces is kept under that key, bytes and headers as they are: before the
    write, and only the version that the write is meant to replace. So neither a repeat after a lost answer
    nor a write that is refused keeps anything. The key must tell the version, for a kept one is overwritten.
    """

    object: Object
    if_match: str | None = None
    keep_as: str = ""


class Refused(NamedTuple):
    """A write that the store did not do: its precondition failed, or the object vanished."""

    key: str
    why: str  # "exists", "changed", "missing"
    head: Head | None  # what stands there instead; None when missing
    object: Object  # what was not written


class Written(NamedTuple):
    """What came of the writes of one put: those that are not among ``refused`` are done."""

    refused: list[Refused]
    etags: dict[str, str]  # by key, of those done whose ETag only the store knows: see Store.etag


def plain_etag(digest: str, write_number: int) -> str:
    """The ETag of a store that has no other name for a version: see Store.etag."""
    return f"{digest}.{write_number}"


def storable(key: str) -> bool:
    """Whether every store keeps *key* as it is: one with an empty or dotted segment, a backslash or
    a control character is an error in one store, silently another key in the next."""
    if len(key) * 4 > KEY_BYTES and len(key.encode(errors="replace")) > KEY_BYTES:
        return False
    # Nearly every key is settled by these, three times as fast: a first load asks tens of thousands of times.
    if key.isprintable() and "/." not in key and "//" not in key and "\\" not in key and key.strip("/") == key:
        return key not in ("", ".", "..") and not key.startswith(("./", "../"))
    return not _UNSTORABLE.search(key)


def must_be_storable(put: Put) -> None:
    """Raises StoreError where a key of *put* is not `storable`."""
    for key in (put.object.key, put.keep_as) if put.keep_as else (put.object.key,):
        if not storable(key):
            raise StoreError(f"{key!r} is no key that every store keeps: mend the slug it is made of.")


class Store(Protocol):
    """An object store. Every method may raise StoreError; none is called in a forked child.

    Keys are compared byte by byte: case and Unicode form matter, "a" and "a/b" may both exist.
    A put of a key that is not `storable` raises StoreError.
    A reader sees an object whole, old or new, never a mixture and never headers of another body.
    """

    name: str
    """Where it is, without credentials: two stores of one name are one."""

    atomic: bool
    """True when a put of many is one transaction: nobody sees a part of it, and a failure leaves none."""

    @property
    def fenced(self) -> bool:
        """True when the store was seen to refuse writes whose precondition fails; found at first need."""

    def put(self, puts: Iterable[Put]) -> Written:
        """Write them, each key once, in any order; returns when all are durable.

        A write whose answer was lost is looked at again, so "done" is never reported as refused: what bears
        the object's own digest and write number is done. An empty iterable is nothing to do. Raises
        StoreError when one could not be done at all.
        """

    def etag(self, digest: str, write_number: int) -> str:
        """The ETag that an object of ours has in this store; "" where only the store knows it, and Written tells."""

    def get(self, key: str, most_bytes: int | None = None) -> tuple[Object, Head] | None:
        """The object and its head; None when absent. A body of more than *most_bytes* is left out, that is b"": the head has its size."""

    def part(self, key: str, etag: str, first: int, last: int) -> bytes | None:
        """Bytes *first* to *last* of its body as it is stored, counted from 0, of which all are there; None where that version is not."""

    def head(self, key: str) -> Head | None:
        """What is known of it without its body; None when absent."""

    def delete(self, keys: Iterable[str]) -> list[str]:
        """Delete them; absent is done. Returns the keys that are still there."""

    def close(self) -> None:
        """Give back files and connections. Idempotent."""

    def list(self, prefix: str = "") -> Iterator[Head]:
        """All objects whose key starts with *prefix*, each once. Streams; pages inside.

        In no promised order: AWS and SQLite list by bytes, servers that keep folders list by tree.
        """
