"""The worker: hears that the catalog has changed, holds the builder's lease for a release at a time, and makes it.

Purges, receipts and tidying are done by threads of their own, each with its own connections: no release waits for them. Whatever
breaks (a connection, the server, the store) is tried again, later each time; what was not done is still a row.
"""
from __future__ import annotations

import gc
import math
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any, NamedTuple, NoReturn

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import make_dsn

from builder import lease, nightly, ping, publishing, takedown
from builder.background import Background, Listener, PingSender, PurgeSender, ReceiptAsker, Tidier
from builder.bell import Bell
from builder.catalog import changes
from builder.connections import KEEPALIVE, deadline, is_lost
from builder.pages.page import Site
from builder.probe import Edge
from builder.publishing import SMALL_KEYS, OnHoldError, Publisher
from builder.receipt import Receipts
from builder.rerender import SLICE_UNITS, Rerender
from builder.summary import Summary
from builder.warming import Noticed, Warmer
from builder.watchdog import Watchdog
from edge.cdn.port import Purger
from edge.errors import LecternError
from edge.store.port import Store

GRACE_S = 2.0  # what a release under way may still take after SIGTERM; a database of our own then needs 6 s at worst
LEASE_WAIT_S = 5.0
LONGEST_PAUSE_S = 10.0
CHECK_EVERY_S = 30.0  # how often it is asked whether a night has come
NAME = "lectern watch"  # of its connection, by which `status` knows that a worker is there


class WatchError(LecternError):
    """The worker cannot do its work with what it has; it tries again."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How the worker keeps time; seconds."""

    poll_s: float = 1.0  # behind the bell, and for what was scheduled less than that before it is due
    close_s: float = 0.1  # changes that come so soon after a release, or after each other, go together
    gather_s: float = 0.3  # but the first of them waits no longer
    slice_units: int = SLICE_UNITS


class Work(NamedTuple):
    """What there is to do."""

    changes: int
    keys: int  # that they touch
    oldest_s: float
    retirements: bool  # whose purges are acknowledged
    dead: bool  # a release that died, to be superseded
    takedown: bool  # one that somebody began

    @property
    def any(self) -> bool:
        """Whether a release is due."""
        return bool(self.changes) or self.retirements or self.dead


# Purpose: what a release would have to do now.
_WORK = """
    SELECT count(*)::int, coalesce(sum(cardinality(keys)), 0)::int,
        coalesce(greatest(extract(epoch FROM clock_timestamp() - min(at)), 0), 0)::float8,
        EXISTS (SELECT FROM live.debt d WHERE d.kind = 'retirement' AND NOT EXISTS (
            SELECT FROM live.debt p WHERE p.kind = 'purge' AND p.release = d.release AND NOT p.again)),
        EXISTS (SELECT FROM live.release WHERE state = 'writing'), EXISTS (SELECT FROM live.takedown WHERE done_at IS NULL)
    FROM catalog.change WHERE release IS NULL"""

# Purpose: end our own session of before, whose line broke without the server's knowing.
_END_FORMER = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %(pid)s AND application_name = %(name)s"


class Worker:
    """One worker. `run` returns after `stop`, which a signal's handler or another thread may call."""

    def __init__(self, dsn: str, store: Store, site: Site, profile: str, executors: Callable[[], AbstractContextManager[Executor]],
                 purgers: Sequence[Purger] = (), *, pace: Pace = Pace(), tell: Callable[[str], None] | None = None,
                 others: Sequence[Background] = ()) -> None:
        """*dsn* leads to the primary itself. *tell* gets each line of the log; the default prints it to stderr. *others*: further
        threads, which work and end with this one."""
        self._dsn = make_dsn(dsn, **KEEPALIVE)
        self._site, self._purgers, self._pace = site, purgers, pace
        self._store, self._profile, self._executors = store, profile, executors
        self._publisher: Publisher | None = None
        self._connection: Connection | None = None
        self._former = 0  # the server's process of the connection before
        self._others = others
        self._threads: list[Background] = []
        self._watchdog = Watchdog(self._dsn, lambda: self._stopping, GRACE_S)
        self._on_ready: Callable[[], None] | None = None
        self._tell = tell or publishing.tell
        self._mail: SimpleQueue[None] = SimpleQueue()  # its put may interrupt itself, so signals may call stop
        self._stopping = False
        self._said = ""
        self._failures = 0
        self._ended = self._take_down_at = self._look_at = self._check_at = -math.inf
        self._rerender: Rerender | None = None

    def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """Work until `stop`. *on_ready* is called once, when the bell was proven and the first look is done.

        Raises BellError or BellLost where the bell cannot be heard at all.
        """
        with ExitStack() as stack:
            bell = Bell(self._dsn)
            stack.callback(bell.close)
            bell.prove()
            self._threads = [*self._own_threads(bell), *self._others]
            for thread in self._threads:
                thread.start()
                stack.callback(thread.end)
            stack.callback(self._drop)
            self._on_ready = on_ready
            while not self._stopping:
                self._turn_safely()

    def stop(self) -> None:
        """End after the release under way."""
        self._stopping = True
        self._mail.put(None)

    def wake(self) -> None:
        """Look at once whether there is something to do."""
        self._mail.put(None)

    def _own_threads(self, bell: Bell) -> list[Background]:
        """Those that hear, send, ask and tidy, in the order in which they start; purges are sent before who waits for them is poked."""
        dsn, site, tell = self._dsn, self._site, self._tell
        pingers = ping.pingers(site)
        after: list[Background] = [ReceiptAsker(dsn, Receipts(Edge(site.base_url), self._store)),
                                   *([PingSender(dsn, pingers, tell)] if pingers else [])]
        threads = [Listener(bell, self.wake, tell), self._watchdog, Tidier(dsn, self._store, site, self._profile, tell), *after]
        if self._purgers:
            warmer = Warmer(dsn, Edge(site.base_url), self._profile, tell)
            purgers = [Noticed(purger, warmer.purged) for purger in self._purgers]
            threads += [PurgeSender(dsn, purgers, self.wake, after, tell), warmer]
        return threads

    # one turn ---------------------------------------------------------------------------------------

    def _turn_safely(self) -> None:
        try:
            self._turn()
            return
        except (lease.LeaseHeld, OnHoldError) as error:
            self._say("watch.waits", error)
            self._rerender = None  # a slice may be lost: another one begins
            self._pause(self._pace.poll_s)
            return
        except LecternError as error:
            self._say("watch.failed", error)
        except psycopg2.Error as error:
            if not _broken(error, self._connection):
                raise
            self._say("watch.database_lost", error)
        self._drop()  # what was known of database and store is looked at again
        self._failures += 1
        self._pause(min(LONGEST_PAUSE_S, 0.1 * 2 ** min(self._failures, 10)) * (0.5 + random.random() / 2))

    def _turn(self) -> None:
        connection, publisher = self._connected()
        with deadline(connection):
            if time.monotonic() >= self._look_at:
                self._look(connection)
            work = self._work(connection)
        if on_ready := self._on_ready:
            self._on_ready = None
            on_ready()
        with self._watchdog.over(connection):
            busy = self._do(connection, publisher, work)
        if not busy:
            self._rest(self._look_at - time.monotonic())
        self._failures = 0

    def _do(self, connection: Connection, publisher: Publisher, work: Work) -> bool:
        """A takedown, a slice of a large render, or a release, in that order. False where there is nothing to do."""
        if work.takedown and time.monotonic() >= self._take_down_at:
            self._take_down(connection, publisher)
            return True
        behind = "" if self._rerender else publisher.behind()
        night = not behind and not self._rerender and self._check_is_due(connection, work)
        if behind == "slices" or night:
            self._begin_rerender(connection, nightly=night)
        if self._rerender:
            self._rerender_on(connection, publisher, work)
        elif work.any or behind == "whole":
            self._gather(connection, work)
            self._release(connection, publisher.release)
        else:
            return False
        return True

    def _take_down(self, connection: Connection, publisher: Publisher) -> None:
        """Finish what a command began, or is about to: it goes ahead of everything, and on while publishing is on hold."""
        with lease.held(connection, LEASE_WAIT_S):
            try:
                for thing in takedown.finish(connection, publisher, self._store, self._purgers, self._poke):
                    self._tell(f"takedown.done key={thing}")
            except takedown.TakedownError as error:  # the store keeps what it is to delete: that stops no release
                self._say("takedown.failed", error)
                self._take_down_at = time.monotonic() + LONGEST_PAUSE_S

    def _poke(self) -> None:
        for thread in reversed(self._threads):  # purges before receipts
            thread.poke()

    def _look(self, connection: Connection) -> None:
        """Publish what was scheduled for now, and set when to look again: no bell rings when a scheduled time comes."""
        flipped, due_s = changes.flip_due(connection)
        self._look_at = time.monotonic() + min(self._pace.poll_s, self._pace.poll_s if due_s is None else due_s)
        if flipped:
            self._tell(f"watch.published_on_time videos={flipped}")

    def _work(self, connection: Connection) -> Work:
        with connection.cursor() as cursor:
            cursor.execute(_WORK)
            (row,) = cursor.fetchall()
        connection.commit()
        return Work(*row)

    def _gather(self, connection: Connection, work: Work) -> None:
        """Wait a moment for more changes where these came right after a release, so that they go together; a lone one goes at once."""
        quiet = time.monotonic()
        if not work.changes or quiet >= self._ended + self._pace.close_s:
            return
        while (left_s := min(quiet + self._pace.close_s - time.monotonic(), self._pace.gather_s - work.oldest_s)) > 0:
            if self._stopping:
                return
            self._rest(left_s)
            count, work = work.changes, self._work(connection)
            if work.changes > count:
                quiet = time.monotonic()

    def _release(self, connection: Connection, make: Callable[[], Summary]) -> Summary:
        begun = time.monotonic()
        with lease.held(connection, LEASE_WAIT_S):
            done = make()
        self._ended = time.monotonic()
        self._said = ""
        for failure in done.set_aside:
            self._tell(f"release.set_aside page={failure.path or failure.kind} why={failure.why!r}")
        if done.held_back:
            self._tell(f"release.held_back pages={len(done.held_back)} first={done.held_back[0]}")
        if done.release:
            self._tell(f"release.live number={done.release} changes={done.changes} rendered={done.rendered} uploaded={done.uploaded} "
                       f"retired={done.retired} purged={done.purged} ms={(self._ended - begun) * 1000:.0f} "
                       + " ".join(f"{stage}_ms={s * 1000:.1f}" for stage, s in done.seconds.items()))
            self._poke()
        return done

    # rendering all ----------------------------------------------------------------------------------

    def _check_is_due(self, connection: Connection, work: Work) -> bool:
        if work.any or time.monotonic() < self._check_at:
            return False
        self._check_at = time.monotonic() + CHECK_EVERY_S
        return nightly.due(connection)

    def _begin_rerender(self, connection: Connection, *, nightly: bool) -> None:
        with lease.held(connection, LEASE_WAIT_S):
            self._rerender = Rerender(connection, self._site, self._pace.slice_units, self._tell, nightly=nightly)

    def _rerender_on(self, connection: Connection, publisher: Publisher, work: Work) -> None:
        """The next slice, with what waits; an import that is larger than any slice goes by itself."""
        assert self._rerender is not None
        if work.keys > SMALL_KEYS:
            self._release(connection, publisher.release)
            if not self._rerender.nightly:
                self._rerender = None  # that was all
        elif not self._rerender.step(connection, publisher, partial(self._release, connection), waits=work.any):
            self._rerender = None

    # waiting, failing -------------------------------------------------------------------------------

    def _rest(self, wait_s: float) -> None:
        """Wait until `wake` or `stop` is called, at most *wait_s* seconds."""
        try:
            self._mail.get(timeout=max(wait_s, 0.001))
            while True:
                self._mail.get_nowait()
        except Empty:
            return

    def _pause(self, wait_s: float) -> None:
        """Wait *wait_s* seconds; only `stop` ends that earlier."""
        end = time.monotonic() + wait_s
        while not self._stopping and (left_s := end - time.monotonic()) > 0:
            self._rest(left_s)

    def _sleep(self, wait_s: float) -> None:
        self._pause(wait_s)
        if self._stopping:
            raise WatchError("It was stopped while it waited.")

    def _say(self, event: str, error: Exception) -> None:
        """Log an error once, and again only for another reason or after a release that succeeded."""
        line = f"{event} why={str(error).strip().partition(chr(10))[0]!r}"
        if line != self._said:
            self._said = line
            self._tell(line)

    def _connected(self) -> tuple[Connection, Publisher]:
        if self._connection is not None and self._publisher is not None:
            return self._connection, self._publisher
        connection = psycopg2.connect(self._dsn, application_name=NAME)
        try:
            with deadline(connection), connection, connection.cursor() as cursor:
                cursor.execute("SELECT pg_is_in_recovery()")
                if cursor.fetchone() != (False,):
                    raise WatchError("The database is a replica: what it shows may be old. Set DATABASE_DIRECT_URL to the primary.")
                cursor.execute(_END_FORMER, {"pid": self._former, "name": NAME})  # else it holds the lease for minutes
        except BaseException:
            connection.close()
            raise
        if self._publisher is None:
            self._publisher = Publisher(self._dsn, connection, self._store, self._site, self._profile, self._executors,
                                                 self._purgers, receipts=True, tell=self._tell, sleep=self._sleep)
            self._publisher.prepare()
            gc.freeze()  # the templates stay; looking through them for cycles would be the longest step of a release now and then
        else:
            self._publisher.reconnected(connection)
        self._connection, self._former = connection, connection.info.backend_pid
        return connection, self._publisher

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._rerender = None


def run(dsn: str, store: Store, site: Site, profile: str, executors: Callable[[], AbstractContextManager[Executor]],
        purgers: Sequence[Purger], on_ready: Callable[[], None], others: Sequence[Background] = ()) -> None:
    """Watch until SIGTERM, SIGINT or SIGHUP; a release under way may end within GRACE_S, then it is given up whole."""
    worker = Worker(dsn, store, site, profile, executors, purgers, others=others)
    with _leaving_on_signals(worker.stop):
        worker.run(on_ready)


@contextmanager
def _leaving_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    def leave(signum: int, frame: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_REAL, GRACE_S)
        stop()

    def give_up(signum: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(0)

    names = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before: dict[signal.Signals, Any] = {name: signal.signal(name, leave) for name in names}
    before[signal.SIGALRM] = signal.signal(signal.SIGALRM, give_up)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for name, handler in before.items():
            signal.signal(name, handler)


def _broken(error: psycopg2.Error, connection: Connection | None) -> bool:
    """Whether it is the database that went away, not a mistake of ours."""
    return (is_lost(error) or connection is None or connection.closed != 0 or isinstance(error, psycopg2.errors.ReadOnlySqlTransaction))
