"""Signs the addresses of own media for a few minutes, so that a playlist's segments are covered with it.

Here by a segment of the path that ``edge.media_signature`` checks, which everything beside the playlist inherits; ``cloudfront.py``
has the other way.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote, unquote

from edge.media_signature import sign

VALID_S = 300
"""A signed address is shared as easily as a link, so it holds no longer than a start takes; the player asks again."""

_PLAYLISTS = (".m3u8", ".mpd")


@dataclass(frozen=True, slots=True)
class Signed:
    """An address that holds until ``until_s`` (seconds since 1970); a playlist's covers its folder.

    ``query`` is to be added to the address of each segment; "" where the path bears the signature. ``cookies``
    do the same for ``path`` where the media lie on the site's own host.
    """

    url: str
    until_s: int
    query: str = ""
    cookies: Mapping[str, str] = field(default_factory=dict)
    path: str = "/"


class Signer(Protocol):
    """Signs addresses of own media, and no others."""

    def sign(self, url: str, now_s: float) -> Signed | None:
        """*url* signed for ``VALID_S`` seconds; None where it leads elsewhere than to own media."""


class NoSigner:
    """There are no own media: each source plays where it stands."""

    def sign(self, url: str, now_s: float) -> Signed | None:
        """None."""
        return None


class PathSigner:
    """A signature in the path, below *base*."""

    def __init__(self, base: str, secret: str) -> None:
        self._base = base
        self._secret = secret

    def sign(self, url: str, now_s: float) -> Signed | None:
        """See Signer."""
        if (name := below(self._base, url)) is None:
            return None
        until_s = int(now_s) + VALID_S
        return Signed(f"{self._base}{sign(self._secret, unquote(opened(name)), until_s)}/{name}", until_s)


def below(base: str, url: str) -> str | None:
    """What of *url* stands below *base*, or None: of another place, of the folder above, or with parameters of its own."""
    name = url.removeprefix(base)
    if name == url or not name or name != quote(unquote(name), safe="/-._~!$&'()+,;=:@"):
        return None
    return None if any(part in ("", ".", "..") for part in unquote(name).split("/")) else name


def opened(name: str) -> str:
    """What an address opens: a file itself; with a playlist the folder that it lies in, for that holds its segments.

    A playlist that lies in no folder opens itself alone: else all media were open with it.
    """
    folder, slash, _ = name.rpartition("/")
    return folder + slash if slash and name.endswith(_PLAYLISTS) else name
