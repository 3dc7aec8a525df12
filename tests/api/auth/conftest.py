"""The API over a database of the test's own, and browsers that use it."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from api.app import create_app
from api.settings import read_api_settings
from edge.store import open_store
from tests.api.auth.browser import Browser
from tests.api.auth.post_office import Mailbox

Make = Callable[..., Flask]


@pytest.fixture
def make(tmp_path: Path, dsn: str) -> Iterator[Make]:
    """Makes the application; keyword arguments are settings."""
    closing: list[Callable[[], None]] = []

    def made(**more: str) -> Flask:
        settings = read_api_settings({"LECTERN_DATA": str(tmp_path / "data"), "DATABASE_URL": dsn, **more})
        store = open_store(settings.shared.store)
        app = create_app(settings, store)
        closing.extend([store.close, app.extensions["lectern.pool"].close])
        return app

    yield made
    for close in closing:
        close()


@pytest.fixture
def app(make: Make) -> Flask:
    return make()


@pytest.fixture
def browser(app: Flask) -> Browser:
    return Browser(app)


@pytest.fixture
def mailbox(dsn: str, tmp_path: Path) -> Mailbox:
    return Mailbox(dsn, tmp_path / "data")
