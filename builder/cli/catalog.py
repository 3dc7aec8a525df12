"""The commands of the catalog: migrate, import, export. What they do is imported when they run."""
from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from builder import opening
from edge.command_line import FINDINGS, json_option, show

if TYPE_CHECKING:
    from builder.catalog.importers.report import Report

SHOWN = 50  # problems of an import on a terminal


@click.command()
@json_option
def migrate(as_json: bool) -> None:
    """Bring the database's schema up to this version.

    \b
    Example: python build.py migrate
    """
    from builder import migrate as schema

    with opening.database(opening.settings()) as dsn:
        applied = schema.migrate(dsn)
    if as_json:
        show({"applied": applied})
    else:
        click.echo("\n".join(f"applied {name}" for name in applied) or "nothing to apply")


@click.command("import")
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

    settings = opening.settings()
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
        with opening.catalog(settings) as connection, bar() as progress:
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


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@json_option
def export(path: Path, as_json: bool) -> None:
    """Write the catalog in Lectern's own format, which imports again without a change: .jsonl or .csv, by PATH's ending.

    \b
    Example: python build.py export lectures.jsonl
    """
    from builder.catalog.importers import check_name, run_export

    settings = opening.settings()
    check_name(path)
    with opening.catalog(settings) as connection:
        written = run_export(connection, path)
    if as_json:
        show({"videos": written, "path": str(path)})
    else:
        click.echo(f"{written} videos written to {path}")


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
