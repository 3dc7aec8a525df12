"""The hourly refresh: due addresses -> providers -> what they say -> the catalog's rows -> copies and cards."""
from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial

import psycopg2
from psycopg2.extensions import connection as Connection

from builder.catalog.providers import Answer, Ask, Endpoints, Provider, YouTube, providers
from builder.catalog.providers.pace import HostDown, Job, Pace, work
from builder.catalog.providers.web import Unreachable, Web
from builder.catalog.providers.youtube import BATCH
from builder.catalog.refresh import rows
from builder.catalog.refresh.pictures import Shelf, copy_pictures, sweep_pictures
from builder.catalog.refresh.report import Problem, Report
from builder.catalog.refresh.rows import Due
from builder.catalog.refresh.social import draw_cards
from edge.store.port import Store

MOST_OTHERS = 50_000  # addresses outside YouTube that one run looks at; time ends long before
ASKING_SHARE = 0.5  # of the time, at most
COPYING_SHARE = 0.9  # asked and copied by then; cards have the rest, and whatever was left over


@dataclass(frozen=True, slots=True)
class Options:
    """How one run is made; keys and tokens are in no line that it prints."""

    budget_s: float = 600
    youtube_key: str | None = field(default=None, repr=False)
    youtube_quota: int = 10_000  # units a day
    vimeo_token: str | None = field(default=None, repr=False)
    copy_pictures: bool = True
    profile: str = "100k"
    site_name: str = "Lectern"
    accent_hue: int = 255  # degrees
    pace: Pace = field(default_factory=Pace)
    endpoints: Endpoints = field(default_factory=Endpoints)


def refresh(dsn: str, store: Store, web: Web, options: Options) -> Report:
    """Ask about as many of the longest-unseen videos as time and quota allow, and bring their rows up to date.

    A second refresh at the same time does nothing and says so. What gives no clear answer changes no row of the catalog.
    Raises StoreError where the store does not take a picture.
    """
    report = Report()
    began = time.monotonic()
    with closing(psycopg2.connect(dsn, connect_timeout=10)) as connection:
        connection.autocommit = True
        rows.query(connection, "SET lectern.actor = 'refresh'")  # whom the feed names for what is written here
        with rows.only_one(connection) as mine:
            report.overlaps = not mine
            if mine:
                report.changed = len(_all(connection, Shelf(store, options.profile), web, options, report, began))
        report.dead = [Problem(line.url or line.slug, f"gone since {line.since:%Y-%m-%d}") for line in rows.dead(connection)]
        report.behind = rows.behind(connection)
    return report


def _all(connection: Connection, shelf: Shelf, web: Web, options: Options, report: Report, began: float) -> set[int]:
    """The run itself; returns the videos of which a provider told something new."""
    _ask_providers(connection, web, options, report, began + options.budget_s * ASKING_SHARE)
    changed = rows.settle(connection)
    if options.copy_pictures:
        changed |= copy_pictures(connection, shelf, web, options.pace, began + options.budget_s * COPYING_SHARE, report)
    draw_cards(connection, shelf, options.site_name, options.accent_hue, began + options.budget_s, report)
    rows.sweep(connection)
    sweep_pictures(connection, shelf.store)
    return changed


def _ask_providers(connection: Connection, web: Web, options: Options, report: Report, deadline: float) -> None:
    units = rows.share_of_quota(connection, options.youtube_quota)
    whom = providers(options.endpoints, youtube_key=options.youtube_key, youtube_units=units, vimeo_token=options.vimeo_token)
    most = units * BATCH if options.youtube_key else MOST_OTHERS
    due = rows.due(connection, youtube=True, most=most) + rows.due(connection, youtube=False, most=MOST_OTHERS)
    asked: set[int] = set()
    well: set[str] = set()
    spent = 0
    for done in work(_jobs(web, whom, due, rows.hosts_at_rest(connection)), options.pace, deadline, _why_failed):
        host = done.job.host
        asked.update(done.job.videos)
        if isinstance(done.error, HostDown):
            rows.host_down(connection, host, str(done.error), done.error.retry_after_s)
            report.fail(host, str(done.error))
        else:
            answers = done.result or []
            rows.note(connection, answers)
            for answer in answers:
                if answer.outcome == "failed":
                    report.fail(answer.url, answer.why)
            if answers and host not in well and not _why_failed(answers):
                well.add(host)
                rows.hosts_up(connection, [host])
        if isinstance(youtube := whom["youtube"], YouTube) and youtube.spent > spent:
            rows.spend(connection, youtube.spent - spent)
            spent = youtube.spent
    report.asked = len(asked)


def _jobs(web: Web, whom: Mapping[str, Provider], due: Iterable[Due], at_rest: set[str]) -> Iterator[Job[list[Answer]]]:
    """Requests, the longest unseen first, a provider's batch each; none to a host that rests."""
    by_kind: dict[str, list[Due]] = {}
    for one in due:
        if whom[one.kind].host(one.ask.url) not in at_rest:
            by_kind.setdefault(one.kind, []).append(one)
    for kind, asks in by_kind.items():
        for batch in _batches(asks, whom[kind].batch):
            yield _job(web, whom[kind], batch)


def _batches(due: Sequence[Due], size: int) -> list[list[Due]]:
    """Batches of at most *size*. Those that were asked for together stay together, for the ETag is of their common answer."""
    if size == 1:
        return [[one] for one in due]
    place = {one.ask.url: number for number, one in enumerate(due)}
    together: dict[str, list[Due]] = {}
    for one in due:
        together.setdefault(one.ask.asked_with, []).append(one)
    kept = [group for name, group in together.items() if name and size <= 2 * len(group) <= 2 * size]
    taken = {one.ask.url for group in kept for one in group}
    rest = [one for one in due if one.ask.url not in taken]
    return sorted(kept + [rest[n:n + size] for n in range(0, len(rest), size)], key=lambda batch: place[batch[0].ask.url])


def _job(web: Web, provider: Provider, batch: list[Due]) -> Job[list[Answer]]:
    asks = [one.ask for one in batch]
    videos = tuple(video for one in batch for video in one.videos)
    return Job(provider.host(asks[0].url), partial(_answers, provider, web, asks), videos)


def _answers(provider: Provider, web: Web, asks: Sequence[Ask]) -> list[Answer]:
    """The answers, where an address that cannot be reached is one that failed."""
    try:
        return provider.ask(web, asks)
    except Unreachable as error:
        return [Answer(ask.url, "failed", str(error)) for ask in asks]


def _why_failed(answers: list[Answer]) -> str:
    """Why none of them is a clear answer; "" where one is."""
    return answers[-1].why if answers and all(answer.outcome == "failed" for answer in answers) else ""
