"""Who is told what changed: WebSub hubs of feeds, search engines of pages. One port, an adapter each, one function that opens them."""
from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.ping.port import Pinger


def open_pingers(base_url: str, hub: str, indexnow_key: str) -> list[Pinger]:
    """A pinger for each that is set; [] for none. Nothing is asked yet."""
    found: list[Pinger] = []
    if hub:
        from edge.ping.websub import WebSub

        found.append(WebSub(hub))
    if indexnow_key:
        from edge.ping.indexnow import IndexNow

        found.append(IndexNow(indexnow_key, base_url))
    return found
