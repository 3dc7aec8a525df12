"""The commands that publish: build, watch, refresh, export-site, demo. What they do is imported when they run."""
from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from builder import opening
from edge.command_line import FINDINGS, json_option, say, show

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor

    from psycopg2.extensions import connection

    from builder.background import Background
    from builder.catalog.refresh.report import Report as Refreshed
    from builder.pages.page import Site
    from builder.summary import Summary
    from edge.cdn.port import Purger
    from edge.settings import Settings
    from edge.store.port import Store

UNITS_A_QUESTION = 2  # of YouTube's quota: the question, and the one that a doubtful answer raises
SHOWN = 50  # problems on a terminal


@click.command()
@click.option("--full", is_flag=True, help="Render every page; only what differs is uploaded all the same.")
@click.option("--retire", is_flag=True, help="Let pages leave that no edit speaks of, however many: what the guard held back.")
@click.option("--scheduler", metavar="ADDRESS", help="Render a large release on a Dask cluster: tcp://HOST:8786.")
@click.option("--store", help="Where objects go, over LECTERN_STORE: sqlite:///absolute/path or s3://BUCKET/PREFIX.")
@click.option("--profile", help="Traffic size, over LECTERN_PROFILE: 100k, 500k or 1m.")
@click.option("--base-url", help="The site's public address, over LECTERN_BASE_URL.")
@click.option("--wait", "wait_s", type=click.FloatRange(min=0), default=0, show_default=True,
              help="Seconds to wait for another build.")
@json_option
def build(
    full: bool, retire: bool, scheduler: str | None, store: str | None, profile: str | None, base_url: str | None, wait_s: float,
    as_json: bool,
) -> None:
    """Make one release of what waits: render, compare, upload.

    Exit code 1 when pages were set aside, 3 when another build is at work.

    \b
    Example: python build.py build --profile 500k --base-url https://lectures.example
    """
    from builder.processes import processes
    from builder.progress import bar

    if scheduler:
        from builder.cluster import cluster

    settings = opening.settings(LECTERN_STORE=store, LECTERN_PROFILE=profile, LECTERN_BASE_URL=base_url)
    hands = cluster(scheduler) if scheduler else processes()
    with hands as executor, opening.database(settings, ready=True) as dsn, bar() as progress:
        # Only now, while the processes import the same.
        from builder import publishing
        from edge.cdn import open_purgers
        from edge.store import open_store

        site = opening.site(settings)
        with closing(open_store(settings.store)) as opened:
            _finish_takedowns(dsn, opened, site, settings, executor, wait_s)
            done = publishing.build(dsn, opened, site, settings.profile, executor, full=full, wait_s=wait_s,
                                  purgers=open_purgers(settings), guarded=not retire, progress=progress)
    tell_left(done)
    if as_json:
        value = {field.name: getattr(done, field.name) for field in fields(done)}
        show(value | {"set_aside": [failure._asdict() for failure in done.set_aside]})
    else:
        pages, seconds = sum(done.pages.values()), sum(done.seconds.values())
        click.echo(f"release {done.release}" if done.release else "nothing changed")
        click.echo(f"{pages} pages ({', '.join(f'{n} {kind}' for kind, n in sorted(done.pages.items()))})")
        click.echo(f"{done.rendered} rendered, {done.uploaded} uploaded, {done.retired} retired, {done.bytes:,} bytes")
        stages = ", ".join(f"{stage} {s:.2f}" for stage, s in done.seconds.items())
        click.echo(f"{seconds:.2f} s ({stages}), {done.rendered / seconds:,.0f} pages a second")
    if done.set_aside or done.held_back:
        click.get_current_context().exit(FINDINGS)


@click.command()
def watch() -> None:
    """The worker: publish each committed edit at once, and what was scheduled when its time comes, until Ctrl-C or SIGTERM.

    Prints one line, `watching`, once it hears the catalog; then a line on stderr for each release.

    \b
    Example: LECTERN_CDN=varnish LECTERN_VARNISH_URL=http://10.0.0.5:6081 python build.py watch
    """
    from builder import exporter, worker
    from builder.processes import processes
    from edge.cdn import open_purgers
    from edge.store import open_store

    settings = opening.settings()
    site = opening.site(settings)
    with ExitStack() as opened:
        dsn = opened.enter_context(opening.database(settings, ready=True))
        store = opened.enter_context(closing(open_store(settings.store)))
        purgers = open_purgers(settings)
        others = _desk(settings, dsn, store, purgers, opened) if settings.desk else ()
        if settings.worker_metrics_port:
            opened.callback(exporter.serve(dsn, store, settings.listen, settings.worker_metrics_port))
        worker.run(dsn, store, site, settings.profile, processes, purgers, lambda: click.echo("watching"), others)


def _desk(settings: Settings, dsn: str, store: Store, purgers: Sequence[Purger], opened: ExitStack) -> Sequence[Background]:
    """The threads that answer the editors' desk."""
    from builder import publishing
    from builder.catalog.providers import Endpoints, providers
    from builder.catalog.providers.web import Web
    from builder.desk.answerer import answerers
    from builder.desk.means import Means
    from builder.processes import processes

    web = opened.enter_context(closing(Web(f"Lectern (+{settings.base_url})", private_hosts=settings.refresh_private_hosts)))
    whom = partial(providers, Endpoints(), youtube_key=settings.youtube_key, youtube_units=UNITS_A_QUESTION,
                   vimeo_token=settings.vimeo_token)
    return answerers(Means(dsn, store, opening.site(settings), settings.profile, purgers, processes, web, whom), publishing.tell)


@click.command()
@json_option
def refresh(as_json: bool) -> None:
    """The hourly job: ask providers for lengths, pictures and what is gone, then build what changed.

    Asks about the longest-unseen videos first, as many as LECTERN_REFRESH_BUDGET_S and quotas allow. Only what nobody
    filled in is filled. Exit code 1 when something gave no clear answer, or pages were set aside.

    \b
    Example: python build.py refresh --json
    """
    from builder.catalog.providers.web import Web
    from builder.catalog.refresh.run import Options
    from builder.catalog.refresh.run import refresh as ask_providers
    from edge.store import open_store

    settings = opening.settings()
    options = Options(settings.refresh_budget_s, settings.youtube_key, settings.youtube_quota, settings.vimeo_token,
                      settings.copy_thumbnails, settings.profile, settings.site_name, settings.accent_hue)
    with ExitStack() as opened:
        dsn = opened.enter_context(opening.database(settings, ready=True))
        store = opened.enter_context(closing(open_store(settings.store)))
        with closing(Web(f"Lectern (+{settings.base_url})", private_hosts=settings.refresh_private_hosts)) as web:
            report = ask_providers(dsn, store, web, options)
        waits, left = "", 0
        if not report.overlaps:
            from builder import publishing
            from builder.lease import LeaseHeld
            from builder.processes import processes
            from edge.cdn import open_purgers

            site = opening.site(settings)
            try:
                with processes() as executor:
                    _finish_takedowns(dsn, store, site, settings, executor, 0)
                    done = publishing.build(dsn, store, site, settings.profile, executor, purgers=open_purgers(settings))
                left = len(done.set_aside) + len(done.held_back)
            except LeaseHeld:
                waits = "Another builder is at work: it publishes what changed."
            except publishing.OnHoldError as error:
                waits, left = str(error), 1
    if as_json:
        show(report.as_json())
    else:
        _tell_refresh(report)
    if waits:
        click.echo(waits, err=True)
    if report.failed or left:
        click.get_current_context().exit(FINDINGS)


@click.command("export-site")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@json_option
def export_site(folder: Path, as_json: bool) -> None:
    """Write the store's objects as plain files, with .gz beside, for a web server to serve.

    \b
    Example: python build.py export-site /srv/www
    """
    from edge.store import open_store
    from edge.store.export import export_tree

    with closing(open_store(opening.settings().store)) as store:
        written = export_tree(store, folder)
    if as_json:
        show({"files": written, "path": str(folder)})
    else:
        click.echo(f"{written} files in {folder}")


@click.command()
@click.option("--edge", type=click.Choice(["varnish"]), help="Put a cache before it, where that is installed.")
def demo(edge: str | None) -> None:
    """Show all of it on this machine: database, bundled catalog, site and API on one port.

    Ctrl-C ends all of it; the next start keeps the data.

    \b
    Example: LECTERN_PORT=8080 python build.py demo
    Example: python build.py demo --edge varnish
    """
    from builder.demo import run

    run(opening.settings(), behind_varnish=edge == "varnish")


def tell_left(done: Summary) -> None:
    """Say on stderr what a release set aside or held back."""
    for failure in done.set_aside:
        # What failed before it was a page has no path: its part and number say what it is, such as video:7.
        click.echo(f"set aside: {failure.path or failure.kind}: {failure.why}", err=True)
    if done.held_back:
        say(f"held back: {len(done.held_back)} pages would leave, {done.held_back[0]} the first, though no edit speaks of them. "
            "If they shall: `python build.py build --full --retire`.", err=True)


def _finish_takedowns(dsn: str, store: Store, site: Site, settings: Settings, executor: Executor, wait_s: float) -> None:
    """What somebody began to take down goes before any release."""
    from contextlib import nullcontext

    from builder import takedown
    from builder.publishing import Publisher
    from edge.cdn import open_purgers

    purgers = open_purgers(settings)

    def publisher(connected: connection) -> Publisher:
        return Publisher(dsn, connected, store, site, settings.profile, lambda: nullcontext(executor), purgers)

    for thing in takedown.finish_owed(dsn, store, publisher, purgers, wait_s):
        click.echo(f"{thing} is taken down, as somebody began to.", err=True)


def _tell_refresh(report: Refreshed) -> None:
    lines = (*report.dead, *report.problems)
    for problem in lines[:SHOWN]:
        click.echo(f"{problem.where}: {problem.why}", err=True)
    if len(lines) > SHOWN:
        click.echo(f"… and {len(lines) - SHOWN} more: --json lists all.", err=True)
    if report.overlaps:
        click.echo("Another refresh is at work: this one did nothing.", err=True)
    click.echo(f"{report.asked} asked, {report.changed} changed, {len(report.dead)} dead, {report.failed} failed, {report.behind} behind; "
               f"{report.pictures} pictures copied, {report.cards} cards drawn")
