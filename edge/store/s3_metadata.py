"""How an object travels through S3: as headers, and as user metadata for what has no header.

S3 gives metadata back as ``x-amz-meta-NAME``. Values are ASCII: others arrive garbled, re-encoded or
refused, by driver and server.
"""
from __future__ import annotations

from collections.abc import Mapping

import obstore

from edge.errors import StoreError
from edge.store.port import Head, Object


def attributes_of(put: Object) -> dict[str, str]:
    """The headers and metadata that *put* is stored with. Raises StoreError where one is not ASCII."""
    # CloudFront and Cloudflare take commas between tags; no value is sent empty.
    named = {"Content-Type": put.content_type, "Cache-Control": put.cache_control,
             "Content-Encoding": "gzip" if put.gzipped else "", "cache-tag": put.tags.replace(" ", ","),
             "digest": put.digest, "write-number": str(put.write_number), "location": put.location,
             "status": "" if put.status == 200 else str(put.status)}
    if not all(value.isascii() for value in named.values()):
        raise StoreError(f"A header of {put.key} is not ASCII: percent-encode it.")
    return {name: value for name, value in named.items() if value}


def object_of(key: str, body: bytes, attributes: Mapping[str, str]) -> Object:
    """The object that was stored with *attributes*."""
    kept = {name.lower(): value for name, value in attributes.items()}
    return Object(
        key, body, kept.get("content-type", ""), kept.get("cache-control", ""),
        kept.get("cache-tag", "").replace(",", " "), kept.get("digest", ""), _number(kept.get("write-number")),
        kept.get("content-encoding") == "gzip", _number(kept.get("status")) or 200, kept.get("location", ""))


def head_of(key: str, found: obstore.GetResult) -> Head:
    """What a GET or HEAD tells of an object; the digest is "" where it is not one of ours."""
    kept = {name.lower(): value for name, value in found.attributes.items()}
    return Head(key, found.meta["e_tag"] or "", found.meta["size"], kept.get("digest", ""),
                _number(kept.get("write-number")))


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else 0
