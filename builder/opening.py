"""What a command opens: settings, the database, the store."""
from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from edge.door import dotenv_path
from edge.settings import Settings, read_settings

if TYPE_CHECKING:
    from psycopg2.extensions import connection

    from builder.pages.page import Site
    from edge.store.port import Store


def settings(**given: str | None) -> Settings:
    """The settings, with a command's own options before the environment."""
    return read_settings({**os.environ, **{name: value for name, value in given.items() if value}}, dotenv_path())


@contextmanager
def database(settings: Settings, *, ready: bool = False) -> Iterator[str]:
    """A direct DSN; *ready* also makes sure of the schema."""
    from builder.embedded import database as embedded_or_own
    from builder.migrate import make_ready

    with embedded_or_own(settings.data, settings.database_direct_url or settings.database_url) as dsn:
        if ready:
            make_ready(dsn)
        yield dsn


@contextmanager
def catalog(settings: Settings) -> Iterator[connection]:
    """A connection to a database that is ready."""
    import psycopg2

    with database(settings, ready=True) as dsn, closing(psycopg2.connect(dsn)) as connection:
        yield connection


@contextmanager
def database_and_store(settings: Settings) -> Iterator[tuple[str, Store]]:
    """The DSN of a database that is ready, and the store."""
    from edge.store import open_store

    with database(settings, ready=True) as dsn, closing(open_store(settings.store)) as store:
        yield dsn, store


def site(settings: Settings) -> Site:
    """What every page knows of the site. Raises SettingsError where a setting names what is not there."""
    from builder.language import language
    from builder.pages.page import Site

    language(settings.language)
    return Site(settings.site_name, settings.base_url, settings.accent_hue, settings.frame_hosts, settings.language)
