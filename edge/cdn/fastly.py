"""Fastly: purges by surrogate key, in batches, and by URL (its "Purge" API reference)."""
from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from edge.cdn.port import ALL, MARGIN_S, Abilities, Name, PurgeError, is_tag
from edge.http_client import ANSWER_S, Answer, Caller, refusal

API = "https://api.fastly.com"

FETCH_S = 30.0
"""Longest origin fetch: connect 1 s, first byte 15 s and between bytes 10 s are a backend's defaults."""

URLS_AT_ONCE = 50  # each is a request of its own, on one connection; so many are owed together

PURGES_AN_HOUR = 100_000  # URLs and keys of a customer, "Purging" limits


class Fastly:
    """One service. URL purges reach the account's other services too, where they hold that host."""

    name = "fastly"
    can = Abilities(tags_a_request=256, urls_a_request=URLS_AT_ONCE, budget_names=PURGES_AN_HOUR // 20)

    def __init__(self, service: str, token: str, base_url: str, *, api: str = API, again_after_s: float = FETCH_S + MARGIN_S,
                 answer_s: float = ANSWER_S) -> None:
        self.again_after_s = again_after_s
        self._service = service
        self._host = urlsplit(base_url).netloc
        self._headers = {"Fastly-Key": token, "Accept": "application/json", "Content-Type": "application/json"}
        self._caller = Caller(self.name, api, PurgeError, answer_s=answer_s)

    def spell(self, name: Name) -> str:
        """See the port. Keys are split at spaces and case counts."""
        return f"{self._host}{name.value}" if name.kind == "url" else name.value

    def takes(self, name: Name) -> bool:
        """See the port."""
        return is_tag(name.value) if name.kind == "tag" else name.value.isascii()

    def purge(self, names: Sequence[Name]) -> None:
        """See the port. No Fastly-Soft-Purge header: hard."""
        if ALL in names:
            self._ask(f"/service/{self._service}/purge_all", status="ok")
            return
        for name in names:
            if name.kind == "url":
                self._ask(f"/purge/{self.spell(name)}", status="ok")
        if keys := [self.spell(name) for name in names if name.kind == "tag"]:
            said = self._ask(f"/service/{self._service}/purge", {"surrogate_keys": keys})
            if missing := [key for key in keys if key not in said]:
                raise PurgeError(f"{self._caller.who} acknowledged {len(keys) - len(missing)} of {len(keys)} keys, not {missing[0]}.")

    def _ask(self, target: str, content: dict[str, list[str]] | None = None, *, status: str | None = None) -> dict[str, Any]:
        """Post, and give what the JSON of a 200 says; its status must be *status*."""
        answer = self._caller.ask("POST", target, self._headers, json.dumps(content or {}).encode())
        said = _json(answer)
        if answer.status != 200 or (status and said.get("status") != status):
            raise refusal(PurgeError, self._caller.who, answer, setting="LECTERN_FASTLY_SERVICE and the rights of LECTERN_FASTLY_TOKEN",
                          said=": ".join(str(said[key]) for key in ("msg", "detail") if said.get(key))[:200])
        return said


def _json(answer: Answer) -> dict[str, Any]:
    try:
        said = json.loads(answer.body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
