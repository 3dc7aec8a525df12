"""A bucket in memory, as strict as S3: conditional writes, and an ETag that is a hash of the bytes and of nothing else."""
from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from edge.errors import StoreError
from edge.store.port import Head, Object, Put, Refused, Written, must_be_storable


class Bucket:
    """Every write is seen at once. An ETag comes back with its bytes: what must not come back has to be in them."""

    atomic = False
    fenced = True

    def __init__(self, name: str = "bucket") -> None:
        self.name = name
        self.objects: dict[str, Object] = {}

    def put(self, puts: Iterable[Put]) -> Written:
        """See the port."""
        refused, etags = [], {}
        for put in puts:
            must_be_storable(put)
            object, if_match, keep_as = put
            if not (object.location.isascii() and object.tags.isascii()):
                raise StoreError(f"A header of {object.key} is not ASCII: percent-encode it.")
            head = self.head(object.key)
            if if_match is not None and if_match != (head.etag if head else ""):
                if head is None or (head.digest, head.write_number) != (object.digest, object.write_number):
                    refused.append(Refused(object.key, "missing" if head is None else "changed" if if_match else "exists", head, object))
                    continue
            else:
                if keep_as and head:
                    self.objects[keep_as] = self.objects[object.key]._replace(key=keep_as)
                self.objects[object.key] = object
            etags[object.key] = _etag(object)
        return Written(refused, etags)

    def etag(self, digest: str, write_number: int) -> str:
        """See the port: only the bucket knows."""
        return ""

    def get(self, key: str, most_bytes: int | None = None) -> tuple[Object, Head] | None:
        """See the port."""
        found = self.objects.get(key)
        if found is None:
            return None
        long = most_bytes is not None and len(found.body) > most_bytes
        return found._replace(body=b"") if long else found, _head(found)

    def part(self, key: str, etag: str, first: int, last: int) -> bytes | None:
        """See the port."""
        found = self.objects.get(key)
        return found.body[first : last + 1] if found and _etag(found) == etag else None

    def head(self, key: str) -> Head | None:
        """See the port."""
        found = self.objects.get(key)
        return _head(found) if found else None

    def delete(self, keys: Iterable[str]) -> list[str]:
        """See the port."""
        for key in keys:
            self.objects.pop(key, None)
        return []

    def list(self, prefix: str = "") -> Iterator[Head]:
        """See the port."""
        return (head for key in sorted([*self.objects]) if key.startswith(prefix) and (head := self.head(key)))

    def close(self) -> None:
        """See the port."""


def _head(found: Object) -> Head:
    return Head(found.key, _etag(found), len(found.body), found.digest, found.write_number)


def _etag(object: Object) -> str:
    return hashlib.md5(object.body, usedforsecurity=False).hexdigest()
