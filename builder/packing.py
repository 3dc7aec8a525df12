"""From rendered pages to what is written: what differs from the live one, compressed, and its manifest row."""
from __future__ import annotations

import pickle
import struct
from collections.abc import Iterable, Sequence

from isal import isal_zlib

from builder.catalog.reads import Catalog
from builder.catalog.text import CleanText
from builder.manifest import Row, known
from builder.pages import Part
from builder.pages.page import ASSETS, LEAVES, MAPS, NEW, Page
from builder.task import Batch, Failure, Job
from edge.store.port import Object, Put, plain_etag

GZIP_LEVEL = 2  # isal's; as small as zlib's 6 at three times its rate
ASSET_UNIT = 0
RETIRED_KINDS = frozenset(("redirect", "gone"))
_GZIP = 31  # zlib's window bits for a gzip header


def compressed(thing: Object) -> Object:
    """The object as it is stored. The smallest text too is gzip: the write number in its header is what keeps a
    bucket's ETag from coming back.
    """
    if not thing.gzipped:
        return thing
    return Object(thing.key, stamp(isal_zlib.compress(thing.body, GZIP_LEVEL, _GZIP), thing.write_number), *thing[2:])


def unpacked(thing: Object) -> bytes:
    """The uncompressed body. What is no gzip though it is called that, as after a hand's edit, is given as it is."""
    whole = gunzipped(thing.body) if thing.gzipped else None
    return thing.body if whole is None else whole


def gunzipped(body: bytes) -> bytes | None:
    """What a gzip body unpacks to; None for what is none, or is broken."""
    if body[:2] != b"\x1f\x8b":
        return None
    try:
        whole: bytes = isal_zlib.decompress(body, wbits=_GZIP)
    except isal_zlib.error:  # type: ignore[misc]  # its stub calls it an instance
        return None
    return whole


def stamp(gzipped: bytes, write_number: int) -> bytes:
    """A gzip body with *write_number* in its MTIME field (RFC 1952), where no reader minds and an ETag changes."""
    return gzipped[:4] + struct.pack("<I", write_number) + gzipped[8:]


def kept_as(digest: str, write_number: int) -> str:
    """Where the store keeps a body that was replaced: a name that none can guess who has not read it."""
    return f"retained/{digest}.{write_number}"


class Packing:
    """What one task makes: puts and manifest rows, gathered page by page."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self.known: dict[str, Row] = {}
        self.paths: list[str] = []
        self.failed_units: list[int] = []
        self.owed: set[int] = set()
        self._puts: dict[int, list[Put]] = {}
        self._rows: list[str] = []
        self._failures: list[Failure] = []
        self._rendered = self._changed = self._size = 0

    def look_up(self, catalog: Catalog, paths: Sequence[str], units: Sequence[int]) -> None:
        """Ask the manifest what is live at *paths*; what *units* have live stays as it is, since they failed."""
        if not self._job.compare:
            return
        rows = known(catalog, paths, units)
        asked = set(units)
        self.paths += [row.path for row in rows if row.unit in asked]
        if self._job.trust:
            self.known = {row.path: row for row in rows}

    def add(self, page: Page, plain: Object, unit: int) -> None:
        """A rendered page: written if it differs from the live one, else noted where its row does."""
        self._rendered += 1
        self.paths.append(page.path)
        job, row = self._job, self.known.get(page.path)
        fingerprint = job.fingerprints[page.kind.name]
        if row and row.certain and row.digest == plain.digest:
            if (row.keys, row.fingerprint, row.unit, row.kind) != (page.keys, fingerprint, unit, page.kind.name):
                self._rows.append(row_text(page, unit, fingerprint, row.digest, row.tags, row.size_bytes, row.release, row.etag))
            return
        thing = compressed(plain)
        self._changed += 1
        self._size += len(thing.body)
        self._puts.setdefault(order_of(page, row), []).append(self._put(page, thing, row))
        self._rows.append(row_text(page, unit, fingerprint, thing.digest, thing.tags, len(thing.body), job.write_number, ""))

    def set_aside(self, page: Page, unit: int, error: Exception) -> None:
        """A page that could not be rendered: what is live at its path stays."""
        self.paths.append(page.path)
        self._failures.append(Failure(page.path, page.kind.name, f"{type(error).__name__}: {error}", unit))

    def unit_failed(self, part: Part, unit: int, error: Exception) -> None:
        """A unit whose pages could not even be put together."""
        self.failed_units.append(part.pack(unit))
        self._failures.append(Failure("", part.label(unit), f"{type(error).__name__}: {error}", part.pack(unit)))

    def batch(self, texts: dict[bytes, CleanText]) -> Batch:
        """All of it, ready to cross to another process."""
        return Batch({order: pickle.dumps(puts, 5) for order, puts in self._puts.items()}, "".join(self._rows).encode(),
                     self.paths, self._rendered, self._changed, self._size, self._failures, sorted(self.owed), texts)

    def _put(self, page: Page, thing: Object, row: Row | None) -> Put:
        """Writes replace exactly the version that the manifest knows; an uncertain path is asked for first, by failing. An asset
        that is there already, as where a first build died, has the digest that its name tells, and stays."""
        if page.kind.order == ASSETS:
            return Put(thing, "")
        if not (self._job.compare and self._job.trust):
            return Put(thing)
        return Put(thing, "") if row is None else replacing(thing, row)


def replacing(thing: Object, row: Row) -> Put:
    """The put of *thing* over the newest version that is known to have stood there, which is kept; "gone" ones never are."""
    version = row.version
    if version is None:
        return Put(thing, "")
    digest, release, etag = version
    # What stood at an uncertain path was a page: "gone" objects leave no row to know them by.
    keep = "" if row.certain and row.kind == "gone" else kept_as(digest, release)
    return Put(thing, etag or plain_etag(digest, release), keep)


def order_of(page: Page, row: Row | None) -> int:
    """When a page goes up: new paths before all that may link to them, the home page never among these. New is also
    what a dead release was to create: nobody knows whether it did."""
    new = (row is None or row.version is None or (row.certain and row.kind == "gone")) and LEAVES <= page.kind.order <= MAPS
    return NEW if new and page.kind.name != "home" else page.kind.order


def row_text(page: Page, unit: int, fingerprint: str, digest: str, tags: str, size: int, release: int, etag: str) -> str:
    """A row of live.object in COPY's text format; nothing in it can hold a tab, a newline or a backslash."""
    return (f"{page.path}\t{page.kind.name}\t\\\\x{digest}\t\\\\x{fingerprint}\t{tags}\t{_array(page.keys)}\t{size}\t{release}\t"
            f"{unit}\t{etag}\n")


def _array(keys: Iterable[int]) -> str:
    return f"{{{','.join(map(str, keys))}}}"
