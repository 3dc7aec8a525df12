"""The command that plans for a number of students. What it does is imported when it runs."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from builder import opening
from builder.capacity.assumptions import Assumptions
from edge.command_line import FINDINGS, json_option, show
from edge.tiers import PROFILES

MOST_USERS = 100_000_000


def _assumptions(command: Callable[..., None]) -> Callable[..., None]:
    """An option for each assumption, in their order."""
    for one in reversed(fields(Assumptions)):
        least, most = one.metadata["least"], one.metadata["most"]
        kind = click.IntRange(least, most) if one.type == "int" else click.FloatRange(least, most)
        command = click.option(f"--{one.name.replace('_', '-')}", one.name, type=kind, metavar="N",
                               help=f"{one.metadata['why'].capitalize()}; default {one.default:g}.")(command)
    return command


@click.command()
@click.option("--users", type=click.IntRange(1, MOST_USERS), required=True, help="Students at once, at the peak.")
@click.option("--profile", type=click.Choice(list(PROFILES)), help="Traffic size; default the smallest that is meant for so many.")
@click.option("--measure", is_flag=True, help="Measure this machine first, half a minute on loopback; kept in LECTERN_DATA/figures.json.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write the plan as a page with charts, too.")
@_assumptions
@json_option
def capacity(users: int, profile: str | None, measure: bool, html: Path | None, as_json: bool, **given: Any) -> None:
    """What so many students ask of edge, store, API and database, what that needs and costs, and where it breaks.

    It rests on measured figures, this machine's where --measure has been run, and on assumptions, each of which is an option.
    Nothing of the site is touched. Exit code 1 where the plan breaks somewhere.

    \b
    Example: python build.py capacity --users 1000000 --html plan.html
    Example: python build.py capacity --users 100000 --think-s 60 --measure
    """
    from builder.capacity import figures as known
    from builder.capacity.plan import plan, profile_for
    from builder.capacity.reference import REFERENCE
    from builder.capacity.telling import as_values, tables

    settings = opening.settings()
    if measure:
        from builder.capacity.measuring import measure as measured

        path = known.save(settings.data, measured(lambda what: click.echo(f"measuring: {what}", err=True)))
        click.echo(f"measured: {path}", err=True)
    own = known.load(settings.data)
    figures, assumed = own or REFERENCE, Assumptions().changed(given)
    found = plan(users, profile or profile_for(users), assumed, figures)
    if html:
        from builder.capacity.page import page

        html.write_text(page(found, assumed, figures, own is None))
        click.echo(f"written: {html}", err=True)
    if as_json:
        show(as_values(found, assumed, figures, own is None))
    else:
        _print(f"{users:,} students at once, profile {found.profile}", tables(found, assumed, figures, own is None))
        for warned in found.warned:
            click.echo(f"breaks: {warned.what}\n    do: {warned.do}")
    if found.warned:
        raise click.exceptions.Exit(FINDINGS)


def _print(title: str, tables: dict[str, list[Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, markup=False, width=None if Console().is_terminal else 140)
    console.print(title)
    for heading, lines in tables.items():
        table = Table("", "", "", title=heading, title_justify="left", title_style="bold", box=None, show_header=False, pad_edge=False)
        table.columns[1].justify = "left" if heading == "Measured" else "right"
        for line in lines:
            table.add_row(*line)
        console.print(table)
        console.print()
