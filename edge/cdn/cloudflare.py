"""Cloudflare: purges by tag or URL, 100 a request, within a token bucket that the whole account shares.

Numbers: "Purge cache, availability and limits" (requests, bucket size, operations a request, by plan).
"""
from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from edge.cdn.port import ALL, MARGIN_S, Abilities, Name, PurgeError, QuotaError, Rate, is_tag
from edge.cdn.quota import Quota
from edge.http_client import ANSWER_S, Caller, refusal

API = "https://api.cloudflare.com/client/v4"

RATES = {"free": Rate(5 / 60, 25), "pro": Rate(5, 25), "business": Rate(10, 50), "enterprise": Rate(50, 500)}

NAMES_A_REQUEST = 100

FETCH_S = 130.0
"""Longest origin fetch: proxy read timeout 120 s and TCP connection; fixed but on Enterprise."""

REFUSED_S = 60.0  # where a 429 bears no Retry-After: the Free plan's minute


class Cloudflare:
    """One zone."""

    name = "cloudflare"

    def __init__(self, zone: str, token: str, base_url: str, *, plan: str = "free", api: str = API, rate: Rate | None = None,
                 again_after_s: float = FETCH_S + MARGIN_S, answer_s: float = ANSWER_S,
                 clock: Callable[[], float] = time.monotonic) -> None:
        rate = rate or RATES[plan]
        # Half the bucket for a release's first purge: its second and the next release want theirs.
        self.can = Abilities(NAMES_A_REQUEST, NAMES_A_REQUEST, budget_names=NAMES_A_REQUEST * max(1, rate.burst // 2), rate=rate)
        self.again_after_s = again_after_s
        self._zone, self._base_url = zone, base_url
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._caller = Caller(self.name, api, PurgeError, answer_s=answer_s)
        self._quota = Quota(rate, clock)

    def spell(self, name: Name) -> str:
        """See the port."""
        return f"{self._base_url}{name.value}" if name.kind == "url" else name.value

    def takes(self, name: Name) -> bool:
        """See the port."""
        return is_tag(name.value) if name.kind == "tag" else name.value.isascii()

    def purge(self, names: Sequence[Name]) -> None:
        """See the port. A request holds tags or files, never both."""
        if ALL in names:
            self._ask({"purge_everything": True})
            return
        for kind, field in (("url", "files"), ("tag", "tags")):
            if spelt := [self.spell(name) for name in names if name.kind == kind]:
                self._ask({field: spelt})

    def _ask(self, content: dict[str, Any]) -> None:
        if wait_s := self._quota.take():
            raise QuotaError(f"Cloudflare's quota of purge requests is spent: the next goes in {wait_s:.0f} s.", retry_after_s=wait_s)
        answer = self._caller.ask("POST", f"/zones/{self._zone}/purge_cache", self._headers, json.dumps(content).encode())
        try:
            said = json.loads(answer.body)
        except ValueError:
            said = None
        if answer.status == 200 and isinstance(said, dict) and said.get("success") is True:
            return
        error = refusal(PurgeError, self._caller.who, answer, said=_errors(said),
                        setting="LECTERN_CLOUDFLARE_ZONE and the rights of LECTERN_CLOUDFLARE_TOKEN")
        if answer.status == 429:
            error.retry_after_s = REFUSED_S if error.retry_after_s is None else error.retry_after_s
            self._quota.empty(error.retry_after_s)
        raise error


def _errors(said: object) -> str:
    errors = said.get("errors") if isinstance(said, dict) else None
    messages = [str(e.get("message", "")) for e in errors if isinstance(e, dict)] if isinstance(errors, list) else []
    return "; ".join(messages)[:200]


