"""A WebSub hub as publishers know it: a form with `hub.mode=publish` and the topic, 204 for an answer."""
from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from tests.edge.fakes.server import Api, Reply, Request


class Hub(Api):
    """Takes topics of *host* only. `told` has each that it took."""

    def __init__(self, host: str, path: str = "/hub?for=lectern") -> None:
        super().__init__()
        self.host, self.path = host, path
        self.told: list[str] = []

    def answer(self, request: Request) -> Reply:
        """404 elsewhere, 405 for another method, 400 for what is no publication of one topic, 422 for a topic that it does not serve."""
        if request.target != self.path:
            return Reply(404)
        if request.method != "POST":
            return Reply(405)
        form = parse_qs(request.body.decode(), strict_parsing=True)
        topics = {*form.get("hub.url", []), *form.get("hub.topic", [])}
        if (request.headers.get("content-type") != "application/x-www-form-urlencoded" or form.get("hub.mode") != ["publish"]
                or len(topics) != 1):
            return Reply(400, b"hub.mode and one topic are due")
        (topic,) = topics
        if urlsplit(topic).netloc != self.host:
            return Reply(422, b"not served here")
        self.told.append(topic)
        return Reply(204)
