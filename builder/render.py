"""Pages to objects: templates, digests, compression. A task is a pure function, so any Executor may run it."""
from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import Any, NamedTuple

import psycopg2
from markupsafe import Markup
from xxhash import xxh3_128_digest

from builder import templating
from builder.assets import Asset, Assets
from builder.catalog import keys
from builder.catalog.reads import Catalog
from builder.fingerprint import fingerprints
from builder.packing import ASSET_UNIT, RETIRED_KINDS, Packing
from builder.pages import KINDS, PARTS, Part, retired
from builder.pages.page import ASSETS, HTML, Head, Kind, Page, Site, at
from builder.progress import Progress
from builder.task import Batch, Job, Task
from edge.address import Path, key_of, own_tag
from edge.errors import LecternError
from edge.store.port import Object
from edge.tiers import cache_control

CARDS_KEPT = 50_000
IN_FLIGHT = 3  # tasks a process: one at work, one waiting, one being handed over
STAND_IN = object()  # the content of a page that cannot be made
ASSET = Kind("asset", "asset", "", ASSETS)
_STATUS = {"redirect": 301, "gone": 410, "change_password": 302}


def digest_of(body: bytes, content_type: str, control: str, tags: str, status: int, location: str) -> str:
    """The digest of an object, in hex: over its uncompressed body, its headers and its tags."""
    return str(xxh3_128_digest(b"%b\0%b\n%b\n%d\n%b\n%b" % (
        body, content_type.encode(), control.encode(), status, location.encode(), tags.encode())).hex())


def tags_of(page: Page) -> str:
    """What edges know a page's object by: its own tag, then its groups, the narrowest first."""
    kind = page.kind.name.replace("_", "-")
    return f"{own_tag(page.path)} {page.groups} kind:{kind} all" if page.groups else f"{own_tag(page.path)} kind:{kind} all"


class Renderer:
    """Renders pages of one site to objects; holds the templates, compiled, from one release to the next."""

    def __init__(self, site: Site, profile: str) -> None:
        self.assets = Assets(site.hue, site.language, site.logo)
        self._environment = templating.environment(self.assets, site)
        self._headers = {k.name: (k.content_type, cache_control(k.tier, profile)) for k in KINDS.values()}
        self._asset_control = cache_control("asset", profile)
        self._templates = {k.name: self._environment.get_template(k.template) for k in KINDS.values() if k.template}
        self._now: list[dict[int, Markup]] = []
        macros: Any = self._environment.get_template("card.html").module
        self._environment.globals["card"] = self._keeper(macros.card)
        entries: Any = self._environment.get_template("entry.xml").module
        self._environment.globals["entry"] = self._keeper(entries.entry)

    def forget(self) -> None:
        """Another snapshot may show other cards: which one an id has is looked at again."""
        for now in self._now:
            now.clear()

    def _keeper(self, macro: Any) -> Any:
        """*macro*, which keeps what it made: by id within a snapshot, and by the whole value over all of them."""
        now: dict[int, Markup] = {}
        ever: dict[Any, Markup] = {}
        self._now.append(now)

        def keep(thing: Any) -> Markup:
            try:
                return now[thing.id]
            except KeyError:
                if len(ever) > CARDS_KEPT:
                    ever.clear()
                    now.clear()
                if (made := ever.get(thing)) is None:
                    made = ever[thing] = Markup(macro(thing))
                now[thing.id] = made
                return made

        return keep

    def text(self, page: Page) -> str:
        """The page's text, uncompressed."""
        template = self._templates.get(page.kind.name)
        if template is None:
            return str(page.content)
        return template.render(page=page.content, head=page.head, path=page.path)

    def object(self, page: Page, text: str, write_number: int) -> Object:
        """The object of a page's text, with its headers, tags and digest; not compressed yet."""
        content_type, control = self._headers[page.kind.name]
        location = getattr(page.content, "location", "")
        status = _STATUS.get(page.kind.name, 200)
        body = text.encode("utf-8", "replace")
        return self._make(key_of(page.path), body, content_type, control, tags_of(page), status, location, True, write_number)

    def headers_of(self, kind: str) -> tuple[str, str, int] | None:
        """Content type, Cache-Control and status of all pages of a kind; None where this version makes no such pages."""
        found = self._headers.get(kind)
        return (*found, _STATUS.get(kind, 200)) if found else None

    def asset(self, asset: Asset, write_number: int) -> Object:
        """The object of an asset."""
        tags = f"{own_tag(asset.path)} kind:asset all"  # type: ignore[arg-type]
        return self._make(key_of(asset.path), asset.body, asset.content_type, self._asset_control, tags, 200, "", asset.is_text,  # type: ignore[arg-type]
                          write_number)

    def _make(self, key: str, body: bytes, content_type: str, control: str, tags: str, status: int, location: str, is_text: bool,
              write_number: int) -> Object:
        digest = digest_of(body, content_type, control, tags, status, location)
        return Object(key, body, content_type, control, tags, digest, write_number, is_text, status, location)


def stand_in(page: Page, site: Site) -> str:
    """A plain page for one that could not be rendered and has no older one: its title and a way back."""
    title = page.head.title if page.head else site.name
    return (
        Markup('<!doctype html>\n<html lang="{2}" dir="{3}"><head><meta charset="utf-8"><title>{0} · {1}</title>'
               '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
               '</head><body><main><h1 dir="auto">{0}</h1><p>{4} '
               '<a href="/">{5}</a></p></main></body></html>\n').format(
            title, site.name, site.language, site.words.dir, site.words.gettext("This page is being mended."),
            site.words.gettext("Back to %(name)s", name=site.name))
    )


def over(executor: Executor, job: Job, tasks: Sequence[Task], progress: Progress) -> Iterator[Batch]:
    """Render tasks by many processes: what they made, as it comes; a bounded number is under way."""
    waiting: set[Future[Batch]] = set()
    room = IN_FLIGHT * int(getattr(executor, "width", os.cpu_count() or 1))
    todo = iter(tasks)
    done = 0
    while True:
        while len(waiting) < room and (task := next(todo, None)) is not None:
            waiting.add(executor.submit(run, job, task))
        if not waiting:
            return
        finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for future in finished:
            done += 1
            progress("render", done, len(tasks))
            yield future.result()


def here(job: Job, catalog: Catalog, renderer: Renderer, lots: Iterable[Sequence[Task]]) -> Iterator[Batch]:
    """Render lots of tasks in this process, from the release's own transaction."""
    return (render(job, catalog, renderer, lot) for lot in lots)


class _Worker(NamedTuple):
    job: Job
    connection: Any
    catalog: Catalog
    renderer: Renderer


class OtherVersionError(LecternError):
    """This process has other code, templates or libraries than the builder that planned the release."""


_here = threading.local()  # a cluster's worker may run tasks in several threads


def run(job: Job, task: Task) -> Batch:
    """Render a task in the job's snapshot. The thread keeps connection and templates for the job's next task.

    Raises OtherVersionError where this process has other code, templates or libraries than the one that planned.
    """
    worker: _Worker | None = getattr(_here, "worker", None)
    if worker is None or worker.job != job:
        close()
        if fingerprints(job.site, job.profile) != job.fingerprints:
            raise OtherVersionError(f"A render process on {socket.gethostname()} has another version of Lectern or of its libraries than "
                                    "the builder: give both the same, then build again.")
        connection = psycopg2.connect(job.dsn, connect_timeout=10)
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        if job.snapshot:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION SNAPSHOT %s", (job.snapshot,))
        worker = _here.worker = _Worker(job, connection, Catalog(connection), Renderer(job.site, job.profile))
    return render(worker.job, worker.catalog, worker.renderer, [task])


def close() -> None:
    """Let go of the last job's connection and templates."""
    worker: _Worker | None = getattr(_here, "worker", None)
    if worker is not None:
        worker.connection.close()
        _here.worker = None


def render(job: Job, catalog: Catalog, renderer: Renderer, tasks: Sequence[Task]) -> Batch:
    """Render tasks from *catalog*; what cannot be rendered is set aside, page by page."""
    packing = Packing(job)
    assets = [(Page(Path(a.path), ASSET, [], "", None), renderer.asset(a, job.write_number))
              for task in tasks if task.part == "assets" for a in renderer.assets.all()]
    made = [(page, PARTS[task.part].pack(page.unit), task.dirty)
            for task in tasks if task.part != "assets" for page in _pages(job, catalog, task, packing)]
    packing.look_up(catalog, [*(page.path for page, _ in assets), *(page.path for page, _, _ in made)], packing.failed_units)
    for page, thing in assets:
        packing.add(page, thing, ASSET_UNIT)
    for page, unit, dirty in made:
        if page.content is STAND_IN:
            packing.add(page, renderer.object(page, stand_in(page, job.site), job.write_number), unit)
            continue
        row = packing.known.get(page.path)
        if dirty is not None and row and row.tells(page, unit, job.fingerprints[page.kind.name], dirty):
            packing.paths.append(page.path)
            continue
        if not job.retire and row and page.kind is retired.REDIRECT and row.kind not in RETIRED_KINDS:
            packing.owed.add(unit)
            packing.paths.append(page.path)
            continue
        try:
            packing.add(page, renderer.object(page, renderer.text(page), job.write_number), unit)
        except Exception as error:  # a template's fault is this page's alone, whatever it is
            packing.set_aside(page, unit, error)
            if not (row and row.certain and row.kind not in RETIRED_KINDS) and page.kind.content_type == HTML:
                packing.add(page, renderer.object(page, stand_in(page, job.site), job.write_number), unit)
    texts, catalog.made_texts = catalog.made_texts, {}
    return packing.batch(texts)


def gone(job: Job, catalog: Catalog, renderer: Renderer, paths: Sequence[str]) -> Iterator[Batch]:
    """The "gone" objects of *paths*, made in this process, since its transaction alone knows that they left."""
    for start in range(0, len(paths), retired.CHUNK):
        piece = paths[start : start + retired.CHUNK]
        packing = Packing(job)
        packing.look_up(catalog, piece, [])
        for page in retired.gone(job.site, piece):
            packing.add(page, renderer.object(page, renderer.text(page), job.write_number), 0)
        yield packing.batch({})


def _pages(job: Job, catalog: Catalog, task: Task, packing: Packing) -> Iterator[Page]:
    """The task's pages. Where making them fails midway, each unit is tried by itself."""
    part = PARTS[task.part]
    try:
        yield from list(part.pages(catalog, job.site, task.units))
    except psycopg2.Error:
        raise
    except Exception:
        for unit in task.units:
            try:
                pages = list(part.pages(catalog, job.site, [unit]))
            except psycopg2.Error:
                raise
            except Exception as error:
                id = part.thing(unit) if part.folder else None
                if id is not None and not catalog.shown({part.name: [id]}):
                    continue  # whatever is wrong with it, it has no page any more
                packing.unit_failed(part, unit, error)
                if id is not None:
                    yield from _stand_ins(job, catalog, part, unit, id)
            else:
                yield from pages


def _stand_ins(job: Job, catalog: Catalog, part: Part, unit: int, id: int) -> Iterator[Page]:
    """The page that links lead to, of a unit that cannot be made and has nothing live: a stand-in."""
    if not (job.compare and catalog.rows("paths_of", unit=part.pack(unit))):
        ((slug, title),) = catalog.rows("name_of", kind=part.name, id=id)
        yield Page(at(part.folder, slug), part.kinds[0], [keys.card(part.name, id)], "", STAND_IN, Head(title, ""), unit)
