"""Varnish: long lists are split under its limits, several instances are one CDN, a dead one is named."""
from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from edge.cdn.port import PurgeError, tag, url
from edge.cdn.varnish import Varnish
from edge.store.port import Put
from tests.edge.cdn.stands import BASE_URL, HOST, Stand
from tests.edge.fakes.server import Api, Reply, Request, served
from tests.edge.pages import page
from tests.edge.servers import free_port


class Says(Api):
    """Answers every request with one status."""

    def __init__(self, status: int, *headers: tuple[str, str]) -> None:
        super().__init__()
        self._reply = Reply(status, b"", headers)

    def answer(self, request: Request) -> Reply:
        return self._reply


def test_five_thousand_tags_are_split_under_the_default_limits_and_all_are_gone(stand: Callable[[str], Stand]) -> None:
    one = stand("varnish")
    # Long ids, so that a request of a thousand would be 60 KB; those in the middle and at the ends are looked at.
    tags = [f"p{n:016x}" if n % 2 else f"{n:062}" for n in range(5_000)]
    watched = [0, 1, 119, 120, 121, 2_499, 2_500, 4_998, 4_999]
    paths = {n: f"/videos/{n}/" for n in watched}
    one.store.put([Put(page(f"videos/{n}/index.html", "x", tags=tags[n])) for n in watched])
    for path in paths.values():
        one.edge.get(path)
        assert one.edge.get(path).hit
    size = one.purger.can.tags_a_request
    for i in range(0, len(tags), size):
        one.purger.purge([tag(name) for name in tags[i : i + size]])
    assert [n for n, path in paths.items() if one.edge.get(path).hit] == []


def test_a_header_line_stays_under_8_kb_and_every_tag_is_sent_once() -> None:
    tags = [f"{n:063}" for n in range(1_000)]
    with served(Says(200)) as api:
        Varnish([api.url], BASE_URL).purge([tag(name) for name in tags])
    lines = [request.headers["xkey-purge"] for request in api.seen]
    assert max(map(len, lines)) < 8_000
    assert " ".join(lines).split() == tags


def test_a_url_is_purged_as_readers_ask_for_it_with_the_sites_host() -> None:
    with served(Says(200)) as api:
        Varnish([api.url], BASE_URL).purge([url("/videos/na%C3%AFve/")])
    (request,) = api.seen
    assert (request.method, request.target, request.headers["host"]) == ("PURGE", "/videos/na%C3%AFve/", HOST)
    assert "xkey-purge" not in request.headers


def test_every_instance_is_asked_also_when_the_first_is_away() -> None:
    away = f"http://127.0.0.1:{free_port()}"
    with served(Says(200)) as api:
        with pytest.raises(PurgeError, match=away.removeprefix("http://")) as caught:
            Varnish([away, api.url], BASE_URL).purge([tag("p1")])
        assert len(api.seen) == 1
    assert not caught.value.lasting


def test_a_shield_that_is_named_first_is_purged_before_the_edges_that_fetch_from_it() -> None:
    order: list[str] = []

    class Notes(Says):
        def __init__(self, name: str) -> None:
            super().__init__(200)
            self._name = name

        def answer(self, request: Request) -> Reply:
            order.append(self._name)
            return super().answer(request)

    with served(Notes("shield")) as shield, served(Notes("edge")) as one, served(Notes("edge")) as other:
        for _ in range(20):
            Varnish([shield.url, one.url, other.url], BASE_URL).purge([tag("p1")])
    assert order == ["shield", "edge", "edge"] * 20


@pytest.mark.parametrize("status", [403, 405, 501, 503])
def test_an_instance_that_does_not_take_purges_is_an_error_that_is_tried_again(status: int) -> None:
    with served(Says(status)) as api, pytest.raises(PurgeError, match=str(status)) as caught:
        Varnish([api.url], BASE_URL).purge([tag("p1")])
    assert not caught.value.lasting


def test_a_kept_connection_that_was_closed_meanwhile_is_replaced() -> None:
    class Forgets(Api):
        """Drops the second request, as a server does that closed the connection while nobody spoke."""

        def answer(self, request: Request) -> Reply:
            return Reply(0 if len(self.seen) == 2 else 200)

    with served(Forgets()) as api:
        purger = Varnish([api.url], BASE_URL)
        purger.purge([tag("p1")])
        purger.purge([tag("p2")])
    assert [request.headers["xkey-purge"] for request in api.seen] == ["p1", "p2", "p2"]


def test_an_instance_that_gives_no_answer_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        purger = Varnish([f"http://127.0.0.1:{silent.getsockname()[1]}"], BASE_URL, answer_s=0.2)
        with pytest.raises(PurgeError, match="no answer"):
            purger.purge([tag("p1")])
