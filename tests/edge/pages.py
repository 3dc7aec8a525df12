"""Objects as the builder makes them, for the tests of this room."""
from __future__ import annotations

import hashlib

from isal import igzip

from edge.store.port import Object

CONTROL = "public, max-age=60, must-revalidate, s-maxage=3600"


def page(key: str, text: str = "text", write_number: int = 1, *, gzipped: bool = True, tags: str = "pabc video:1 all",
         content_type: str = "text/html; charset=utf-8", cache_control: str = CONTROL, status: int = 200,
         location: str = "") -> Object:
    """A page as it is stored: its write number stands in the gzip header's MTIME too."""
    body = text.encode()
    digest = hashlib.blake2b(f"{text}|{tags}|{cache_control}".encode(), digest_size=16).hexdigest()
    if gzipped:
        packed = bytearray(igzip.compress(body, 2, mtime=0))
        packed[4:8] = write_number.to_bytes(4, "little")
        body = bytes(packed)
    return Object(key, body, content_type, cache_control, tags, digest, write_number, gzipped, status, location)
