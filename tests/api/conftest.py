"""Two instances of the API over one database, as two machines would be: nothing is shared but the database."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from flask import Flask

from api.app import create_app
from api.settings import read_api_settings
from edge.store import open_store
from tests.api.students import Student, fill

Make = Callable[..., Flask]


@pytest.fixture
def make(tmp_path: Path, dsn: str) -> Iterator[Make]:
    """Makes an instance; keyword arguments are settings."""
    with ExitStack() as leaving:

        def made(**more: str) -> Flask:
            settings = read_api_settings({"LECTERN_DATA": str(tmp_path / "data"), "DATABASE_URL": dsn, **more})
            store = open_store(settings.shared.store)
            app = create_app(settings, store)
            leaving.callback(store.close)
            leaving.callback(app.extensions["lectern.pool"].close)
            return app

        yield made


@pytest.fixture
def apps(make: Make, dsn: str) -> tuple[Flask, Flask]:
    fill(dsn)
    return make(), make()


@pytest.fixture
def ada(apps: tuple[Flask, Flask], dsn: str) -> Student:
    return Student(dsn, *apps)


@pytest.fixture
def bob(apps: tuple[Flask, Flask], dsn: str) -> Student:
    return Student(dsn, *apps)


@pytest.fixture
def editor(apps: tuple[Flask, Flask], dsn: str) -> Student:
    return Student(dsn, *apps, role="editor")
