"""The command that writes a cache's configuration. What it does is imported when it runs."""
from __future__ import annotations

from pathlib import Path

import click

from builder import opening
from edge.config import TARGETS
from edge.config.place import LISTEN_PORT, LOOPBACK
from edge.door import json_option, show
from edge.tiers import PROFILES


@click.command()
@click.argument("target", type=click.Choice(sorted(TARGETS)))
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write into; it is made.")
@click.option("--profile", type=click.Choice(list(PROFILES)), help="Traffic size; default LECTERN_PROFILE.")
@click.option("--origin", help="Where `serve` answers; default http://127.0.0.1:LECTERN_PORT.")
@click.option("--bucket", help="In its stead a bucket's own address, with its name and prefix, where all may read it.")
@click.option("--api", help="Where the API answers, if not at the origin.")
@click.option("--shield", multiple=True, help="A cache to fetch pages from; of several each has a share of the pages.")
@click.option("--edge", multiple=True, help="Network of the caches that fetch from this one, which is their shield.")
@click.option("--purge-from", multiple=True, default=LOOPBACK, show_default=True, help="Network that may purge: where the worker runs.")
@click.option("--listen", type=click.IntRange(1, 65535), default=LISTEN_PORT, show_default=True, help="Port that nginx listens on.")
@json_option
def config(target: str, out: Path, profile: str | None, origin: str | None, bucket: str | None, api: str | None, shield: tuple[str, ...],
           edge: tuple[str, ...], purge_from: tuple[str, ...], listen: int, as_json: bool) -> None:
    """Write the configuration of a cache before the site, from the settings and the profile.

    DIR then holds one file, such as default.vcl. docs/edge.md tells how each is run.

    \b
    Example: python build.py config varnish --profile 500k --out /etc/varnish
    Example: python build.py config varnish --shield http://10.0.0.5:6081 --shield http://10.0.0.6:6081 --out edge
    """
    from edge.config import write
    from edge.config.place import Place, networks, upstream
    from edge.policy import page_headers

    settings = opening.settings(LECTERN_PROFILE=profile)
    serve = origin or f"http://127.0.0.1:{settings.port}"
    paths = write(target, Place(
        settings.base_url, settings.profile, page_headers(https=settings.https, frame_hosts=settings.frame_hosts),
        origin=upstream(bucket or serve, "--bucket" if bucket else "--origin"), api=upstream(api or serve, "--api"), bucket=bool(bucket),
        shields=tuple(upstream(url, "--shield") for url in shield), edges=networks(edge, "--edge"),
        purgers=networks(purge_from, "--purge-from"), listen=listen), out)
    if as_json:
        show({"target": target, "profile": settings.profile, "files": [str(path) for path in paths]})
    else:
        for path in paths:
            click.echo(path)
