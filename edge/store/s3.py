"""The S3 store: a bucket of AWS or of any server that speaks its protocol.

boto3 finds session, credentials and endpoint, sets the bucket up, lists and deletes; obstore, three
times as fast with small objects, puts and gets. An object's digest, write number, status, location
and tags are user metadata, of which S3 gives back any as ``x-amz-meta-NAME``.
"""
from __future__ import annotations

import os
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property, partial
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import obstore
from botocore.exceptions import ClientError
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import S3Store as Bucket

from edge.errors import StoreError
from edge.store.port import Head, Object, Put, Refused, Written, must_be_storable
from edge.store.retry import ANSWER_S, GaveUpError, Retrier, TryAgainError
from edge.store.s3_bucket import open_bucket
from edge.store.s3_errors import PASSING_CODES, is_lasting, must_be_absence, short, sorted_out
from edge.store.s3_metadata import attributes_of, head_of, object_of

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

T = TypeVar("T")
U = TypeVar("U")

DELETE_KEYS = 1000  # DeleteObjects, API reference
LIST_KEYS = 1000  # ListObjectsV2, API reference


def open_s3(bucket: str, prefix: str = "", *, retrier: Retrier | None = None, list_keys: int = LIST_KEYS,
            answer_s: float = ANSWER_S) -> S3Store:
    """The store in *bucket* under *prefix*; the bucket is made where it is not. Raises StoreError."""
    client, driver = open_bucket(bucket, answer_s=answer_s)
    return S3Store(client, driver, bucket, prefix, retrier or Retrier(), list_keys)


class S3Store:
    """A store in a bucket. Made by `open_s3`; of no use in a forked child, where obstore would hang."""

    def __init__(self, client: S3Client, driver: Bucket, bucket: str, prefix: str, retrier: Retrier, list_keys: int) -> None:
        self._client, self._driver, self._bucket, self._retrier = client, driver, bucket, retrier
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._list_keys = list_keys
        self.name = f"s3://{bucket}/{self._prefix} at {client.meta.endpoint_url}"
        self._pid = os.getpid()
        self._threads: ThreadPoolExecutor | None = None

    atomic = False

    @cached_property
    def fenced(self) -> bool:
        """See the port. A store that knows no preconditions answers 200 and overwrites, so it is asked to refuse."""
        probe = Object(f"fence-probe-{uuid.uuid4().hex}", b"probe", "text/plain", "no-store", "", "", 0, False)
        try:
            self._ask(partial(self._send, Put(probe)))
            return all(self._ask(partial(self._send, Put(probe, match))) is None for match in ("", f'"{0:032x}"'))
        finally:
            self.delete([probe.key])

    def put(self, puts: Iterable[Put]) -> Written:
        """See the port. Many go at once; the first that cannot be done stops those that wait."""
        written = Written([], {})
        for key, came in self._each(self._put_one, puts):
            if isinstance(came, Refused):
                written.refused.append(came)
            else:
                written.etags[key] = came
        return written

    def etag(self, digest: str, write_number: int) -> str:
        """See the port."""
        return ""

    def get(self, key: str, most_bytes: int | None = None) -> tuple[Object, Head] | None:
        """See the port."""
        return self._ask(partial(self._get, key, most_bytes))

    def part(self, key: str, etag: str, first: int, last: int) -> bytes | None:
        """See the port."""
        return self._ask(partial(self._part, key, etag, first, last))

    def head(self, key: str) -> Head | None:
        """See the port."""
        return self._ask(partial(self._head, key))

    def delete(self, keys: Iterable[str]) -> list[str]:
        """See the port. A 200 with an Errors list has deleted nothing of what it lists."""
        source = iter(keys)
        left: list[str] = []
        while batch := list(islice(source, DELETE_KEYS)):
            left += self._delete(batch)
        return left

    def close(self) -> None:
        """See the port."""
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)
            self._threads = None
        self._client.close()

    # one call ---------------------------------------------------------------------------------

    def _put_one(self, put: Put) -> tuple[str, Refused | str]:
        """Its key, and the ETag that it has now or why it was refused."""
        must_be_storable(put)
        # Two calls, not one: what is repeated after a lost answer is the write, and what it wrote is not kept.
        if put.keep_as and put.if_match != "":
            self._ask(partial(self._keep, put))
        return put.object.key, self._ask(partial(self._settle, put))

    def _keep(self, put: Put) -> None:
        """Write what stands there under the other key, where it is the version that *put* replaces.

        Fetched and written, not copied by the server: moto and rclone heed no condition of a copy and would
        take the new version for the old; and a copy, which only boto3 makes conditional, took 1.6 times as long.
        """
        if (found := self._fetch(put.object.key)) is None:
            return
        there = head_of(put.object.key, found)
        if put.if_match not in (None, there.etag) or _is_own(there, put.object):
            return
        if self._write(put.keep_as, bytes(found.bytes()), found.attributes, None) is None:
            raise TryAgainError(f"{put.keep_as} met another write")

    def _settle(self, put: Put) -> Refused | str:
        """Send it; when refused, look at what is there, for an answer that was lost makes the repeat a refusal."""
        key = put.object.key
        etag = self._send(put)
        if etag:
            return etag
        there = self._head(key)
        if there is not None and _is_own(there, put.object):
            return there.etag
        if etag is not None or put.if_match is None:
            raise TryAgainError(f"{key} met another write")
        if there is None:
            if put.if_match:
                return Refused(key, "missing", None, put.object)
            raise TryAgainError(f"{key} was refused though absent")
        if put.if_match == "":
            return Refused(key, "exists", there, put.object)
        if there.etag == put.if_match:
            raise TryAgainError(f"{key} was refused though unchanged")  # 409: somebody else's write was under way
        return Refused(key, "changed", there, put.object)

    def _send(self, put: Put) -> str | None:
        return self._write(put.object.key, put.object.body, attributes_of(put.object), put.if_match)

    def _write(self, key: str, body: bytes, attributes: dict[str, str], if_match: str | None) -> str | None:
        """The ETag that the server gave it, "" where it gave none; None when the precondition failed."""
        mode: Any = {None: "overwrite", "": "create"}.get(if_match, {"e_tag": if_match})
        try:
            done = obstore.put(self._driver, self._prefix + key, body, attributes=attributes, mode=mode, use_multipart=False)
        except (AlreadyExistsError, PreconditionError):
            return None
        except FileNotFoundError as error:
            if if_match and not is_lasting(error):
                return None
            raise StoreError(f"{key}: {short(error)}") from error
        return done["e_tag"] or ""

    def _get(self, key: str, most_bytes: int | None) -> tuple[Object, Head] | None:
        if (found := self._fetch(key)) is None:
            return None
        head = head_of(key, found)  # the body comes when it is asked for, or never
        body = bytes(found.bytes()) if most_bytes is None or head.size_bytes <= most_bytes else b""
        return object_of(key, body, found.attributes), head

    def _part(self, key: str, etag: str, first: int, last: int) -> bytes | None:
        try:
            found = obstore.get(self._driver, self._prefix + key, options={"range": (first, last + 1), "if_match": etag})
        except FileNotFoundError as error:
            must_be_absence(error)
            return None
        except PreconditionError:
            return None
        return bytes(found.bytes()) if found.meta["e_tag"] == etag else None  # a server that knows no conditions answers all the same

    def _head(self, key: str) -> Head | None:
        found = self._fetch(key, body=False)
        return None if found is None else head_of(key, found)

    def _fetch(self, key: str, *, body: bool = True) -> obstore.GetResult | None:
        """None when absent."""
        try:
            return obstore.get(self._driver, self._prefix + key, options={"head": not body})
        except FileNotFoundError as error:
            must_be_absence(error)
            return None

    def _page(self, prefix: str, token: Mapping[str, Any]) -> Any:
        return self._client.list_objects_v2(
            Bucket=self._bucket, Prefix=self._prefix + prefix, MaxKeys=self._list_keys, **token)

    def _delete(self, batch: list[str]) -> list[str]:
        """Those of *batch* that are still there; the passing troubles among them are tried again first."""
        waiting = batch
        lasting: list[str] = []

        def some() -> None:
            nonlocal waiting
            answer = self._client.delete_objects(Bucket=self._bucket, Delete={
                "Objects": [{"Key": self._prefix + key} for key in waiting], "Quiet": True})
            failed = {e["Key"][len(self._prefix) :]: e.get("Code", "") for e in answer.get("Errors", [])}
            lasting.extend(k for k, code in failed.items() if code not in (*PASSING_CODES, "NoSuchKey"))
            waiting = [key for key, code in failed.items() if code in PASSING_CODES]
            if waiting:
                raise TryAgainError(f"{waiting[0]} was not deleted", slower=True)

        try:
            self._ask(some)
        except StoreError:
            if waiting is batch:  # no answer at all, so nothing is known
                raise
        return lasting + waiting

    # many calls -------------------------------------------------------------------------------

    def _ask(self, action: Callable[[], T]) -> T:
        """*action*, repeated as long as its trouble may pass. Raises StoreError when it does not."""
        if os.getpid() != self._pid:
            raise StoreError("A store was used in a forked child: start processes by spawn or forkserver.")
        try:
            return self._retrier.call(partial(sorted_out, action))
        except GaveUpError as error:
            raise StoreError(f"The bucket {self._bucket} goes on failing ({error}): look at its server, then "
                             "run the command again.") from error
        except (BaseError, ClientError, ValueError) as error:
            raise StoreError(f"The bucket {self._bucket} refuses to work ({short(error)}): look at credentials, "
                             "rights and LECTERN_STORE.") from error

    def _each(self, act: Callable[[U], T], items: Iterable[U]) -> Iterator[T]:
        """*act* on each of *items*, many at once, results in order; streams, holding two rounds at most."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._retrier.width, thread_name_prefix="s3")
        waiting: deque[Future[T]] = deque()
        try:
            for item in items:
                waiting.append(self._threads.submit(act, item))
                if len(waiting) >= 2 * self._retrier.width:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
            for future in waiting:  # what runs is waited for: when we have said "failed", nothing more is written
                if not future.cancelled():
                    future.exception()

    def list(self, prefix: str = "") -> Iterator[Head]:
        """See the port. A listing tells no metadata, so each object costs a HEAD; many go at once."""
        token: dict[str, Any] = {}
        while True:
            page = self._ask(partial(self._page, prefix, token))
            names = [entry["Key"][len(self._prefix) :] for entry in page.get("Contents", [])]
            yield from (head for head in self._each(self.head, names) if head)
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}


def _is_own(there: Head, wanted: Object) -> bool:
    """Whether it was put there by this very write."""
    return there.digest != "" and (there.digest, there.write_number) == (wanted.digest, wanted.write_number)
