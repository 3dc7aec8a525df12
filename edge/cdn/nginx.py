"""nginx: PURGE requests to every instance, by URL; it knows no tags.

What its configuration answers with 200 (and only where the client may purge):

- ``PURGE /videos/x/``: whatever stands at that URL, errors too;
- ``PURGE /`` with the header ``purge-everything: 1``: every object.

A redirect from another spelling of an address is not found by the address: it ends by its own time, a minute.
"""
from __future__ import annotations

from edge.cdn.port import Abilities, Name
from edge.cdn.varnish import Varnish


class Nginx(Varnish):
    """Several instances as one CDN: a purge is acknowledged when each of them has. Asked as Varnish is."""

    name = "nginx"
    setting = "LECTERN_NGINX_URL and --purge-from of its configuration"
    can = Abilities(tags_a_request=0, urls_a_request=1_000, budget_names=5_000)

    def takes(self, name: Name) -> bool:
        """See the port. A path goes into the request line as it is."""
        return name.kind != "tag" and name.value.isascii()
