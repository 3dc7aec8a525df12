"""What a command opens: settings, the database, the store."""
from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from edge.command_line import dotenv_path
from edge.errors import SettingsError
from edge.settings import Settings, read_settings

MOST_FILE_BYTES = 65_536  # of a file that a setting names: every render process is handed its text

if TYPE_CHECKING:
    from pathlib import Path

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
    from builder.pages.page import Site
    from edge.language import language

    language(settings.language)
    logo = _text("LECTERN_LOGO", settings.logo)
    if logo and "<svg" not in logo:
        raise SettingsError(f"LECTERN_LOGO names {settings.logo}, which is no SVG picture: save the logo as SVG.")
    return Site(settings.site_name, settings.base_url, settings.accent_hue, settings.frame_hosts, settings.language,
                _text("LECTERN_IMPRINT", settings.imprint), _text("LECTERN_PRIVACY", settings.privacy), settings.security_contacts,
                settings.security_expires, logo, settings.offline, settings.desk, settings.pings.hub, settings.pings.indexnow_key)


def _text(name: str, file: Path | None) -> str:
    """The text of a file that a setting names; "" for none. Raises SettingsError."""
    if file is None:
        return ""
    try:
        with file.open("rb") as opened:
            text = opened.read(MOST_FILE_BYTES + 1).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise SettingsError(f"{name} names {file}, which cannot be read: {why}. Mend or remove the setting.") from error
    if len(text.encode()) > MOST_FILE_BYTES or not text.strip():
        raise SettingsError(f"{name} names {file}, which is empty or has more than {MOST_FILE_BYTES:,} bytes.")
    return text
