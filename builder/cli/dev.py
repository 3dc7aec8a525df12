"""The command for who works on templates. What it does is imported when it runs."""
from __future__ import annotations

from contextlib import closing

import click

from builder import opening


@click.command()
def dev() -> None:
    """Serve the site with its templates as they are: a change under templates/ is seen at once in the open browser.

    Pages are rendered as they are asked for; a mistake shows in the browser with file and line. An empty catalog gets
    the bundled one. There is no API, and nothing is published. Ctrl-C ends it.

    \b
    Example: LECTERN_PORT=8080 python build.py dev
    """
    import psycopg2

    from builder import publishing
    from builder.catalog.importers import run_import
    from builder.demo import CATALOG
    from builder.dev.server import run
    from builder.lease import LeaseHeld
    from builder.processes import processes

    settings = opening.settings()
    site = opening.site(settings)
    with opening.database_and_store(settings) as (dsn, store):
        with closing(psycopg2.connect(dsn)) as connection:
            with connection, connection.cursor() as cursor:
                cursor.execute("SELECT EXISTS (SELECT FROM catalog.course)")
                filled = cursor.fetchone() == (True,)
            if not filled:
                run_import(connection, CATALOG)
        try:
            with processes() as executor:
                publishing.build(dsn, store, site, settings.profile, executor)  # what pages there are
        except (LeaseHeld, publishing.OnHoldError) as error:
            click.echo(f"{error} So the pages are those that are live.", err=True)
        run(dsn, store, site, settings.profile, settings.port, lambda url: click.echo(f"ready {url}"))
