"""Where objects live: one port, an adapter a kind of store, one function that opens them."""
from __future__ import annotations

from edge.errors import StoreError
from edge.store.port import Store


def open_store(url: str) -> Store:
    """The store at *url*: ``sqlite:///absolute/path/site.db`` or ``s3://BUCKET/PREFIX``.

    A SQLite file or a bucket that is not there yet is made. For S3, credentials, region and
    ``AWS_ENDPOINT_URL`` are found as boto3 finds them. Raises StoreError where it cannot be opened.
    """
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite" and rest.startswith("/") and rest != "/":
        from edge.store.sqlite import SQLiteStore

        return SQLiteStore(rest[1:] if rest.startswith("//") else rest)
    bucket, _, prefix = rest.partition("/")
    if scheme == "s3" and bucket:
        from edge.store.s3 import open_s3  # late: boto3 and obstore cost half a second and 40 MB

        return open_s3(bucket, prefix)
    raise StoreError(f"{url!r} is no store: write sqlite:///absolute/path/site.db or s3://BUCKET/PREFIX.")
