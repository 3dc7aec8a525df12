"""CloudFront: invalidations by cache tag (``#tag`` among the paths) and by path, through boto3.

Each tag or path is billed as one path and counts among 3,000 in progress; a path that ends in ``*``
counts among 15 ("Concurrent invalidation request maximum", "What you need to know when invalidating tags").
"""
from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from typing import Any

from edge.cdn.port import MARGIN_S, Abilities, Name, PurgeError, is_tag

TAG_HEADER = "x-amz-meta-cache-tag"
"""S3 gives tags back only so; the distribution's CacheTagConfig must name it, or purges by tag are deaf. Renaming it makes
CloudFront deaf to the tags that it holds."""

FETCH_S = 60.0
"""Longest origin fetch: three connection attempts of 10 s, then 30 s for the response, are the defaults."""

IN_PROGRESS = 3_000
USD_A_PATH, FREE_PATHS_A_MONTH = 0.005, 1_000  # "Amazon CloudFront pricing", invalidation requests
USD_A_RELEASE = 0.50
"""What both purges of one release may cost at most; more is folded into wider tags."""

BUSY_S = 30.0  # an invalidation takes some ten seconds to a minute
CONNECT_S, ANSWER_S = 5, 20

# Others are answered 400, which loses the whole request, or taken and match nothing: these go by tag only.
_PLAIN = re.compile(r"/[A-Za-z0-9/._-]*")
_BUSY = ("TooManyInvalidationsInProgress",)
_SLOWER = ("Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded")
_REFUSED = ("InvalidArgument", "BatchTooLarge", "MalformedInput", "InconsistentQuantities", "ValidationError", "MissingBody")


class CloudFront:
    """One distribution. Acknowledged means accepted: the edges have forgotten some seconds later."""

    name = "cloudfront"
    can = Abilities(
        tags_a_request=1_000, urls_a_request=1_000, names_in_progress=IN_PROGRESS, usd_a_name=USD_A_PATH,
        free_names_a_month=FREE_PATHS_A_MONTH, budget_names=round(USD_A_RELEASE / USD_A_PATH / 2))

    def __init__(self, distribution: str, *, again_after_s: float = FETCH_S + MARGIN_S, client: Any = None) -> None:
        """*client* is boto3's, found as boto3 finds it where none is given (AWS_ENDPOINT_URL_CLOUDFRONT is obeyed)."""
        self.again_after_s = again_after_s
        self._distribution = distribution
        self._made = client

    def spell(self, name: Name) -> str:
        """See the port. Case of tags is ignored, so ours, all lower, stay apart."""
        return {"tag": f"#{name.value}", "url": name.value, "all": "/*"}[name.kind]

    def takes(self, name: Name) -> bool:
        """See the port."""
        if name.kind == "url":
            return _PLAIN.fullmatch(name.value) is not None
        return name.kind == "all" or is_tag(name.value)

    def purge(self, names: Sequence[Name]) -> None:
        """See the port. One invalidation; its caller reference is new each time, or AWS would answer with an old one."""
        items = list(dict.fromkeys(self.spell(name) for name in names))
        if not items:
            return
        self._ask("create_invalidation", DistributionId=self._distribution, InvalidationBatch={
            "Paths": {"Quantity": len(items), "Items": items}, "CallerReference": f"lectern-{uuid.uuid4().hex}"})

    def header_name(self) -> str:
        """The response header that the live distribution reads tags from; "" where it reads none. Raises PurgeError."""
        said = self._ask("get_distribution_config", Id=self._distribution)
        return str(said["DistributionConfig"].get("CacheTagConfig", {}).get("HeaderName", ""))

    def deaf(self) -> str:
        """Why purges by tag would reach nothing, as a sentence; "" where the distribution reads our tags. Raises PurgeError."""
        if (found := self.header_name()).lower() == TAG_HEADER:
            return ""
        reads = f"reads cache tags from {found!r}" if found else "reads no cache tags"
        return (f"The distribution {self._distribution} {reads}, so purges by tag reach nothing: set its "
                f"CacheTagConfig.HeaderName to {TAG_HEADER}, then purge everything once.")

    def _ask(self, call: str, **values: object) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError  # late: boto3 costs half a second

        try:
            answer: dict[str, Any] = getattr(self._client(), call)(**values)
        except ClientError as error:
            raise _refusal(error.response) from error
        except BotoCoreError as error:
            raise PurgeError(f"CloudFront gave no answer ({error}): the purge stays owed and is sent again.") from error
        return answer

    def _client(self) -> Any:
        if self._made is None:
            import boto3
            from botocore.config import Config

            session = boto3.Session()
            self._made = session.client("cloudfront", region_name=session.region_name or "us-east-1", config=Config(
                connect_timeout=CONNECT_S, read_timeout=ANSWER_S, retries={"total_max_attempts": 1}))
        return self._made


def _refusal(response: Any) -> PurgeError:
    code, said = str(response["Error"].get("Code", "")), str(response["Error"].get("Message", ""))[:200]
    status = int(response["ResponseMetadata"]["HTTPStatusCode"])
    if code in _BUSY:
        return PurgeError("CloudFront has as many invalidations in progress as it takes: the purge stays owed and is sent again.",
                          retry_after_s=BUSY_S)
    if code in _SLOWER or status >= 500 or status == 429:
        return PurgeError(f"CloudFront answered {status} ({code}): the purge stays owed and is sent again.")
    if code in _REFUSED:
        return PurgeError(f"CloudFront did not take the invalidation ({code}: {said}).", lasting=True)
    return PurgeError(f"CloudFront refused ({code}: {said}). Look at LECTERN_CLOUDFRONT_DISTRIBUTION and the rights of "
                      "its AWS credentials (cloudfront:CreateInvalidation, cloudfront:GetDistributionConfig).")
