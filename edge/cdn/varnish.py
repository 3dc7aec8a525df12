"""Varnish: PURGE requests to every instance, by tag through the xkey module.

What its VCL must answer with 200 (and only where the client may purge):

- ``PURGE /`` with the header ``xkey-purge: tag tag …``: all objects that bear one of the tags;
- ``PURGE /videos/x/`` with the site's Host and without such a header: whatever stands at that URL, errors too;
- ``PURGE /`` with the header ``purge-everything: 1``: every object.

Objects bear their tags in the response header ``xkey``, which the VCL copies from the origin's.
"""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from edge.cdn.port import ALL, MARGIN_S, Abilities, Name, PurgeError, is_tag
from edge.http_client import ANSWER_S, Caller, refusal

FETCH_S = 15.0
"""Longest origin fetch: the generated VCL sets connect, first-byte and between-bytes timeouts to less in sum."""

LINE_BYTES = 7_500
"""Of 8 KB that `http_req_hdr_len` allows a header line by default; a longer one is answered 400."""

TAG_HEADER, ALL_HEADER = "xkey-purge", "purge-everything"


class Varnish:
    """Several instances as one CDN: a purge is acknowledged when each of them has."""

    name = "varnish"
    setting = "LECTERN_VARNISH_URL and who may purge in the VCL"
    can = Abilities(tags_a_request=1_000, urls_a_request=1_000, budget_names=20_000)

    def __init__(self, urls: Sequence[str], base_url: str, *, again_after_s: float = FETCH_S + MARGIN_S,
                 answer_s: float = ANSWER_S) -> None:
        self.again_after_s = again_after_s
        self._host = urlsplit(base_url).netloc
        self._callers = [Caller(self.name, url, PurgeError, answer_s=answer_s) for url in urls]

    def spell(self, name: Name) -> str:
        """See the port."""
        return name.value

    def takes(self, name: Name) -> bool:
        """See the port. A path goes into the request line as it is."""
        return is_tag(name.value) if name.kind == "tag" else name.value.isascii()

    def purge(self, names: Sequence[Name]) -> None:
        """See the port. Every instance is asked, also when another has failed.

        The first is asked before the others: where it is a shield, an edge that was purged before it would fetch
        the old page from it and keep that as fresh.
        """
        requests = list(_requests(names))
        first, *others = self._callers
        errors = [self._purge_one(first, requests)]
        if others:
            with ThreadPoolExecutor(len(others)) as threads:
                errors += threads.map(lambda caller: self._purge_one(caller, requests), others)
        failed = [error for error in errors if error is not None]
        if failed:
            raise PurgeError(" ".join(str(error) for error in failed), lasting=all(error.lasting for error in failed),
                             retry_after_s=max((e.retry_after_s for e in failed if e.retry_after_s), default=None))

    def _purge_one(self, caller: Caller, requests: Sequence[tuple[str, dict[str, str]]]) -> PurgeError | None:
        for target, headers in requests:
            try:
                answer = caller.ask("PURGE", target, {"Host": self._host, **headers})
            except PurgeError as error:
                return error
            if answer.status not in (200, 204):
                return refusal(PurgeError, caller.who, answer, setting=self.setting)
        return None


def _requests(names: Sequence[Name]) -> Iterator[tuple[str, dict[str, str]]]:
    """Request target and headers: a request a URL, tags together as many as a header line holds."""
    if ALL in names:
        yield "/", {ALL_HEADER: "1"}
        return
    yield from ((name.value, {}) for name in names if name.kind == "url")
    line: list[str] = []
    length = 0
    for name in names:
        if name.kind != "tag":
            continue
        if line and length + len(name.value) + 1 > LINE_BYTES:
            yield "/", {TAG_HEADER: " ".join(line)}
            line, length = [], 0
        line.append(name.value)
        length += len(name.value) + 1
    if line:
        yield "/", {TAG_HEADER: " ".join(line)}
