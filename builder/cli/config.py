"""The command that writes configurations: of a cache before the site, and of what runs it. What it does is imported when it runs."""
from __future__ import annotations

import os
from pathlib import Path

import click
from click.core import ParameterSource

from builder import opening
from edge.command_line import dotenv_path, json_option, show
from edge.config import TARGETS
from edge.config.cache_node import LISTEN_PORT, LOOPBACK
from edge.deploy import TARGETS as DEPLOYMENTS
from edge.deploy.deployment import IMAGE, RedisKind
from edge.tiers import PROFILES

_OF_CACHES = ("origin", "bucket", "api", "shield", "edge", "purge_from", "listen")
_OF_DEPLOYMENTS = ("image", "affinity", "redis")


@click.command()
@click.argument("target", type=click.Choice(sorted({*TARGETS, *DEPLOYMENTS})))
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write into; it is made.")
@click.option("--profile", type=click.Choice(list(PROFILES)), help="Traffic size; default LECTERN_PROFILE.")
@click.option("--origin", help="Of a cache: where `serve` answers; default http://127.0.0.1:LECTERN_PORT.")
@click.option("--bucket", help="In its stead a bucket's own address, with its name and prefix, where all may read it.")
@click.option("--api", help="Where the API answers, if not at the origin.")
@click.option("--shield", multiple=True, help="A cache to fetch pages from; of several each has a share of the pages.")
@click.option("--edge", multiple=True, help="Network of the caches that fetch from this one, which is their shield.")
@click.option("--purge-from", multiple=True, default=LOOPBACK, show_default=True, help="Network that may purge: where the worker runs.")
@click.option("--listen", type=click.IntRange(1, 65535), default=LISTEN_PORT, show_default=True, help="Port that nginx listens on.")
@click.option("--image", default=IMAGE, show_default=True, help="Of a deployment: the container image, with its tag.")
@click.option("--affinity/--no-affinity", default=True, show_default=True, help="Lead a reader to one instance by a cookie.")
@click.option("--redis", type=click.Choice(["single", "cluster"]), default="single", show_default=True, help="Kind of Redis in Kubernetes.")
@json_option
@click.pass_context
def config(ctx: click.Context, target: str, out: Path, profile: str | None, origin: str | None, bucket: str | None, api: str | None,
           shield: tuple[str, ...], edge: tuple[str, ...], purge_from: tuple[str, ...], listen: int, image: str, affinity: bool,
           redis: RedisKind, as_json: bool) -> None:
    """Write a configuration from the settings and the profile: of a cache before the site, or of what runs and watches it.

    DIR then holds its files, such as default.vcl or lectern.yaml. docs/edge.md tells how caches are run, docs/deploy.md all else. No
    file holds a secret.

    \b
    Example: python build.py config varnish --profile 500k --out /etc/varnish
    Example: python build.py config varnish --shield http://10.0.0.5:6081 --shield http://10.0.0.6:6081 --out edge
    Example: python build.py config kubernetes --profile 1m --image school/lectern:7 --redis cluster --out deploy
    """
    from edge import config as caches
    from edge import deploy
    from edge.config.cache_node import CacheNode, networks, upstream
    from edge.deploy.deployment import Deployment
    from edge.policy import page_headers
    from edge.settings import merged

    settings = opening.settings(LECTERN_PROFILE=profile)
    for name in _OF_CACHES if target in DEPLOYMENTS else _OF_DEPLOYMENTS:
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name.replace('_', '-')} says nothing of {target}: leave it out.")
    if target in DEPLOYMENTS:
        paths = deploy.write(target, Deployment(
            settings.base_url, settings.profile, settings.store, merged(os.environ, dotenv_path()), desk=settings.desk, image=image,
            affinity=affinity, redis=redis), out)
    else:
        serve = origin or f"http://127.0.0.1:{settings.port}"
        paths = caches.write(target, CacheNode(
            settings.base_url, settings.profile, page_headers(https=settings.https, frame_hosts=settings.frame_hosts),
            origin=upstream(bucket or serve, "--bucket" if bucket else "--origin"), api=upstream(api or serve, "--api"),
            bucket=bool(bucket), shields=tuple(upstream(url, "--shield") for url in shield), edges=networks(edge, "--edge"),
            purgers=networks(purge_from, "--purge-from"), listen=listen, store=settings.store, media_key_id=settings.media.key_id), out)
    if as_json:
        show({"target": target, "profile": settings.profile, "files": [str(path) for path in paths]})
    else:
        for path in paths:
            click.echo(path)
