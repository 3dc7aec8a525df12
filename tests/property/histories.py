"""Histories of random edits on a real catalog, and the question after each release: is this what a full build makes?

An edit is a name and three small numbers, resolved against the rows that there are when it is made; so any part of a
history is a history, and a failing one shrinks by leaving edits out and making numbers smaller.
"""
from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any, NamedTuple

import psycopg2
import pytest

from builder import assets, fingerprint, lease, numbers, plan, publishing, purge, render, rerender, templating
from builder.catalog import changes, postings, terms
from builder.catalog.reads import Catalog, Prepared
from builder.pages import batch, feed, home, index, listing, retired, sitemap, video
from builder.pages.page import Site
from builder.summary import Summary
from builder.task import Batch, Job, Task
from edge.address import Path as SitePath
from edge.address import key_of
from edge.cdn.port import Purger
from tests.builder.test_release import Memory
from tests.property.edits import EDITS, LARGE, NAMES
from tests.site import SITE, Inline

TOP = Path(__file__).resolve().parents[2]
SMALL = ((listing, "PER_PAGE", 3), (batch, "PER_PAGE", 3), (sitemap, "PER_PAGE", 3), (sitemap, "RANGE", 4), (index, "SPLIT_OVER", 3),
         (feed, "ENTRIES", 4), (home, "NEW", 3), (home, "BATCHES", 2), (home, "SUBJECTS", 3), (video, "BEFORE", 1), (video, "AFTER", 2),
         (video, "RELATED", 2), (plan, "TASK_UNITS", 5),
         (terms, "SEGMENT", 8), (terms, "FILES_A_VIDEO", 9))
"""Cuts at three where the site cuts at fifty: a catalog of twenty lectures has all borders that there are."""


SLICE_UNITS = 40
FIELDS = ("kind", "digest", "fingerprint", "tags", "keys", "unit")


class Edit(NamedTuple):
    """One edit; what it names is picked by *a*, *b* and *c*. A release follows it where `released`."""

    name: str
    a: int
    b: int
    c: int
    released: bool = True


class History(NamedTuple):
    """What a site began with, and what was done to it."""

    videos: int
    edits: tuple[Edit, ...]

    def __str__(self) -> str:
        return f"History({self.videos}, ({', '.join(f'Edit{tuple(edit)}' for edit in self.edits)},))"


def random_history(walk: Random, edits: int = 10) -> History:
    """A history of *edits* edits."""
    return History(walk.choice((4, 11, 17, 24)), tuple(
        Edit(walk.choice(NAMES), walk.randrange(LARGE), walk.randrange(LARGE), walk.randrange(LARGE), walk.random() < 0.8)
        for _ in range(edits)))


def shrunk(history: History, fails: Callable[[History], bool]) -> History:
    """The least history found that still fails."""
    again = True
    while again:
        again = False
        for n in reversed(range(len(history.edits))):
            less = history._replace(edits=history.edits[:n] + history.edits[n + 1 :])
            if fails(less):
                history, again = less, True
        for videos in (1, 2, 3, 4, 7, 11):
            if videos < history.videos and fails(history._replace(videos=videos)):
                history, again = history._replace(videos=videos), True
                break
        for n, edit in enumerate(history.edits):
            for smaller in _smaller(edit):
                less = history._replace(edits=(*history.edits[:n], smaller, *history.edits[n + 1 :]))
                if fails(less):
                    history, again = less, True
                    break
    return history


def _smaller(edit: Edit) -> Iterator[Edit]:
    for at in (1, 2, 3):
        value = int(edit[at])
        for less in (0, 1, value // 2, value - 1):
            if 0 <= less < value:
                yield Edit._make((*edit[:at], less, *edit[at + 1 :]))
    if not edit.released:
        yield edit._replace(released=True)


@contextmanager
def small_site(folder: Path, cuts: tuple[tuple[ModuleType, str, int], ...] = SMALL) -> Iterator[Path]:
    """Lists that are cut early, and templates of the test's own to change, for the length of the block."""
    templates = folder / "templates"
    shutil.copytree(TOP / "templates", templates)
    for room in ("builder", "edge"):  # for their fingerprint: a long run goes on while they are edited
        shutil.copytree(TOP / room, folder / room, ignore=shutil.ignore_patterns("__pycache__", "demo_catalog"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publishing, "SMALL_KEYS", publishing.SMALL_KEYS)
        for module, name, value in cuts:
            patch.setattr(module, name, value)
        patch.setattr(templating, "TEMPLATES", templates)
        patch.setattr(fingerprint, "_TOP", folder)
        patch.setattr(assets.Assets.__init__, "__defaults__", (templates / "assets",))
        yield templates


class World:
    """One database that histories are played in, one after the other."""

    def __init__(self, dsn: str, templates: Path, purgers: tuple[Purger, ...] = ()) -> None:
        self.dsn, self.templates, self.purgers = dsn, templates, purgers
        self._builder, self._reader = psycopg2.connect(dsn), psycopg2.connect(dsn)
        self._editor = psycopg2.connect(dsn)
        self._editor.autocommit = True
        self._prepared = Prepared(self._reader)
        self._looks: dict[tuple[Any, ...], tuple[dict[str, str], render.Renderer, render.Renderer]] = {}
        self.guarded = True
        self.look = frozenset[str]()  # files that differ from the project's own
        self.rendered = self.uploaded = 0

    def close(self) -> None:
        """Give the connections back."""
        for connection in (self._builder, self._reader, self._editor):
            connection.close()

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """One statement of an editor, committed."""
        with self._editor.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def play(self, history: History) -> str:
        """Play a history from its beginning. "" where each release made what a full build makes, else what differs."""
        with self.begun(history.videos):
            if wrong := self.differences():
                return f"at first: {wrong}"
            for n, edit in enumerate(history.edits):
                self.edit(edit)
                if edit.released or n == len(history.edits) - 1:
                    self.release()
                    if n == len(history.edits) - 1:
                        self.settle()
                    elif self.purgers and edit.c % 3 == 0:
                        purge.settle(self.dsn, self.purgers)
                    if not self._sweep and not self._owed() and (wrong := self.differences()):
                        return f"after edit {n} of {history}: {wrong}"
        return "" if not self._owed() else f"after {history} retirements are owed for ever"

    @contextmanager
    def begun(self, videos: int) -> Iterator[None]:
        """A catalog of three courses, five batches and *videos* lectures, released for the first time; its builder holds the lease."""
        with lease.held(self._builder, 5):
            try:
                self._begin(videos)
                self.release()
                yield
            finally:
                self._reader.rollback()

    def _begin(self, videos: int) -> None:
        names = self.sql("SELECT string_agg(schemaname || '.' || tablename, ', ') FROM pg_tables "
                         "WHERE schemaname = 'catalog' OR schemaname = 'live' AND tablename <> 'site'")[0][0]
        self.sql(f"TRUNCATE {names} RESTART IDENTITY")
        self.sql("TRUNCATE catalog.change")
        self.sql(_FIRST % {"videos": videos})
        self.store = Memory()
        self.site, self.profile = SITE, "100k"
        for name in self.look:
            shutil.copyfile(TOP / "templates" / name, self.templates / name)
        self.look = frozenset[str]()
        self.used: set[str] = set()
        self.guarded, self._sliced = True, False
        publishing.SMALL_KEYS = 40 if videos % 2 else 2_000  # more keys than that are planned as everything
        self._open()

    def _open(self) -> None:
        """A builder as it starts with the present code and settings."""
        key = (self.site, self.profile, self.look)
        if key not in self._looks:
            if len(self._looks) > 8:
                self._looks.clear()
            self._looks[key] = (fingerprint.fingerprints(self.site, self.profile),
                                render.Renderer(self.site, self.profile), render.Renderer(self.site, self.profile))
        self._fingerprints, renderer, self._clean = self._looks[key]
        self._sweep: Iterator[rerender.Slice] | None = None
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(publishing, "fingerprints", lambda *_: self._fingerprints)  # each is a walk over all sources
            self._publisher = publishing.Publisher(self.dsn, self._builder, self.store, self.site, self.profile,
                                                 lambda: closing(_Kept(self.dsn, self._clean)), self.purgers)
        self._publisher._renderer = renderer  # compiled once for all histories

    def edit(self, edit: Edit) -> None:
        """Make one edit; what the database refuses is no edit. Half of what changes all pages is rendered by slices."""
        self._sliced = edit.c % 2 == 1
        try:
            EDITS[edit.name](self, edit.a, edit.b, edit.c)
        except psycopg2.IntegrityError:
            return

    def change_file(self, name: str, found: str, instead: str) -> None:
        """Another template or asset; the builder starts anew."""
        file = self.templates / name
        text = file.read_text()
        assert found in text or instead in text, name
        file.write_text(text.replace(instead, found) if instead in text else text.replace(found, instead))
        self.look ^= {name}
        self._open()

    def change_site(self, site: Site, profile: str) -> None:
        """Other settings; the builder starts anew."""
        self.site, self.profile = site, profile
        self._open()

    def flip(self) -> None:
        """Publish what is due, as the worker does."""
        with psycopg2.connect(self.dsn) as connection:
            changes.flip_due(connection)
        connection.close()

    def release(self) -> Summary:
        """One release of what waits, as the worker makes it: of one slice too while all pages are made anew."""
        if not self._sweep and self._sliced and self._publisher.behind() == "slices":
            self._sweep = rerender.begin(self._builder, self.site, frozenset(), SLICE_UNITS)
        piece = next((piece for piece in self._sweep if piece.tasks or piece.last or piece.whole), None) if self._sweep else None
        if piece and not piece.whole:
            summary = self._publisher.release(guarded=self.guarded, slice=piece.tasks or [plan.ASSETS], gone=piece.last)
        else:
            summary = self._publisher.release(guarded=self.guarded)
        if piece and (piece.last or piece.whole):
            self._publisher.rerendered()
            self._sweep = None
        self.guarded = True
        self.rendered += summary.rendered
        self.uploaded += summary.uploaded
        assert not summary.set_aside, summary.set_aside
        assert not summary.held_back, f"held back: {summary.held_back}"
        return summary

    def settle(self) -> None:
        """Render what is left of a sweep, and pay all that is owed; what is retired then owes purges again."""
        while self._sweep:
            self.release()
        for _ in range(3):
            if self._owed():
                purge.settle(self.dsn, self.purgers)
                self.release()

    def _owed(self) -> bool:
        return bool(self.sql("SELECT 1 FROM live.debt WHERE kind = 'retirement'"))

    def differences(self) -> str:
        """What of the live site is not what a clean full build of this moment makes; "" where nothing is."""
        wrong_terms = postings.wrong(self._reader)
        self._reader.rollback()
        wanted = self._full()
        live = {row[0]: tuple(row[1:]) for row in self.sql(
            "SELECT path, kind, encode(digest, 'hex'), encode(fingerprint, 'hex'), tags, keys, unit, etag, release FROM live.object "
            "WHERE kind <> 'asset'")}
        wrong = wrong_terms + [f"{path} is missing" for path in sorted(wanted.keys() - live.keys())]
        gone = {path for path, row in live.items() if row[0] == "gone"}
        wrong += [f"{path} ({row[0]}) is there still" for path, row in live.items() if path not in wanted and path not in gone]
        for path in wanted.keys() & live.keys():
            for field, mine, theirs in zip(FIELDS, live[path], wanted[path], strict=False):
                if mine != theirs:
                    wrong.append(f"{path} has another {field}: {mine} for {theirs}")
                    break
        tombs = {row[0] for row in self.sql("SELECT path FROM live.tombstone")}
        if tombs != gone:
            wrong.append(f"gone, but no tombstone or the other way round: {sorted(tombs ^ gone)}")
        if lost := self.used - live.keys():
            wrong.append(f"nothing stands any more at {sorted(lost)}")
        self.used |= live.keys()
        for path, row in live.items():
            head = self.store.head(key_of(SitePath(path)))
            if head is None or (head.digest, head.write_number, head.etag) != (row[1], row[7], row[6]):
                wrong.append(f"{path} in the store is not what the manifest says: {head} for {row}")
        return "; ".join(wrong[:6])

    def _full(self) -> dict[str, tuple[Any, ...]]:
        """Each path's manifest row as a first build would write it, from one snapshot."""
        snapshot, complete = numbers.snapshot(self._reader)
        assert complete
        found: dict[str, tuple[Any, ...]] = {}
        catalog = Catalog(self._reader, self._prepared)
        job = Job(self.dsn, snapshot, self.site, self.profile, 0, self._fingerprints, False, False)
        self._clean.forget()
        for task in plan.everything(catalog):
            made = render.render(job, catalog, self._clean, [task])
            assert not made.failures, made.failures
            for line in made.rows.decode().splitlines():
                path, kind, digest, print_, tags, keys, _, _, unit, _ = line.split("\t")
                if kind != "asset":
                    assert path not in found, f"{path} is made twice"
                    found[path] = (kind, digest[3:], print_[3:], tags, [int(key) for key in keys[1:-1].split(",") if key], int(unit))
        for page in retired.gone(SITE, [path for (path,) in self.sql("SELECT path FROM live.tombstone")]):
            assert page.path not in found, f"{page.path} is gone and stands"
            thing = self._clean.object(page, self._clean.text(page), 0)
            found[page.path] = ("gone", thing.digest, self._fingerprints["gone"], thing.tags, page.keys, 0)
        self._reader.rollback()
        return found


class _Kept(Inline):
    """Renders in a snapshot as a process of its own would, with templates that are compiled already."""

    def __init__(self, dsn: str, renderer: render.Renderer) -> None:
        self._dsn, self._renderer = dsn, renderer
        self._joined: tuple[str, Any, Catalog] | None = None

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        assert fn is render.run
        return super().submit(self._run, *args)

    def _run(self, job: Job, task: Task) -> Batch:
        if self._joined is None:
            connection = psycopg2.connect(self._dsn)
            connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION SNAPSHOT %s", (job.snapshot,))
            self._joined = job.snapshot, connection, Catalog(connection)
            self._renderer.forget()
        assert self._joined[0] == job.snapshot
        return render.render(job, self._joined[2], self._renderer, [task])

    def close(self) -> None:
        if self._joined is not None:
            self._joined[1].close()


_FIRST = """
    INSERT INTO catalog.course (id, slug, title) SELECT n, 'course-' || n, 'Course ' || n FROM generate_series(1, 3) n;
    INSERT INTO catalog.batch (id, course_id, slug, title) SELECT n, (n + 1) / 2, 'batch-' || n, 'Batch ' || n FROM generate_series(1, 5) n;
    INSERT INTO catalog.subject (id, slug, title) SELECT n, 'subject-' || n, chr(64 + n) || ' subject' FROM generate_series(1, 4) n;
    INSERT INTO catalog.instructor (id, slug, name) SELECT n, 'teacher-' || n, chr(64 + n) || ' teacher' FROM generate_series(1, 4) n;
    INSERT INTO catalog.video (id, slug, title, status, batch_id, recorded_on, duration_s, description, position, language, picture_url)
        SELECT n, 'lecture-' || n, CASE n %% 5 WHEN 0 THEN 'Lightning Talks' ELSE 'Lecture ' || n END, 'published', n %% 4 + 1,
            date '2020-01-01' + n %% 9, CASE WHEN n %% 6 <> 0 THEN 600 + n END, 'About number ' || n, CASE WHEN n %% 3 <> 0 THEN n END,
            CASE n %% 4 WHEN 1 THEN 'en' WHEN 2 THEN 'ru' END, CASE WHEN n %% 2 = 0 THEN 'https://pictures.example/' || n || '.jpg' END
        FROM generate_series(1, %(videos)s) n;
    INSERT INTO catalog.video_subject SELECT id, id %% 3 + 1 FROM catalog.video;
    INSERT INTO catalog.video_subject SELECT id, 1 FROM catalog.video WHERE id %% 4 = 1 ON CONFLICT DO NOTHING;
    INSERT INTO catalog.video_instructor (video_id, instructor_id) SELECT id, id %% 3 + 1 FROM catalog.video;
    INSERT INTO catalog.source (video_id, position, kind, url)
        SELECT id, 0, 'youtube', 'https://www.youtube.com/watch?v=' || lpad(id::text, 11, '0') FROM catalog.video;
    INSERT INTO catalog.caption (video_id, language, body) SELECT id, 'en', 'WEBVTT ' || id FROM catalog.video WHERE id %% 4 = 0"""
