"""Where objects live: one port, an adapter a kind of store, one function that opens them."""
from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from edge.errors import StoreError
from edge.store.port import Store


class _Kind(NamedTuple):
    """How a kind of store is written after its scheme and ``://``, and what opens it: None where it is not written so."""

    spelt: str
    opened: Callable[[str], Store | None]


def _sqlite(rest: str) -> Store | None:
    if not rest.startswith("/") or rest == "/":
        return None
    from edge.store.sqlite import SQLiteStore

    return SQLiteStore(rest[1:] if rest.startswith("//") else rest)


def _s3(rest: str) -> Store | None:
    bucket, _, prefix = rest.partition("/")
    if not bucket:
        return None
    from edge.store.s3 import open_s3  # late: boto3 and obstore cost half a second and 40 MB

    return open_s3(bucket, prefix)


_KINDS = {"sqlite": _Kind("/absolute/path/site.db", _sqlite), "s3": _Kind("BUCKET/PREFIX", _s3)}
"""Every kind of store, by its scheme."""

SPELT = " or ".join(f"{scheme}://{kind.spelt}" for scheme, kind in _KINDS.items())


def is_spelt(url: str) -> bool:
    """Whether *url* begins as some store's does."""
    scheme, parted, rest = url.partition("://")
    if not parted or scheme not in _KINDS or not rest.strip("/"):
        return False
    return rest.startswith("/") or not _KINDS[scheme].spelt.startswith("/")


def open_store(url: str) -> Store:
    """The store at *url*, which is written as SPELT says.

    A SQLite file or a bucket that is not there yet is made. For S3, credentials, region and
    ``AWS_ENDPOINT_URL`` are found as boto3 finds them. Raises StoreError where it cannot be opened.
    """
    scheme, _, rest = url.partition("://")
    kind = _KINDS.get(scheme)
    if kind is None or (store := kind.opened(rest)) is None:
        raise StoreError(f"{url!r} is no store: write {SPELT}.")
    return store
