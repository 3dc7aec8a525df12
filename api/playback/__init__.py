"""Where a lecture of a gated batch plays, for who is enrolled: never in a static page, never kept."""
from __future__ import annotations

from flask import Flask, current_app

from api.playback.signing import Signer, signer_of
from edge.media import Media

EXTENSION = "lectern.signer"


def init_app(app: Flask, media: Media) -> None:
    """Give *app* what signs the addresses of own media. Raises SettingsError where its key cannot be read."""
    app.extensions[EXTENSION] = signer_of(media)


def current() -> Signer:
    """The application's signer."""
    signer: Signer = current_app.extensions[EXTENSION]
    return signer
