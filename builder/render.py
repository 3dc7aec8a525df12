"""Pages to objects: templates, digests, compression. A task is a pure function, so any Executor may run it."""
from __future__ import annotations

import pickle
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import psycopg2
from isal import isal_zlib
from markupsafe import Markup
from xxhash import xxh3_128_digest

from builder import templating
from builder.assets import Asset, Assets
from builder.catalog.reads import Catalog
from builder.catalog.text import CleanText
from builder.pages import KINDS, PARTS, Part, retired
from builder.pages.page import ASSETS, HTML, LEAVES, MAPS, NEW, Head, Kind, Page, Site, at
from builder.task import Batch, Failure, Job, Task
from edge.address import Path, key_of, own_tag
from edge.store.port import Object
from edge.tiers import cache_control

GZIP_LEVEL = 2  # isal's; as small as zlib's 6 at three times its rate
ASSET = Kind("asset", "asset", "", ASSETS)
_GZIP = 31  # zlib's window bits for a gzip header


class Renderer:
    """Renders pages of one site to objects; holds the templates, compiled."""

    def __init__(self, site: Site, profile: str, write_number: int) -> None:
        self.assets = Assets(site.hue)
        self._environment = templating.environment(self.assets, site)
        self._site = site
        self._write_number = write_number
        self._headers = {k.name: (k.content_type, cache_control(k.tier, profile)) for k in KINDS.values()}
        self._asset_control = cache_control("asset", profile)
        self._templates = {k.name: self._environment.get_template(k.template) for k in KINDS.values() if k.template}
        self._kept: dict[int, str] = {}
        macros: Any = self._environment.get_template("card.html").module
        self._environment.globals["card"] = self._keeper(macros.card)
        entries: Any = self._environment.get_template("entry.xml").module
        self._environment.globals["entry"] = self._keeper(entries.entry)

    def forget(self) -> None:
        """Drop the cards kept: another snapshot may show others."""
        for keep in self._keepers:
            keep.clear()

    def _keeper(self, macro: Any) -> Any:
        kept: dict[int, Markup] = {}
        self._keepers = [*getattr(self, "_keepers", []), kept]

        def keep(thing: Any) -> Markup:
            try:
                return kept[thing.id]
            except KeyError:
                if len(kept) > 50_000:
                    kept.clear()
                return kept.setdefault(thing.id, Markup(macro(thing)))

        return keep

    def text(self, page: Page) -> str:
        """The page's text, uncompressed."""
        template = self._templates.get(page.kind.name)
        if template is None:
            return str(page.content)
        return template.render(page=page.content, head=page.head, path=page.path)

    def object(self, page: Page, text: str) -> Object:
        """The object of a page's text, with its headers, tags and digest; not compressed yet."""
        content_type, control = self._headers[page.kind.name]
        location = getattr(page.content, "location", "")
        status = {"redirect": 301, "gone": 410}.get(page.kind.name, 200)
        tags = f"{own_tag(page.path)} {page.groups} kind:{page.kind.name.replace('_', '-')} all" if page.groups else (
            f"{own_tag(page.path)} kind:{page.kind.name.replace('_', '-')} all")
        return self._make(key_of(page.path), text.encode("utf-8", "replace"), content_type, control, tags, status, location, True)

    def asset(self, asset: Asset) -> Object:
        """The object of an asset."""
        tags = f"{own_tag(asset.path)} kind:asset all"  # type: ignore[arg-type]
        return self._make(key_of(asset.path), asset.body, asset.content_type, self._asset_control, tags, 200, "", asset.is_text)  # type: ignore[arg-type]

    def _make(self, key: str, body: bytes, content_type: str, control: str, tags: str, status: int, location: str, is_text: bool) -> Object:
        digest = xxh3_128_digest(b"%b\0%b\n%b\n%d\n%b\n%b" % (
            body, content_type.encode(), control.encode(), status, location.encode(), tags.encode())).hex()
        return Object(key, body, content_type, control, tags, digest, self._write_number, is_text, status, location)


def compressed(thing: Object) -> Object:
    """The object as it is stored. The smallest text too is gzip: the write number in its header is what keeps a
    bucket's ETag from coming back.
    """
    if not thing.gzipped:
        return thing
    return Object(thing.key, stamp(isal_zlib.compress(thing.body, GZIP_LEVEL, _GZIP), thing.write_number), *thing[2:])


def stamp(gzipped: bytes, write_number: int) -> bytes:
    """A gzip body with *write_number* in its MTIME field (RFC 1952), where no reader minds and an ETag changes."""
    return gzipped[:4] + struct.pack("<I", write_number) + gzipped[8:]


def stand_in(page: Page, site: Site) -> str:
    """A plain page for one that could not be rendered and has no older one: its title and a way back."""
    title = page.head.title if page.head else site.name
    return (
        Markup('<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{0} · {1}</title>'
               '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
               '</head><body><main><h1 dir="auto">{0}</h1><p>This page is being mended. '
               '<a href="/">Back to {1}</a></p></main></body></html>\n').format(title, site.name)
    )


class _Worker(NamedTuple):
    job: Job
    connection: Any
    catalog: Catalog
    renderer: Renderer


_worker: _Worker | None = None


def run(job: Job, task: Task) -> Batch:
    """Render a task in the job's snapshot. The process keeps connection and templates for the job's next task."""
    global _worker
    if _worker is None or _worker.job != job:
        close()
        connection = psycopg2.connect(job.dsn, connect_timeout=10)
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        if job.snapshot:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION SNAPSHOT %s", (job.snapshot,))
        _worker = _Worker(job, connection, Catalog(connection), Renderer(job.site, job.profile, job.write_number))
    return render(_worker.job, _worker.catalog, _worker.renderer, task)


def close() -> None:
    """Let go of the last job's connection and templates."""
    global _worker
    if _worker is not None:
        _worker.connection.close()
        _worker = None


def gone(job: Job, catalog: Catalog, paths: Sequence[str]) -> Iterator[Batch]:
    """The "gone" objects of *paths*, made in this process, since its transaction alone knows that they left."""
    renderer = Renderer(job.site, job.profile, job.write_number)
    for start in range(0, len(paths), retired.CHUNK):
        piece = paths[start : start + retired.CHUNK]
        made = [(page, renderer.object(page, renderer.text(page))) for page in retired.gone(piece)]
        yield _packed(job, made, dict(catalog.rows("known", paths=piece)) if job.trust else {}, [], [], {})


def _assets(job: Job, catalog: Catalog, renderer: Renderer) -> Batch:
    made = [(Page(Path(a.path), ASSET, [], "", None), renderer.asset(a)) for a in renderer.assets.all()]
    return _packed(job, made, _known(job, catalog, [page.path for page, _ in made]), [], [], {})


def render(job: Job, catalog: Catalog, renderer: Renderer, task: Task) -> Batch:
    """Render a task from *catalog*; what cannot be rendered is set aside, page by page."""
    if task.part == "assets":
        return _assets(job, catalog, renderer)
    made: list[tuple[Page, Object]] = []
    aside = _Aside([], [], [])
    for page in _pages(job, catalog, task, aside):
        try:
            made.append((page, renderer.object(page, renderer.text(page))))
        except Exception as error:  # a template's fault is this page's alone, whatever it is
            aside.failures.append(Failure(page.path, page.kind.name, f"{type(error).__name__}: {error}"))
            aside.pages.append(page)
            aside.kept.append(page.path)
    if aside.pages:
        asked = job.compare and job.trust
        standing = {row[0] for row in catalog.rows("standing", paths=[page.path for page in aside.pages])} if asked else set()
        made += [(page, renderer.object(page, stand_in(page, job.site))) for page in aside.pages
                 if page.path not in standing and page.kind.content_type == HTML]
    known = _known(job, catalog, [page.path for page, _ in made])
    texts, catalog.made_texts = catalog.made_texts, {}
    return _packed(job, made, known, aside.kept, aside.failures, texts)


def _known(job: Job, catalog: Catalog, paths: Sequence[str]) -> dict[str, str | None]:
    """Path and digest (hex) of those of *paths* that the manifest has; None where a dead release left it uncertain."""
    return dict(catalog.rows("known", paths=paths)) if job.compare and job.trust else {}


class _Aside(NamedTuple):
    """What could not be made: what to say of it, what stands in for it, and which live paths stay as they are."""

    failures: list[Failure]
    pages: list[Page]
    kept: list[str]


def _pages(job: Job, catalog: Catalog, task: Task, aside: _Aside) -> Iterator[Page]:
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
                aside.failures.append(Failure("", f"{task.part}:{unit}", f"{type(error).__name__}: {error}"))
                _keep(job, catalog, part, unit, aside)
            else:
                yield from pages


def _keep(job: Job, catalog: Catalog, part: Part, unit: int, aside: _Aside) -> None:
    """What a unit that cannot be made has live stays live; where it has nothing, its own page may need a stand-in."""
    key = part.key(unit) if part.key else None
    if job.compare:
        aside.kept.extend(row[0] for row in catalog.rows("paths_of", kinds=[kind.name for kind in part.kinds], key=key))
    if not part.folder:
        return
    shown = catalog.rows("videos_between", low=unit, high=unit) if part.name == "video" else (
        unit in catalog.ids(f"shown_{part.folder}"))
    if shown:
        ((slug, title),) = catalog.rows("name_of", kind=part.name, id=unit)
        aside.pages.append(Page(at(part.folder, slug), part.kinds[0], [part.key(unit)] if part.key else [], "", None, Head(title, "")))


def _packed(job: Job, made: list[tuple[Page, Object]], known: dict[str, str | None], aside: list[str], failures: list[Failure],
            texts: dict[bytes, CleanText]) -> Batch:
    groups: dict[int, list[Object]] = {}
    rows: list[str] = []
    kinds: dict[str, int] = {}
    size = 0
    for page, plain in made:
        kinds[page.kind.name] = kinds.get(page.kind.name, 0) + 1
        if known.get(page.path) == plain.digest:
            continue
        thing = compressed(plain)
        size += len(thing.body)
        groups.setdefault(_order(page, known), []).append(thing)
        rows.append(manifest_row(job, page.path, page.kind.name, thing, page.keys))
    return Batch({order: pickle.dumps(objects, 5) for order, objects in groups.items()}, "".join(rows).encode(),
                 [*(page.path for page, _ in made), *aside], kinds, len(rows), size, failures, texts)


def _order(page: Page, known: dict[str, str | None]) -> int:
    """When a page goes up: new paths before all that may link to them, the home page never among these."""
    new = page.path not in known and LEAVES <= page.kind.order <= MAPS
    return NEW if new and page.kind.name != "home" else page.kind.order


def manifest_row(job: Job, path: str, kind: str, made: Object, keys: Iterable[int]) -> str:
    """A row of live.object in COPY's text format; nothing in it can hold a tab, a newline or a backslash."""
    return (f"{path}\t{kind}\t\\\\x{made.digest}\t\\\\x{job.fingerprint.hex()}\t{made.tags}\t"
            f"{{{','.join(map(str, keys))}}}\t{len(made.body)}\t{job.write_number}\n")
