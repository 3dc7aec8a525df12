"""Providers: who plays a video, and what is asked of each about length, picture and availability."""
from __future__ import annotations

from dataclasses import dataclass

from builder.catalog.providers import archive, oembed, vimeo, youtube
from builder.catalog.providers.archive import Archive
from builder.catalog.providers.files import Files, Streams
from builder.catalog.providers.oembed import Discovery, OEmbed
from builder.catalog.providers.peertube import PeerTube
from builder.catalog.providers.port import Answer, Ask, Provider
from builder.catalog.providers.vimeo import Vimeo
from builder.catalog.providers.youtube import YouTube

__all__ = ["Answer", "Ask", "Endpoints", "Provider", "YouTube", "providers"]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the providers with one address are."""

    youtube: str = youtube.ENDPOINT
    youtube_oembed: str = oembed.YOUTUBE
    vimeo: str = vimeo.ENDPOINT
    vimeo_oembed: str = oembed.VIMEO
    archive: str = archive.ENDPOINT


def providers(at: Endpoints, *, youtube_key: str | None, youtube_units: int, vimeo_token: str | None) -> dict[str, Provider]:
    """Whom to ask about a source, by its kind. *youtube_units*: what this run may spend of the day's quota."""
    return {
        "youtube": YouTube(youtube_key, youtube_units, at.youtube) if youtube_key else OEmbed(at.youtube_oembed),
        "vimeo": Vimeo(vimeo_token, at.vimeo) if vimeo_token else OEmbed(at.vimeo_oembed),
        "peertube": PeerTube(),
        "archive": Archive(at.archive),
        "file": Files(),
        "hls": Streams(),
        "link": Discovery(),
    }
