"""The builder's commands: parse, call, print. What they do is imported when they run."""
from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.door import dotenv_path, json_option, show
from edge.settings import Settings, read_settings

if TYPE_CHECKING:
    from psycopg2.extensions import connection

    from builder.catalog.importers.report import Report

SHOWN = 50  # problems of an import on a terminal
FINDINGS = 1  # exit code: done, but something was refused, set aside or found


@click.group()
def cli() -> None:
    """From a catalog in PostgreSQL to pages in an object store."""


@cli.command()
@json_option
def migrate(as_json: bool) -> None:
    """Bring the database's schema up to this version.

    \b
    Example: python build.py migrate
    """
    from builder import migrate as schema

    with _database(_settings()) as dsn:
        applied = schema.migrate(dsn)
    if as_json:
        show({"applied": applied})
    else:
        click.echo("\n".join(f"applied {name}" for name in applied) or "nothing to apply")


@cli.command("import")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--check", is_flag=True, help="Read and judge only: nothing comes in. A file of --refused is written all the same.")
@click.option("--strict", is_flag=True, help="Take nothing at all where one record is refused.")
@click.option("--refused", metavar="FILE", type=click.Path(path_type=Path),
              help="Write the refused records of a .jsonl or .csv file to FILE, each with its reason, to mend and import.")
@json_option
def import_(path: Path, check: bool, strict: bool, refused: Path | None, as_json: bool) -> None:
    """Take a catalog in: a folder in the pyvideo layout, or Lectern's own JSON Lines or CSV (docs/format.md).

    Importing the same files again changes nothing; what was edited here since stays and is reported.
    Exit code 1 when records were refused.

    \b
    Example: python build.py import lectures.jsonl --check
    """
    from builder.catalog.importers import WholeFile, check_place, run_import, write_refused
    from builder.progress import bar

    settings = _settings()
    back: WholeFile | None = None
    written = 0

    def keep_refused(report: Report) -> None:
        nonlocal written
        if back is not None:
            written = write_refused(path, report, back.file)

    with ExitStack() as open_ones:
        if refused is not None:  # opened first: where it cannot be written, nothing comes in
            check_place(path, refused)
            back = open_ones.enter_context(WholeFile(refused))
        with _catalog(settings) as connection, bar() as progress:
            report = run_import(connection, path, check=check, strict=strict, progress=progress, before_end=keep_refused)
        if as_json:
            show(report.as_json())
        else:
            _tell(report, check=check, strict=strict)
        if back is not None and written:
            back.appear()
    if refused is not None:
        click.echo(f"{_records(written)} in {refused}" if written else f"Nothing was refused, so {refused} was not written.", err=True)
    if not report.ok:
        click.get_current_context().exit(FINDINGS)


@cli.command()
@click.argument("path", type=click.Path(path_type=Path))
@json_option
def export(path: Path, as_json: bool) -> None:
    """Write the catalog in Lectern's own format, which imports again without a change: .jsonl or .csv, by PATH's ending.

    \b
    Example: python build.py export lectures.jsonl
    """
    from builder.catalog.importers import check_name, run_export

    settings = _settings()
    check_name(path)
    with _catalog(settings) as connection:
        written = run_export(connection, path)
    if as_json:
        show({"videos": written, "path": str(path)})
    else:
        click.echo(f"{written} videos written to {path}")


@cli.command()
@click.option("--full", is_flag=True, help="Render every page; only what differs is uploaded all the same.")
@click.option("--store", help="Where objects go, over LECTERN_STORE: sqlite:///absolute/path or s3://BUCKET/PREFIX.")
@click.option("--profile", help="Traffic size, over LECTERN_PROFILE: 100k, 500k or 1m.")
@click.option("--base-url", help="The site's public address, over LECTERN_BASE_URL.")
@click.option("--wait", "wait_s", type=click.FloatRange(min=0), default=0, show_default=True,
              help="Seconds to wait for another build.")
@json_option
def build(
    full: bool, store: str | None, profile: str | None, base_url: str | None, wait_s: float, as_json: bool
) -> None:
    """Make one release of what waits: render, compare, upload.

    Exit code 1 when pages were set aside, 3 when another build is at work.

    \b
    Example: python build.py build --profile 500k --base-url https://lectures.example
    """
    from builder.processes import processes
    from builder.progress import bar

    settings = _settings(LECTERN_STORE=store, LECTERN_PROFILE=profile, LECTERN_BASE_URL=base_url)
    with processes() as executor, _database(settings, ready=True) as dsn, bar() as progress:
        # Only now, while the processes import the same.
        from builder import pipeline
        from builder.pages.page import Site
        from edge.store import open_store

        site = Site(settings.site_name, settings.base_url, settings.accent_hue, settings.frame_hosts)
        with closing(open_store(settings.store)) as opened:
            done = pipeline.build(dsn, opened, site, settings.profile, executor, full=full, wait_s=wait_s, progress=progress)
    for failure in done.set_aside:
        click.echo(f"set aside: {failure.path}: {failure.why}", err=True)
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
    if done.set_aside:
        click.get_current_context().exit(FINDINGS)


@cli.command("export-site")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@json_option
def export_site(folder: Path, as_json: bool) -> None:
    """Write the store's objects as plain files, with .gz beside, for a web server to serve.

    \b
    Example: python build.py export-site /srv/www
    """
    from edge.store import open_store
    from edge.store.tree import export_tree

    with closing(open_store(_settings().store)) as store:
        written = export_tree(store, folder)
    if as_json:
        show({"files": written, "path": str(folder)})
    else:
        click.echo(f"{written} files in {folder}")


@cli.command()
def demo() -> None:
    """Show all of it on this machine: database, bundled catalog, site and API on one port.

    Ctrl-C ends all of it; the next start keeps the data.

    \b
    Example: LECTERN_PORT=8080 python build.py demo
    """
    from builder.demo import run

    run(_settings())


def _tell(report: Report, *, check: bool, strict: bool) -> None:
    """An import's report for people: what was refused first, for the rest is often long; the counts last."""
    for problem in sorted(report.in_order(), key=lambda problem: problem.done != "refused")[:SHOWN]:
        where = f"{problem.file}:{problem.line}" if problem.line else problem.file
        what = f"{problem.field} {problem.value!r}".strip() if problem.value else problem.field
        click.echo(": ".join(part for part in (problem.done, where, what, problem.why) if part), err=True)
    if len(report.problems) > SHOWN:
        click.echo(f"… and {len(report.problems) - SHOWN} more: --json lists all.", err=True)
    counts = report.as_json()["videos"]
    if check or (strict and not report.ok):
        reason = "--check only judges" if check else "--strict takes all or nothing"
        click.echo(f"Nothing was written to the catalog, for {reason}: {counts['added']} would be added, {counts['changed']} would be "
                   f"changed, {counts['unchanged']} unchanged, {counts['refused']} refused, {counts['withheld']} withheld")
    else:
        click.echo(", ".join(f"{n} {outcome}" for outcome, n in counts.items()))


def _records(count: int) -> str:
    return "1 refused record is" if count == 1 else f"{count} refused records are"


def _settings(**given: str | None) -> Settings:
    """The settings, with a command's own options before the environment."""
    return read_settings({**os.environ, **{name: value for name, value in given.items() if value}}, dotenv_path())


@contextmanager
def _database(settings: Settings, *, ready: bool = False) -> Iterator[str]:
    """A direct DSN; *ready* also makes sure of the schema."""
    from builder.embedded import database
    from builder.migrate import make_ready

    with database(settings.data, settings.database_direct_url or settings.database_url) as dsn:
        if ready:
            make_ready(dsn)
        yield dsn


@contextmanager
def _catalog(settings: Settings) -> Iterator[connection]:
    import psycopg2

    with _database(settings, ready=True) as dsn, closing(psycopg2.connect(dsn)) as connection:
        yield connection
