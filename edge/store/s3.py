"""The S3 store: a bucket of AWS or of any server that speaks its protocol.

boto3 finds session, credentials and endpoint, sets the bucket up, lists and deletes; obstore, three
times as fast with small objects, puts and gets. An object's digest, write number, status, location
and tags are user metadata, of which S3 gives back any as ``x-amz-meta-NAME``.
"""
from __future__ import annotations

import os
import re
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property, partial
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import obstore
from botocore.exceptions import BotoCoreError, ClientError
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import S3Store as Bucket

from edge.errors import StoreError
from edge.store.bucket import ANSWER_S, open_bucket
from edge.store.metadata import attributes_of, head_of, object_of
from edge.store.pace import GaveUpError, Pace, TryAgainError
from edge.store.port import Head, Object, Put, Refused, storable

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

T = TypeVar("T")
U = TypeVar("U")

DELETE_KEYS = 1000  # DeleteObjects, API reference
LIST_KEYS = 1000  # ListObjectsV2, API reference

_STATUS = re.compile(r"status code: (\d{3})")
_LASTING = re.compile("NoSuchBucket|AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch")
_SLOWER = (429, 503)
_PASSING = (408, 409, 429, 500, 502, 503, 504)
_PASSING_CODES = ("SlowDown", "ServiceUnavailable", "InternalError", "OperationAborted", "RequestTimeout")


def open_s3(bucket: str, prefix: str = "", *, pace: Pace | None = None, list_keys: int = LIST_KEYS,
            answer_s: float = ANSWER_S) -> S3Store:
    """The store in *bucket* under *prefix*; the bucket is made where it is not. Raises StoreError."""
    client, driver = open_bucket(bucket, answer_s=answer_s)
    return S3Store(client, driver, bucket, prefix, pace or Pace(), list_keys)


class S3Store:
    """A store in a bucket. Made by `open_s3`; of no use in a forked child, where obstore would hang."""

    def __init__(self, client: S3Client, driver: Bucket, bucket: str, prefix: str, pace: Pace, list_keys: int) -> None:
        self._client, self._driver, self._bucket, self._pace = client, driver, bucket, pace
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
            return all(self._ask(partial(self._refuses, Put(probe, match))) for match in ("", f'"{0:032x}"'))
        finally:
            self.delete([probe.key])

    def put(self, puts: Iterable[Put]) -> list[Refused]:
        """See the port. Many go at once; the first that cannot be done stops those that wait."""
        return [refused for refused in self._each(self._put_one, puts) if refused]

    def get(self, key: str) -> tuple[Object, Head] | None:
        """See the port."""
        return self._ask(partial(self._get, key))

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

    def _put_one(self, put: Put) -> Refused | None:
        if not storable(put.object.key):
            raise StoreError(f"{put.object.key!r} is no key that every store keeps: mend the slug it is made of.")
        return self._ask(partial(self._settle, put))

    def _settle(self, put: Put) -> Refused | None:
        """Send it; when refused, look at what is there, for an answer that was lost makes the repeat a refusal."""
        key = put.object.key
        if not self._refuses(put):
            return None
        if put.if_match is None:
            raise TryAgainError(f"{key} met another write")
        there = self._head(key)
        if there is None:
            if put.if_match:
                return Refused(key, "missing")
            raise TryAgainError(f"{key} was refused though absent")
        if (there.digest, there.write_number) == (put.object.digest, put.object.write_number) and there.digest:
            return None
        if put.if_match == "":
            return Refused(key, "exists")
        if there.etag == put.if_match:
            raise TryAgainError(f"{key} was refused though unchanged")  # 409: somebody else's write was under way
        return Refused(key, "changed")

    def _refuses(self, put: Put) -> bool:
        try:
            self._send(put)
        except (AlreadyExistsError, PreconditionError):
            return True
        except FileNotFoundError as error:
            if put.if_match and not _LASTING.search(str(error)):
                return True
            raise StoreError(f"{put.object.key}: {_short(error)}") from error
        return False

    def _send(self, put: Put) -> None:
        mode: Any = {None: "overwrite", "": "create"}.get(put.if_match, {"e_tag": put.if_match})
        obstore.put(self._driver, self._prefix + put.object.key, put.object.body, attributes=attributes_of(put.object),
                    mode=mode, use_multipart=False)

    def _get(self, key: str) -> tuple[Object, Head] | None:
        try:
            found = obstore.get(self._driver, self._prefix + key)
            body = bytes(found.bytes())
        except FileNotFoundError as error:
            _is_absence(error)
            return None
        return object_of(key, body, found.attributes), head_of(key, found)

    def _head(self, key: str) -> Head | None:
        try:
            return head_of(key, obstore.get(self._driver, self._prefix + key, options={"head": True}))
        except FileNotFoundError as error:
            _is_absence(error)
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
            lasting.extend(k for k, code in failed.items() if code not in (*_PASSING_CODES, "NoSuchKey"))
            waiting = [key for key, code in failed.items() if code in _PASSING_CODES]
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
            return self._pace.call(partial(_sorted_out, action))
        except GaveUpError as error:
            raise StoreError(f"The bucket {self._bucket} goes on failing ({error}): look at its server, then "
                             "run the command again.") from error
        except (BaseError, ClientError, ValueError) as error:
            raise StoreError(f"The bucket {self._bucket} refuses to work ({_short(error)}): look at credentials, "
                             "rights and LECTERN_STORE.") from error

    def _each(self, act: Callable[[U], T], items: Iterable[U]) -> Iterator[T]:
        """*act* on each of *items*, many at once, results in order; streams, holding two rounds at most."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._pace.width, thread_name_prefix="s3")
        waiting: deque[Future[T]] = deque()
        try:
            for item in items:
                waiting.append(self._threads.submit(act, item))
                if len(waiting) >= 2 * self._pace.width:
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


def _sorted_out(action: Callable[[], T]) -> T:
    """*action*, with the troubles that may pass told from those that last."""
    try:
        return action()
    except ClientError as error:
        status, code = error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"].get("Code", "")
        if status in _PASSING or code in _PASSING_CODES:
            raise TryAgainError(_short(error), slower=status in _SLOWER) from error
        raise
    except BotoCoreError as error:
        raise TryAgainError(_short(error)) from error  # no answer came
    except BaseError as error:
        status = int(found[1]) if (found := _STATUS.search(str(error))) else 0
        if status == 0 or status in _PASSING:  # 0: no answer came
            raise TryAgainError(_short(error), slower=status in _SLOWER) from error
        raise


def _is_absence(error: FileNotFoundError) -> None:
    """Raises StoreError where it is not the object that is missing."""
    if _LASTING.search(str(error)):
        raise StoreError(_short(error)) from error


def _short(error: Exception) -> str:
    return str(error).partition("\n")[0][:300]
