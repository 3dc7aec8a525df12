"""CloudFront's invalidation interface: 3,000 names in progress, 15 wildcards, and what it all costs."""
from __future__ import annotations

import re
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable

from tests.edge.fakes.cache import Cache
from tests.edge.fakes.server import Api, Reply, Request

DISTRIBUTION = "EDFDVBD6EXAMPLE"
FILES_IN_PROGRESS, WILDCARDS_IN_PROGRESS = 3_000, 15
FREE_A_MONTH, USD_A_PATH = 1_000, 0.005
TAG_LENGTH = 256

_NS = "{http://cloudfront.amazonaws.com/doc/2020-05-31/}"
_TOP = f"/2020-05-31/distribution/{DISTRIBUTION}"
# RFC 1738 unsafe letters, "~" among them, and what is not ASCII must come encoded.
_PATH = re.compile(r"/[A-Za-z0-9$\-_.+!*(),%/&=;:@]*")


class CloudFrontApi(Api):
    """One distribution. An invalidation is in progress for *takes_s* by *clock*."""

    def __init__(self, cache: Cache, *, takes_s: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.cache = cache
        self.header_name = "x-amz-meta-cache-tag"
        self.paid = 0
        self.refused = 0
        self.invalidations: list[list[str]] = []
        self._takes_s, self._clock = takes_s, clock
        self._running: list[tuple[float, int, int]] = []  # until, files, wildcards
        self._by_reference: dict[str, list[str]] = {}

    @property
    def usd(self) -> float:
        """What the month's invalidations cost."""
        return max(0, self.paid - FREE_A_MONTH) * USD_A_PATH

    def answer(self, request: Request) -> Reply:
        """As the API reference has it."""
        if "AWS4-HMAC-SHA256" not in request.headers.get("authorization", ""):
            return _error(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
        if not request.target.startswith(f"{_TOP}/"):
            return _error(404, "NoSuchDistribution", "The specified distribution does not exist.")
        if (request.method, request.target) == ("GET", f"{_TOP}/config"):
            tags = f"<CacheTagConfig><HeaderName>{self.header_name}</HeaderName></CacheTagConfig>" if self.header_name else ""
            return _xml(200, f"<DistributionConfig xmlns='{_NS[1:-1]}'><Comment/><Enabled>true</Enabled>{tags}</DistributionConfig>")
        if (request.method, request.target) == ("POST", f"{_TOP}/invalidation"):
            return self._invalidate(ET.fromstring(request.body))
        return _error(404, "NoSuchResource", "No such resource")

    def _invalidate(self, batch: ET.Element) -> Reply:
        items = [item.text or "" for item in batch.iter(f"{_NS}Path")]
        if batch.findtext(f"{_NS}Paths/{_NS}Quantity") != str(len(items)):
            return _error(400, "InconsistentQuantities", "The value of Quantity and the size of Items don't match.")
        if bad := [item for item in items if not _taken(item)]:
            return _error(400, "InvalidArgument", f"Your request contains one or more invalid invalidation paths: {len(bad)}")
        reference = batch.findtext(f"{_NS}CallerReference") or ""
        if reference in self._by_reference:
            if self._by_reference[reference] != items:
                return _error(400, "InvalidArgument", "Your request contains a caller reference that was used for a previous batch")
            return _created(reference)  # the old one: nothing new is invalidated
        wildcards = sum(item.startswith("/") and item.endswith("*") for item in items)
        now = self._clock()
        self._running = [one for one in self._running if one[0] > now]
        if (sum(one[1] for one in self._running) + len(items) - wildcards > FILES_IN_PROGRESS
                or sum(one[2] for one in self._running) + wildcards > WILDCARDS_IN_PROGRESS):
            self.refused += 1
            return _error(400, "TooManyInvalidationsInProgress", "Processing your request will cause you to exceed the maximum")
        self._running.append((now + self._takes_s, len(items) - wildcards, wildcards))
        self._by_reference[reference] = items
        self.paid += len(items)
        self.invalidations.append(items)
        self._forget(items)
        return _created(reference)

    def _forget(self, items: list[str]) -> None:
        if self.header_name == "x-amz-meta-cache-tag":  # under another name the distribution never saw a tag
            self.cache.forget_tags([item[1:] for item in items if item.startswith("#")], fold_case=True)
        for item in items:
            if item == "/*":
                self.cache.forget_all()
            elif item.startswith("/"):
                self.cache.forget_path(item)


def _taken(item: str) -> bool:
    if item.startswith("#"):
        return 1 < len(item) <= TAG_LENGTH + 1 and all("!" <= c <= "~" and c not in ",*" for c in item)
    return _PATH.fullmatch(item) is not None and "*" not in item[:-1]


def _created(reference: str) -> Reply:
    return _xml(201, f"<Invalidation xmlns='{_NS[1:-1]}'><Id>I{abs(hash(reference)) % 10**12}</Id><Status>InProgress</Status>"
                "<CreateTime>2026-01-01T00:00:00Z</CreateTime></Invalidation>")


def _error(status: int, code: str, message: str) -> Reply:
    return _xml(status, f"<ErrorResponse xmlns='{_NS[1:-1]}'><Error><Type>Sender</Type><Code>{code}</Code>"
                f"<Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>")


def _xml(status: int, text: str) -> Reply:
    return Reply(status, f"<?xml version='1.0'?>{text}".encode(), (("Content-Type", "text/xml"),))
