"""The builder's commands: parse, call, print."""
from __future__ import annotations

import click

from builder.cli import capacity, catalog, config, dev, live, media, publish, questions


@click.group()
def cli() -> None:
    """From a catalog in PostgreSQL to pages in an object store."""


for command in (catalog.migrate, catalog.import_, catalog.export,
                publish.build, publish.watch, publish.refresh, publish.export_site, publish.demo, dev.dev, media.media,
                live.status, live.releases, live.rollback, live.release, live.resume, live.withdraw,
                questions.diff, questions.impact, questions.why, questions.verify,
                config.config, capacity.capacity):
    cli.add_command(command)
