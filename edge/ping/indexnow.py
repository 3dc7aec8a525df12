"""IndexNow (indexnow.org, "Documentation"): search engines are told which pages are new, changed or gone; one tells the others.

At most 10,000 URLs of one host are one POST of JSON. Whose host it is, they see by a text file at its root, ``/KEY.txt``, which holds
the key (`builder.pages.wellknown` makes it). 200: taken; 202: taken, the key is still to be looked at; 400: no such form; 403: the key's
file was not found or holds another; 422: a URL of another host, or a key of another form; 429: too many requests.
"""
from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal
from urllib.parse import urlsplit

from edge.http_client import Caller, refusal
from edge.ping.port import ANSWER_S, PingError

API = "https://api.indexnow.org"


class IndexNow:
    """One site, for all engines that take part."""

    name = "indexnow"
    told_of: Literal["feeds", "pages"] = "pages"
    at_once = 10_000  # the protocol's most in a request

    def __init__(self, key: str, base_url: str, *, api: str = "", answer_s: float = ANSWER_S) -> None:
        """*api*: scheme and host of one engine instead of the protocol's own."""
        self._said = {"host": urlsplit(base_url).hostname, "key": key, "keyLocation": f"{base_url}/{key}.txt"}
        self._caller = Caller("IndexNow", api or API, PingError, answer_s=answer_s)

    def ping(self, urls: Sequence[str]) -> None:
        """See the port."""
        body = json.dumps({**self._said, "urlList": list(urls)}).encode()
        answer = self._caller.ask("POST", "/indexnow", {"Content-Type": "application/json; charset=utf-8"}, body)
        if answer.status not in (200, 202):
            said = "".join(filter(str.isprintable, answer.body.decode("utf-8", "replace")))[:200]
            raise refusal(PingError, self._caller.who, answer, said=said,
                          setting=f"LECTERN_INDEXNOW_KEY, and whether {self._said['keyLocation']} shows it")
