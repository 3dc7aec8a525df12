"""The commands that ask: diff, impact, why, verify. What they do is imported when they run."""
from __future__ import annotations

from typing import TYPE_CHECKING

import click

from builder import opening
from edge.command_line import FINDINGS, json_option, say, show

if TYPE_CHECKING:
    from builder.verify.run import Findings

SHOWN = 50  # changes or keys on a terminal


@click.command()
@click.argument("key", required=False)
@click.option("--pages", type=click.IntRange(min=1), default=50, show_default=True, help="Pages to show; the others are counted.")
@click.option("--lines", type=click.IntRange(min=1), default=60, show_default=True, help="Lines to show of each page.")
@json_option
def diff(key: str | None, pages: int, lines: int, as_json: bool) -> None:
    """What would change on the live site now, as text, before it is released.

    With KEY (video:831, site), only the pages that it reaches are rendered and compared, as if it had changed. Nothing is
    consumed or stored. Exit code 0 whether or not there is a difference.

    \b
    Example: python build.py diff video:831
    """
    from builder.explain import diff as differences
    from builder.explain import key as naming

    changed = naming.of_things([key], whole=True) if key else None
    settings = opening.settings()
    with opening.database_and_store(settings) as (dsn, store):
        found = differences.diff(dsn, store, opening.site(settings), settings.profile, changed, pages=pages, lines=lines)
    for failure in found.set_aside:
        click.echo(f"would be set aside: {failure.path or failure.kind}: {failure.why}", err=True)
    if found.held_back:
        click.echo(f"would be held back: {len(found.held_back)} pages would leave, {found.held_back[0]} the first, though no "
                   "edit speaks of them", err=True)
    if as_json:
        show({"pages": [page._asdict() for page in found.pages], "more": found.more})
        return
    from builder.explain.words import harmless

    for page in found.pages:
        click.echo(f"{page.what}: {page.path} ({page.kind})\n{harmless(page.diff)}\n")
    if found.more:
        click.echo(f"… and {', '.join(f'{n} {what}' for what, n in sorted(found.more.items()))} more: --pages shows them.")
    if not found.pages:
        click.echo("Nothing would change.")


@click.command()
@click.argument("key", nargs=-1, required=True)
@json_option
def impact(key: tuple[str, ...], as_json: bool) -> None:
    """How far an edit of KEY would reach: pages by kind, purges and what they cost, estimated seconds.

    video:831 is the thing: what its own pages and what other pages show of it. video:831/card is the latter alone.

    \b
    Example: python build.py impact video:831 batch:12
    """
    from builder.explain import key as naming
    from builder.explain.impact import impact as reach
    from edge.cdn import open_purgers

    changed = naming.of_things(key)
    settings = opening.settings()
    with opening.database(settings, ready=True) as dsn:
        found = reach(dsn, opening.site(settings), open_purgers(settings), changed)
    if as_json:
        show(found._asdict() | {"purges": {cdn: cost._asdict() for cdn, cost in found.purges.items()}})
        return
    if not found.objects:
        click.echo(f"No page shows {' or '.join(key)}.")
        return
    click.echo(f"{found.objects} pages ({', '.join(f'{n} {kind}' for kind, n in found.pages.items())})")
    for cdn, cost in found.purges.items():
        click.echo(f"{cdn}: {cost.names} names to purge" + (f", {cost.usd:.2f} USD at most" if cost.usd else ""))
    click.echo(f"about {found.seconds:.2f} s")


@click.command()
@click.argument("url")
@json_option
def why(url: str, as_json: bool) -> None:
    """Why the page at URL is as it is: what it depends on, which release wrote it, and which edits that release took for it.

    URL may be a path. Exit code 2, with the nearest paths, where nothing was ever there.

    \b
    Example: python build.py why /videos/some-talk/
    """
    from builder.explain.why import why as asked
    from builder.explain.words import harmless

    settings = opening.settings()
    with opening.database_and_store(settings) as (dsn, store):
        found = asked(dsn, store, url)
    if as_json:
        names = ("path", "kind", "keys", "release", "headers")
        show({name: getattr(found, name) for name in names} | {"changes": [change._asdict() for change in found.changes]})
        return
    at = f" of {found.live_at:%Y-%m-%d %H:%M:%S %Z}" if found.live_at else ", which is not live yet"
    click.echo(f"{found.path} ({found.kind}), written by release {found.release}{at}")
    for change in found.changes[:SHOWN]:
        click.echo(f"  {change.at:%Y-%m-%d %H:%M:%S %Z}  {change.key}  by {harmless(change.actor)}")
    if len(found.changes) > SHOWN:
        click.echo(f"  … and {len(found.changes) - SHOWN} more: --json lists all.")
    if not found.changes:
        click.echo("  " + _no_change(found.cause if found.cause != "build" else found.after or "build", found.rendered))
    rest = f" and {len(found.keys) - SHOWN} more: --json lists all" if len(found.keys) > SHOWN else ""
    click.echo(f"depends on {', '.join(found.keys[:SHOWN])}{rest}")
    for name, value in found.headers.items():
        click.echo(f"{name}: {harmless(value)}")
    if not found.headers:
        say("It is not in the store: `python build.py verify` says what else is not.", err=True)


@click.command()
@click.option("--heal", "mend", is_flag=True, help="Mend it, in one release.")
@click.option("--deep", is_flag=True, help="Read every object back, not only some thousands of those that look well.")
@click.option("--wait", "wait_s", type=click.FloatRange(min=0), default=0, show_default=True,
              help="Seconds that --heal waits for another build.")
@json_option
def verify(mend: bool, deep: bool, wait_s: float, as_json: bool) -> None:
    """Compare the live site with the manifest: objects that are missing, altered, have other headers or do not belong there, and
    pages that edges show and are old. What is wrong still stands in `status` until the next verify.

    Exit code 1 when something is found; with --heal, when something could not be mended.

    \b
    Example: python build.py verify --heal
    """
    from edge.cdn import open_purgers

    settings = opening.settings()
    site, purgers = opening.site(settings), open_purgers(settings)
    with opening.database_and_store(settings) as (dsn, store):
        if mend:
            from builder.processes import processes
            from builder.verify.heal import heal

            with processes() as executor:
                found = heal(dsn, store, site, settings.profile, executor, purgers, deep=deep, wait_s=wait_s)
        else:
            from builder.verify.run import verify as look

            found = look(dsn, store, site, settings.profile, purgers, deep=deep)
    _tell_findings(found, settings.base_url, mend)
    if as_json:
        names = ("missing", "altered", "headers", "foreign", "stale", "healed", "left", "cdns")
        show({name: getattr(found, name) for name in names})
    else:
        click.echo(f"{found.stored} objects in the store, {found.live} in the manifest, {found.asked} pages asked at the edge: "
                   + (", ".join(f"{len(getattr(found, n))} {n}" for n in _FOUND if getattr(found, n)) or "nothing is wrong")
                   + (f"; {found.healed} healed, {len(found.left)} left" if mend else ""))
    if any(found.wrong(mended=mend)):
        click.get_current_context().exit(FINDINGS)


_FOUND = ("missing", "altered", "headers", "foreign", "stale")


def _tell_findings(found: Findings, base_url: str, mend: bool) -> None:
    from builder.explain.words import harmless

    if found.ahead:
        say(f"The store holds writes up to number {found.ahead}, which this database has not given yet: it is from a backup. "
            + ("Numbers go on above that, and all pages were made anew." if mend
               else "`python build.py verify --heal` brings the site back."), err=True)
    ours = {stray.path or stray.key for stray in found.ours}
    for name in _FOUND:
        paths = getattr(found, name)
        for path in paths[:SHOWN]:
            whose = "" if name != "foreign" else " (ours once; --heal deletes it)" if path in ours and not mend else (
                "" if path in ours else " (not ours; left where it is)")
            click.echo(f"{name}: {harmless(path)}{whose}", err=True)
        if len(paths) > SHOWN:
            click.echo(f"… and {len(paths) - SHOWN} more {name}: --json lists all.", err=True)
    for path in found.left[:SHOWN]:
        click.echo(f"not mended: {harmless(path)}", err=True)
    for sentence in found.cdns:
        click.echo(sentence, err=True)
    if found.live and not found.asked:
        click.echo(f"{base_url} does not answer, so no edge was looked at.", err=True)


def _no_change(cause: str, rendered: int) -> str:
    return {
        "rollback": "A rollback put it back, or made it anew after one.", "takedown": "A takedown wrote it.",
        "heal": "`verify --heal` wrote it again.",
    }.get(cause, "No edit that is still known asked for it: the release was a first build, or made pages anew "
                 f"({rendered} of them) after another code, template or setting, or its edits are older than 30 days.")
