"""The commands of what is live: how it stands, its releases, back to one, on again, takedowns. What they do is imported when they run."""
from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import click

from builder import opening
from builder.cli.publish import tell_left
from edge.command_line import FINDINGS, json_option, say, show

if TYPE_CHECKING:
    from psycopg2.extensions import connection

    from builder.publishing import Publisher
    from builder.summary import Summary
    from builder.takedown import Takedown
    from edge.cdn.port import Purger
    from edge.settings import Settings
    from edge.store.port import Store

WAIT_S = 60.0  # for a release that is under way
SHOWN = 30  # releases, or paths, on a terminal
_wait = click.option("--wait", "wait_s", type=click.FloatRange(min=0), default=WAIT_S, show_default=True,
                     help="Seconds to wait for a release that is under way.")


@click.command()
@json_option
def releases(as_json: bool) -> None:
    """List the releases, newest first.

    \b
    Example: python build.py releases
    """
    from builder import journal

    with opening.catalog(opening.settings()) as connection:
        found = journal.releases(connection)
    if as_json:
        show([{**one._asdict(), "at": one.at.isoformat()} for one in found])
        return
    for one in found[:SHOWN]:
        click.echo(f"{one.release:>8}  {one.at:%Y-%m-%d %H:%M:%S}  {one.state:<10} {one.cause:<8} {one.paths} paths, {one.changes} changes")
    if len(found) > SHOWN:
        click.echo(f"… and {len(found) - SHOWN} older: --json lists all.")


@click.command()
@json_option
def status(as_json: bool) -> None:
    """Say how things stand: what is live and waits, what is owed, who listens, what the edge showed, what needs a person.

    Exit code 1 with an alarm; each says what to do.

    \b
    Example: python build.py status --json
    """
    from contextlib import closing

    import psycopg2

    from builder.status import status as standing

    with opening.database_and_store(opening.settings()) as (dsn, store), closing(psycopg2.connect(dsn)) as connection:
        found = standing(connection, store)
    if as_json:
        show(found.as_json())
    else:
        click.echo(f"live       {f'release {found.live}' if found.live else 'nothing yet'}")
        click.echo(f"waiting    {found.waiting} changes" + (f", the oldest for {found.lag_s:.1f} s" if found.waiting else ""))
        click.echo(f"owed       {', '.join(f'{count} {kind}' for kind, count in found.debts.items()) or 'nothing'}")
        click.echo(f"listener   {found.listener}")
        click.echo(f"fence      {found.fence}")
        behind, known = found.refresh.behind, found.refresh.known
        click.echo(f"refresh    {f'{behind} of {known} videos behind: no clear answer for a day' if known else 'has asked nothing yet'}")
        for one in found.receipts:
            seen = f"{one.lag_ms:,} ms" if one.lag_ms is not None else "not seen"
            click.echo(f"receipt    release {one.release}  {seen:>10}  {one.encoding or 'plain':<5} {one.url}  {one.served_by}".rstrip())
        for alarm in found.alarms:
            say(f"ALARM: {alarm}", err=True)
    if found.alarms:
        click.get_current_context().exit(FINDINGS)


@click.command()
@click.argument("number", type=int)
@_wait
@json_option
def rollback(number: int, wait_s: float, as_json: bool) -> None:
    """Take the live site back to what it was at release NUMBER, and put publishing on hold.

    Bodies are kept for seven days. Takedowns go on, and are never undone; `release --unhold` ends the hold.

    \b
    Example: python build.py rollback 41
    """
    with _publishing(wait_s) as at:
        done = at.publisher.back_to(number)
        at.settle()
    if as_json:
        show({"release": done.release, "uploaded": done.uploaded, "retired": done.retired})
    else:
        click.echo(f"release {done.release}: {done.uploaded} objects are as they were at release {number}, {done.retired} of them gone.")
        say("Publishing is on hold: `python build.py release --unhold` ends that.", err=True)


@click.command()
@click.option("--unhold", is_flag=True, required=True, help="End the hold that a rollback began, and release what waits.")
@_wait
@json_option
def release(unhold: bool, wait_s: float, as_json: bool) -> None:
    """End the hold after a rollback: the site shows the catalog again. Exit code 1 when pages were set aside or held back.

    \b
    Example: python build.py release --unhold
    """
    with _publishing(wait_s) as at:
        done = at.publisher.unhold()
        at.settle()
    _say(done, as_json)


@click.command()
@_wait
@json_option
def resume(wait_s: float, as_json: bool) -> None:
    """Take over from a release that died: its paths are written again, with all that waits.

    Any build does the same; the worker does it by itself. Exit code 1 when pages were set aside or held back.

    \b
    Example: python build.py resume
    """
    with _publishing(wait_s) as at:
        done = at.publisher.release()
        at.settle()
    _say(done, as_json)


@click.command()
@click.argument("key")
@click.option("--now", is_flag=True, required=True, help="Ahead of everything, everywhere, and for good.")
@json_option
def withdraw(key: str, now: bool, as_json: bool) -> None:
    """Take a thing down: its pages, side files, pictures and kept bodies leave the store and the edges, and that is proven.

    A video, and those of a batch or course, become withdrawn; a subject or instructor is deleted. No rollback goes
    behind it. It leaves the catalog at once, then waits for a release that is under way; if it is broken off, the worker
    or `resume` ends it. Exit code 1 where that is not proven: a place still answers with it, or, with LECTERN_CDN, nobody answers.

    \b
    Example: python build.py withdraw video:831 --now
    """
    from builder import lease, takedown
    from builder.catalog import keys

    try:
        packed = keys.parse(key)
    except ValueError as e:
        raise click.BadParameter(str(e), param_hint="KEY") from e
    def waits() -> None:
        click.echo(f"{key} is out of the catalog, and nobody brings it back; waiting for the builder that is at work.", err=True)

    with _opened() as at:
        done = takedown.take_down(at.dsn, at.connection, at.publisher, at.store, at.purgers, at.settings.base_url,
                                  keys.kind_of(packed), packed >> 8, lambda: lease.held(at.connection, math.inf, waits))
    if as_json:
        show({"release": done.release, "paths": done.paths, "holds": done.holds, "owed": done.owed,
              "proof": [one._asdict() for one in done.proof]})
    else:
        for path in done.paths[:SHOWN]:
            click.echo(f"gone {path}")
        if len(done.paths) > SHOWN:
            click.echo(f"… and {len(done.paths) - SHOWN} more: --json lists all.")
        silent = sum(not one.status for one in done.proof)
        click.echo(f"{len(done.proof)} questions to store and edge: {sum(one.gone for one in done.proof)} answered that it is gone"
                   + (f"; {silent} had no answer" if silent else ""))
    if not done.holds:
        _say_unproven(done, at.settings.base_url)
        click.get_current_context().exit(FINDINGS)


def _say_unproven(done: Takedown, base_url: str) -> None:
    there = [one for one in done.unproven if one.status]
    for one in there[:SHOWN]:
        click.echo(f"still there: {one.where} ({one.encoding}): {one.status}", err=True)
    if len(there) > SHOWN:
        click.echo(f"… and {len(there) - SHOWN} more: --json lists all.", err=True)
    if silent := len(done.unproven) - len(there):
        say(f"Not proven: {silent} questions to {base_url} had no answer. See that it can be reached from here, then run this again.",
            err=True)
    if done.owed:
        say(f"Not proven: {done.owed} purges of it are not acknowledged by the CDN. They stay owed, and the worker sends them until they "
            "are: run this again when `status` shows none.", err=True)


class _At(NamedTuple):
    """What a release is made with."""

    dsn: str
    connection: connection
    publisher: Publisher
    store: Store
    purgers: list[Purger]
    settings: Settings

    def settle(self) -> None:
        """Send the purges that are due now; what is not acknowledged in time stays owed."""
        from builder import publishing, purge

        if self.purgers:
            purge.settle(self.dsn, self.purgers, wait_s=publishing.PURGE_WAIT_S)


@contextmanager
def _publishing(wait_s: float) -> Iterator[_At]:
    """With the lease, and with no takedown left undone."""
    from builder import lease, takedown

    with _opened() as at, lease.held(at.connection, wait_s):
        for thing in takedown.finish(at.connection, at.publisher, at.store, at.purgers, at.settle):
            click.echo(f"{thing} is taken down, as somebody began to.", err=True)
        yield at


@contextmanager
def _opened() -> Iterator[_At]:
    from contextlib import closing

    import psycopg2

    from builder import publishing
    from builder.processes import processes
    from edge.cdn import open_purgers

    settings = opening.settings()
    with opening.database_and_store(settings) as (dsn, store), closing(psycopg2.connect(dsn, connect_timeout=10)) as connection:
        purgers = open_purgers(settings)
        publisher = publishing.Publisher(dsn, connection, store, opening.site(settings), settings.profile, processes, purgers)
        yield _At(dsn, connection, publisher, store, purgers, settings)


def _say(done: Summary, as_json: bool) -> None:
    tell_left(done)
    if as_json:
        show({"release": done.release, "uploaded": done.uploaded})
    else:
        click.echo(f"release {done.release}: {done.uploaded} objects" if done.release else "nothing changed")
    if done.set_aside or done.held_back:
        click.get_current_context().exit(FINDINGS)
