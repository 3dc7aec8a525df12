"""A tiny site with its database, bucket and CDNs; and a builder's life in it, which ends where the script says."""
from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import ExitStack, closing, contextmanager, nullcontext
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, NamedTuple

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from builder import fingerprint, journal, lease, owed, plan, proof, publishing, purge, render, rollback, takedown
from builder.lease import LeaseLost
from builder.pages.page import Site
from builder.takedown import TakedownError
from edge.cdn.port import Purger
from edge.errors import StoreError
from edge.store.port import RETAINED, Store
from edge.store.sqlite import SQLiteStore
from tests.chaos.bucket import Bucket
from tests.chaos.cdn import ERRORS_KEPT, ChaosPurger, Edge
from tests.chaos.checks import PROFILE, Lost, Watch, clean, recovered
from tests.chaos.database import Lines
from tests.chaos.fate import Call, Fate, Fault, Killed, What
from tests.chaos.store import ChaosFile, ChaosStore
from tests.property.edits import EDITS
from tests.property.histories import _FIRST, SMALL
from tests.site import SITE

FAILURES = (StoreError, LeaseLost, TakedownError, psycopg2.OperationalError, psycopg2.InterfaceError)
"""How a builder may end where something went wrong; anything else is a fault of its own, but for the bare
psycopg2.DatabaseError, which is psycopg2's word for a server that went away midway."""


class Shape(NamedTuple):
    """What a site is made with."""

    videos: int
    file: bool  # a SQLite file; else a bucket
    cdns: int
    budget: int = ERRORS_KEPT


class Life(NamedTuple):
    """How a builder's life went."""

    ended: str  # done, killed, failed
    fate: Fate
    error: BaseException | None = None


class Builder(NamedTuple):
    """What a builder works with."""

    dsn: str
    store: Store
    purgers: Sequence[Purger]

    def publish(self) -> None:
        """``build``, ``resume``."""
        takedown.finish_owed(self.dsn, self.store, self._publisher, self.purgers, 5)
        publishing.build(self.dsn, self.store, SITE, PROFILE, _Executor(), wait_s=5, purgers=self.purgers)

    def go_back(self, number: int) -> None:
        """``rollback``."""
        with self._publishing() as (connection, publisher):
            if number != self._newest(connection):
                publisher.back_to(number)
            self._settle()

    def unhold(self) -> None:
        """``release --unhold``."""
        with self._publishing() as (connection, publisher):
            journal.put_on_hold(connection, None)
            connection.commit()
            publisher.release()
            self._settle()

    def withdraw(self, id: int) -> None:
        """``withdraw video:ID --now``."""
        with self._publishing() as (connection, publisher):
            takedown.take_down(self.dsn, connection, publisher, self.store, self.purgers, SITE.base_url, "video", id)

    def sweep(self) -> None:
        """What the worker does now and then: forget old bodies."""
        with self._publishing() as (connection, _):
            rollback.sweep(connection, self.store)

    def _settle(self) -> None:
        if self.purgers:
            purge.settle(self.dsn, self.purgers)

    def _newest(self, connection: Connection) -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT max(number) FROM live.release WHERE state = 'live'")
            ((number,),) = cursor.fetchall()
        connection.commit()
        return int(number)

    def _publisher(self, connection: Connection) -> publishing.Publisher:
        return publishing.Publisher(self.dsn, connection, self.store, SITE, PROFILE, lambda: nullcontext(_Executor()), self.purgers)

    @contextmanager
    def _publishing(self) -> Iterator[tuple[Connection, publishing.Publisher]]:
        with closing(psycopg2.connect(self.dsn)) as connection:
            publisher = self._publisher(connection)
            with lease.held(connection, 5):
                takedown.finish(connection, publisher, self.store, self.purgers, self._settle)
                yield connection, publisher


@contextmanager
def quickened() -> Iterator[None]:
    """For the length of the block: lists cut early, templates compiled once, threads in line, and nothing waits."""
    kept: list[render.Renderer] = []

    def renderer(site: Site, profile: str) -> render.Renderer:
        if not kept:
            kept.append(made(site, profile))
        kept[0].forget()
        return kept[0]

    prints = fingerprint.fingerprints(SITE, PROFILE)
    made = render.Renderer
    with pytest.MonkeyPatch.context() as patch:
        for module, name, value in SMALL:
            patch.setattr(module, name, value)
        patch.setattr(plan, "LOT_UNITS", 4)
        patch.setattr(render, "Renderer", renderer)
        patch.setattr(publishing, "fingerprints", lambda site, profile: prints)
        patch.setattr(publishing, "PURGE_WAIT_S", 0.0)
        patch.setattr(takedown, "PURGE_WAIT_S", 0.0)
        patch.setattr(proof, "ask_edge", lambda edge, path: [])
        patch.setattr(lease, "_ASK_AGAIN_S", 0.002)
        patch.setattr(rollback, "KEPT_DAYS", 0)
        patch.setattr("builder.purge.threading", SimpleNamespace(Thread=_InLine))
        patch.setattr(owed, "ThreadPoolExecutor", _Executor)
        yield
        render.close()


class World:
    """One database that sites are made in, one after the other, by *chance*'s choice."""

    def __init__(self, dsn: str, shape: Shape, chance: Random, folder: Path) -> None:
        self.dsn, self.shape, self.chance = dsn, shape, chance
        self.guarded = True
        self.shuffle: Random | None = chance  # the order of a lot's puts
        self.site, self.profile = SITE, PROFILE  # as tests.property.edits asks for them
        self.shown: dict[int, dict[str, str]] = {}  # digests by key, by live release
        self.calls = self.kills = self.faults = 0
        self.killed_at = Counter[str]()  # kind of call
        self._closing = ExitStack()
        self.editor = self._open()
        self._begin()
        self.file = Path(tempfile.mkdtemp(dir=folder)) / "site.db"
        self.store: Store = SQLiteStore(self.file) if shape.file else Bucket()
        self._closing.callback(self.store.close)
        self.watch = Watch(self.store)
        self.edges = [Edge(name, self.store, budget=shape.budget) for name in ("varnish", "fastly")[: shape.cdns]]
        self.renderer = render.Renderer(SITE, PROFILE)

    def close(self) -> None:
        """Give back what is open."""
        self._closing.close()

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """One statement of an editor, committed."""
        if self.editor.closed:
            self.editor = self._open()
        with self.editor.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def edit(self, name: str) -> None:
        """One edit, of what chance picks; what the database refuses is none."""
        try:
            EDITS[name](self, *(self.chance.randrange(60) for _ in range(3)))  # type: ignore[arg-type]
        except psycopg2.IntegrityError:
            return

    def live(self, work: Callable[[Builder], None], faults: Mapping[int, Fault] | None = None, *, crash: bool = False,
             dies: Callable[[Call], bool | What] = lambda call: False, meddled: bool = False) -> Life:
        """A builder's life: it does its *work* until it is done, dies, or fails. Raises Lost, also where it fails for no
        reason; *meddled*: others see to that."""
        fate = Fate(faults, dies=dies)
        lines = Lines(self.dsn, fate, crash=crash)
        builder = Builder(self.dsn, self.chaos(fate), [ChaosPurger(edge, fate) for edge in self.edges])
        life = Life("done", fate)
        for edge in self.edges:
            edge.begin_slow(self.chance)
        with lines.instead():
            try:
                work(builder)
            except Killed:
                life = Life("killed", fate)
            except Exception as error:
                if not isinstance(error, FAILURES) and type(error) is not psycopg2.DatabaseError:
                    raise Lost(f"a builder ended by {type(error).__name__}: {error}") from error
                life = Life("failed", fate, error)
            finally:
                render.close()
        if crash:
            self.editor.close()
        if life.ended == "failed" and not fate.met and not meddled:
            raise Lost(f"a builder failed though nothing went wrong: {type(life.error).__name__}: {life.error}")
        self.calls += len(fate.calls)
        if life.ended == "killed":
            self.kills += 1
            self.killed_at[fate.calls[-1].what] += 1
        self.faults += sum(not what.startswith("kill") for _, what in fate.met)
        self.watch.check()
        for edge in self.edges:
            edge.ask_for_all()
        return life

    def chaos(self, fate: Fate) -> Store:
        """The store as a builder of that fate sees it."""
        return ChaosFile(self.store, fate=fate) if self.shape.file else ChaosStore(self.store, fate=fate, shuffle=self.shuffle)

    def digests(self) -> dict[str, str]:
        """Digest by key of all that readers may ask for, assets left out."""
        return {head.key: head.digest for head in self.store.list() if not head.key.startswith((RETAINED, "assets/"))}

    def recover(self) -> None:
        """What the next builders do, undisturbed, until nothing is left to do; then all must be as if nothing had happened."""
        if self.sql("SELECT held_at FROM live.site") != [(None,)]:
            self.live(Builder.unhold)
        for _ in range(8):
            for edge in self.edges:
                edge.end_slow()
            self.sql("UPDATE live.debt SET due_at = '-infinity'")
            self.live(Builder.publish)
            left = self.sql("SELECT (SELECT count(*) FROM live.debt), (SELECT count(*) FROM catalog.change WHERE release IS NULL)")
            if left == [(0, 0)]:
                break
        self.compare(clean(self.dsn, self.renderer))
        ((number,),) = self.sql("SELECT max(number) FROM live.release WHERE state = 'live'")
        self.shown[number] = self.digests()

    def compare(self, wanted: dict[str, str]) -> None:
        """Raises Lost where the site, its manifest, its kept bodies or an edge is not as it should be."""
        if self.editor.closed:
            self.editor = self._open()
        wrong = [*recovered(self.editor, self.store, wanted)]
        wrong += [f"{edge.name} still shows {key} as {edge.copies[key]}" for edge in self.edges for key in edge.stale()]
        if wrong:
            raise Lost("; ".join(wrong[:5]) + (f" … and {len(wrong) - 5} more" if len(wrong) > 5 else ""))

    def _open(self) -> Connection:
        connection = psycopg2.connect(self.dsn)
        connection.autocommit = True
        self._closing.callback(connection.close)
        return connection

    def _begin(self) -> None:
        names = self.sql("SELECT string_agg(schemaname || '.' || tablename, ', ') FROM pg_tables "
                         "WHERE schemaname = 'catalog' OR schemaname = 'live' AND tablename <> 'site'")[0][0]
        self.sql(f"TRUNCATE {names} RESTART IDENTITY")
        self.sql("TRUNCATE catalog.change RESTART IDENTITY")
        self.sql("ALTER SEQUENCE live.write_number RESTART")
        self.sql("UPDATE live.site SET held_at = NULL, horizon = 0, uuid = '00000000-0000-4000-8000-000000000000'")
        self.sql(_FIRST % {"videos": self.shape.videos})


class _InLine:
    """A thread that is done when it has started."""

    def __init__(self, *, target: Callable[..., None], args: tuple[Any, ...], **_: object) -> None:
        self._target, self._args = target, args

    def start(self) -> None:
        """Do it."""
        self._target(*self._args)


class _Numbered(Future[Any]):
    """A future that has its place in a set by number, not by address: so a seed says all."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def __hash__(self) -> int:
        return self._number


class _Executor(Executor):
    """Runs each task when it is handed over, in this process."""

    def __init__(self, *_: object, **__: object) -> None:
        self._count = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Do it."""
        self._count += 1
        future = _Numbered(self._count)
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future
