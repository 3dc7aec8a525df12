"""Where a lecture of a gated batch plays, for who is enrolled: never in a static page, never kept."""
from __future__ import annotations

from flask import Flask, current_app

from api.playback.signing import NoSigner, PathSigner, Signer
from edge.media import Media

EXTENSION = "lectern.signer"


def init_app(app: Flask, media: Media) -> None:
    """Give *app* what signs the addresses of own media. Raises SettingsError where its key cannot be read."""
    app.extensions[EXTENSION] = _signer_of(media)


def current() -> Signer:
    """The application's signer."""
    signer: Signer = current_app.extensions[EXTENSION]
    return signer


def _signer_of(media: Media) -> Signer:
    if media.secret:
        return PathSigner(media.url, media.secret)
    if media.key_file:
        from api.playback.cloudfront import CloudFrontSigner, key_of  # its library is a tenth of a process's memory

        return CloudFrontSigner(media.url, media.key_id, key_of(media.key_file))
    return NoSigner()
