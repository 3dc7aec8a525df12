"""How long a cache waits for what is behind it, and when a reader may come back: the same for every cache."""
from __future__ import annotations

from edge.cdn.varnish import FETCH_S

CONNECT_S, FIRST_BYTE_S, BETWEEN_BYTES_S = 2, 9, 3
"""A fetch of a page. In sum less than FETCH_S, after which the second purge finds whatever was stored late."""

API_FIRST_BYTE_S = 30  # the API waits 10 s for a connection of the pool alone
RETRY_S = 5  # the Retry-After of a cache that has nothing to show

assert CONNECT_S + FIRST_BYTE_S + BETWEEN_BYTES_S < FETCH_S
