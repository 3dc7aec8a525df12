"""WebSub (W3C Recommendation, 23 January 2018): a hub is told which feeds changed, fetches them and tells who has subscribed.

How a publisher tells its hub, the Recommendation leaves to the two (section 7). What hubs agreed on before it, they take still: a form
with ``hub.mode=publish`` and the feed's address as ``hub.url`` (PubSubHubbub 0.4), or ``hub.topic``. So both are sent, one feed a
request, and any 2xx is an acknowledgement.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from urllib.parse import urlencode, urlsplit

from edge.http_client import Caller, refusal
from edge.ping.port import ANSWER_S, PingError

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class WebSub:
    """One hub."""

    name = "websub"
    told_of: Literal["feeds", "pages"] = "feeds"
    at_once = 5  # each is a request of its own, and all of a row are one transaction

    def __init__(self, hub: str, *, answer_s: float = ANSWER_S) -> None:
        parts = urlsplit(hub)
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._caller = Caller("The WebSub hub", f"{parts.scheme}://{parts.netloc}", PingError, answer_s=answer_s)

    def ping(self, urls: Sequence[str]) -> None:
        """See the port. A feed that the hub refuses for good keeps none of the others from it."""
        refused: PingError | None = None
        for url in urls:
            body = urlencode({"hub.mode": "publish", "hub.url": url, "hub.topic": url}).encode()
            answer = self._caller.ask("POST", self._target, _FORM, body)
            if not 200 <= answer.status < 300:
                error = refusal(PingError, self._caller.who, answer, setting="LECTERN_WEBSUB_HUB", said=url)
                if not error.lasting:
                    raise error
                refused = refused or error
        if refused:
            raise refused
