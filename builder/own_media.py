"""Own media put into the store: a film, or a folder of segments with its playlists, with the media tier's headers.

Nothing but people names them, so nothing takes them away: `verify` leaves them alone, a takedown does not know them.
"""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from psycopg2.extensions import connection as Connection
from xxhash import xxh3_128_hexdigest

from builder import journal, purge
from edge.address import Key, group_tag, own_tag, path_of
from edge.cdn.port import Purger, url
from edge.errors import LecternError
from edge.media import MEDIA
from edge.media_signature import PROTECTED
from edge.store.port import Object, Put, Store, storable
from edge.tiers import cache_control

FILE_BYTES = 1_000_000_000
"""SQLite's default limit on a row (SQLITE_MAX_LENGTH), and what is sent in one request; it is held whole while it is put."""

TYPES = {
    ".mp4": "video/mp4", ".m4v": "video/mp4", ".webm": "video/webm", ".mp3": "audio/mpeg", ".m4a": "audio/mp4", ".ogg": "audio/ogg",
    ".m3u8": "application/vnd.apple.mpegurl", ".ts": "video/mp2t", ".m4s": "video/iso.segment", ".mpd": "application/dash+xml",
    ".vtt": "text/vtt; charset=utf-8"}
"""By the end of a file's name: RFC 4337, RFC 8216 (HLS), ISO 23009-1 (DASH), and IANA's registry."""

_LISTS = (".m3u8", ".mpd")


class MediaError(LecternError):
    """A file or an address that own media cannot have."""


class File(NamedTuple):
    """A file, and the key that it gets."""

    path: Path
    key: Key


def found(source: Path, key: str) -> list[File]:
    """The file *source* for *key*, or all that the folder *source* holds, each below *key*; playlists last. Raises MediaError."""
    if not key.startswith((MEDIA, PROTECTED)) or not storable(key):
        raise MediaError(f"{key!r} is no place for own media: write {MEDIA}NAME, or {PROTECTED}NAME for those that need a signature.")
    if source.is_dir():
        paths = sorted(path for path in source.rglob("*") if path.is_file())
        files = [File(path, Key(f"{key}/{path.relative_to(source).as_posix()}")) for path in paths]
    else:
        files = [File(source, Key(key))]
    if not files:
        raise MediaError(f"{source} holds no file.")
    for file in files:
        if not storable(file.key):
            raise MediaError(f"{file.key!r} is no key that every store keeps: give {file.path.name!r} another name.")
        if file.path.suffix.lower() not in TYPES:
            raise MediaError(f"{file.path} is of no kind that players know by its name: {', '.join(TYPES)}.")
        if (size := file.path.stat().st_size) > FILE_BYTES:
            raise MediaError(f"{file.path} has {size:,} bytes, and {FILE_BYTES:,} go into one object: cut it into segments (HLS), "
                             "or copy it to the bucket, as docs/edge.md says.")
    return sorted(files, key=lambda file: (file.path.suffix.lower() in _LISTS, file.key))


def put(connection: Connection, store: Store, purgers: Sequence[Purger], profile: str, files: Sequence[File], video: int | None) -> int:
    """Store *files*, each whole before the next, and owe the CDNs' purge of what stood there. Returns bytes. Raises StoreError, OSError."""
    size = 0
    for thing in _objects(profile, files, video):
        store.put([Put(thing)])
        size += len(thing.body)
    if purgers:
        number = journal.draw(connection)
        with connection, connection.cursor() as cursor:
            for purger in purgers:
                purge.owe_names(cursor, purger, number, [url(path_of(file.key)) for file in files])
    return size


def _objects(profile: str, files: Sequence[File], video: int | None) -> Iterator[Object]:
    control = cache_control("media", profile)
    for file in files:
        body, content_type = file.path.read_bytes(), TYPES[file.path.suffix.lower()]
        tags = " ".join((own_tag(path_of(file.key)), *([group_tag("video", video)] if video is not None else []), "kind:media", "all"))
        digest = xxh3_128_hexdigest(b"\0".join((body, content_type.encode(), control.encode(), tags.encode())))
        yield Object(file.key, body, content_type, control, tags, digest, 0, False)
