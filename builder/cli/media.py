"""The command of own media. What it does is imported when it runs."""
from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from builder import opening
from edge.command_line import json_option, show


@click.command()
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.argument("key")
@click.option("--video", type=click.IntRange(min=1), help="Whose lecture it is: a purge of that video's tag finds it too.")
@json_option
def media(source: Path, key: str, video: int | None, as_json: bool) -> None:
    """Put an own film into the store at KEY, or a folder of segments below it; what stood there is replaced, and purged.

    Anybody may see what lies below media/; what lies below protected/ wants a signature. The address is KEY behind the site's, and
    goes into the catalog as a source of kind `file` or `hls`.

    \b
    Example: python build.py media talk.mp4 media/pycon/talk.mp4 --video 831
    Example: python build.py media segments/ media/pycon/talk
    """
    import psycopg2

    from builder import own_media, publishing, purge
    from edge.address import path_of
    from edge.cdn import open_purgers

    settings = opening.settings()
    files = own_media.found(source, key.rstrip("/"))
    with opening.database_and_store(settings) as (dsn, store), closing(psycopg2.connect(dsn, connect_timeout=10)) as connection:
        purgers = open_purgers(settings)
        size = own_media.put(connection, store, purgers, settings.profile, files, video)
        if purgers:
            purge.settle(dsn, purgers, wait_s=publishing.PURGE_WAIT_S)
    addresses = [settings.base_url + path_of(file.key) for file in files]
    if as_json:
        show({"stored": addresses, "bytes": size})
    else:
        for address in addresses:
            click.echo(address)
        click.echo(f"{len(files)} objects, {size:,} bytes")
