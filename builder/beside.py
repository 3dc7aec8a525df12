"""What goes on beside the releases, a thread each: hearing the bell, paying purges and pings, asking for receipts, tidying."""
from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import make_dsn

from builder import owed, ping, purge, tidying
from builder.bell import Bell, BellLost
from builder.connections import KEEPALIVE, break_off, deadline
from builder.pages.page import Site
from builder.receipt import Receipts
from edge.cdn.port import Purger
from edge.errors import LecternError
from edge.ping.port import Pinger
from edge.store.port import Store

ASK_S = 4.0
"""The bell's line is asked so often, however often it rings: so `status` sees in the server's books that somebody listens."""
TIDY_EVERY_S = 3_600.0
FIRST_TIDY_S = 60.0  # so that a worker that is started anew each hour tidies too
SENTRY_S = 10.0
DEAD_S = 90.0  # a release speaks to the database with each lot of pages, and waits a minute for a store at most
_GLANCE_S = 1.0
_LONGEST_S = 10.0
_END_S = 1.0  # a thread that waits for somebody else's answer is left to end with the process

# Purpose: whether a session works, or was asked something not long ago.
_SPEAKS = """SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %(pid)s
    AND (state = 'active' OR state_change > clock_timestamp() - %(after)s * interval '1 second'))"""
# Purpose: whether a release has retirements to do; and the seconds until the next purge is due.
_NEXT = """SELECT
    EXISTS (SELECT FROM live.debt d WHERE d.kind = 'retirement' AND NOT EXISTS (
        SELECT FROM live.debt p WHERE p.kind = 'purge' AND p.release = d.release AND NOT p.again)),
    (SELECT extract(epoch FROM min(due_at) - clock_timestamp())::float8 FROM live.debt WHERE kind = 'purge' AND cdn = ANY(%s))"""

Tell = Callable[[str], None]


class Beside(threading.Thread):
    """A thread that works when it is poked, and from time to time."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.ending = threading.Event()
        self._poked = threading.Event()

    def poke(self) -> None:
        """There is something to do."""
        self._poked.set()

    def end(self) -> None:
        """Stop soon."""
        self.ending.set()
        self._poked.set()
        self.join(_END_S)

    def rest(self, wait_s: float) -> None:
        """Until it is poked, at most so long."""
        self._poked.wait(max(wait_s, 0.0))
        self._poked.clear()


class Ears(Beside):
    """Hears the bell for the worker, which may be busy."""

    def __init__(self, bell: Bell, wake: Callable[[], None], tell: Tell) -> None:
        super().__init__("bell")
        self._bell, self._wake, self._tell = bell, wake, tell

    def run(self) -> None:
        asked = time.monotonic()
        while not self.ending.is_set():
            try:
                if self._bell.wait(_GLANCE_S):
                    self._wake()
                if time.monotonic() >= asked + ASK_S:
                    asked = time.monotonic()
                    self._bell.alive()  # where it is not, the next wait says so
            except BellLost as error:
                self._tell(f"bell.lost why={str(error)!r}")
                if not self._bell.reconnect(pause=self.ending.wait):
                    return
                self._tell("bell.back")
                self._wake()


class Sentry(Beside):
    """Breaks the line of a release that the server has heard nothing of for DEAD_S, or that goes on *grace_s* after the worker
    was to stop: dead lines say nothing, libpq waits for ever, and no signal is handled while it does."""

    def __init__(self, dsn: str, stopping: Callable[[], bool], grace_s: float) -> None:
        super().__init__("sentry")
        self._stopping, self._grace_s = stopping, grace_s
        self._dsn = make_dsn(dsn, application_name="lectern sentry")
        self._lock = threading.Lock()
        self._watched: tuple[int, int] | None = None  # the backend's process, and our end of the line

    @contextmanager
    def over(self, connection: Connection) -> Iterator[None]:
        """Watch over *connection* during the block."""
        self._watched = connection.info.backend_pid, connection.fileno()
        try:
            yield
        finally:
            with self._lock:
                self._watched = None

    def run(self) -> None:
        before = None
        next_s = SENTRY_S
        while not self.ending.wait(_GLANCE_S):
            if self._stopping():
                if not self.ending.wait(self._grace_s):
                    self._break(self._watched)
                continue
            next_s -= _GLANCE_S
            if next_s > 0:
                continue
            next_s = SENTRY_S
            watched = self._watched
            if watched and watched == before:  # a release that is done sooner is never asked about
                with suppress(psycopg2.Error):  # the database is away: the worker's own line will tell
                    self._look(watched)
            before = watched

    def _look(self, watched: tuple[int, int]) -> None:
        with closing(psycopg2.connect(self._dsn)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(_SPEAKS, {"pid": watched[0], "after": DEAD_S})
            speaks = cursor.fetchone() == (True,)
        if not speaks:
            self._break(watched)

    def _break(self, watched: tuple[int, int] | None) -> None:
        with self._lock:
            if watched and self._watched == watched:
                break_off(watched[1])


class Payer(Beside):
    """Sends the purges that are due; says when retirements may be done, and pokes who waits for what was acknowledged."""

    def __init__(self, dsn: str, purgers: Sequence[Purger], wake: Callable[[], None], after: Sequence[Beside], tell: Tell) -> None:
        super().__init__("purges")
        self._dsn = make_dsn(dsn, application_name="lectern purges")
        self._purgers, self._wake, self._after, self._tell = purgers, wake, after, tell
        self._told: frozenset[str] = frozenset()

    def run(self) -> None:
        while not self.ending.is_set():
            try:
                with closing(psycopg2.connect(self._dsn, **KEEPALIVE)) as connection:
                    while not self.ending.is_set():
                        self.rest(self._pay(connection))
            except psycopg2.Error:
                self.rest(_GLANCE_S)  # the worker says that the database is away

    def _pay(self, connection: Connection) -> float:
        with deadline(connection), connection, connection.cursor() as cursor:
            cursor.execute("SELECT")  # a line that went dead since is left for another
        done = purge.settle(self._dsn, self._purgers, connection=connection)
        for error in sorted({*done.errors} - self._told):
            self._tell(f"purge.owed why={error!r}")
        self._told = frozenset(done.errors)
        for thread in self._after if done.sent else ():
            thread.poke()
        with connection, connection.cursor() as cursor:
            cursor.execute(_NEXT, ([purger.name for purger in self._purgers],))
            ((retirements, due_s),) = cursor.fetchall()
        if retirements:
            self._wake()
        return _LONGEST_S if due_s is None else min(max(due_s, owed.BUSY_S), _LONGEST_S)


class Teller(Beside):
    """Sends the pings that are due, once the purges before them are acknowledged."""

    def __init__(self, dsn: str, pingers: Sequence[Pinger], tell: Tell) -> None:
        super().__init__("pings")
        self._dsn = make_dsn(dsn, application_name="lectern pings")
        self._pingers, self._tell = pingers, tell
        self._told: frozenset[str] = frozenset()

    def run(self) -> None:
        while not self.ending.is_set():
            try:
                with closing(psycopg2.connect(self._dsn, **KEEPALIVE)) as connection:
                    while not self.ending.is_set():
                        self.rest(self._pay(connection))
            except psycopg2.Error:
                self.rest(_GLANCE_S)

    def _pay(self, connection: Connection) -> float:
        done = ping.settle(self._dsn, self._pingers, connection=connection,
                           given_up=lambda why: self._tell(f"ping.given_up why={why!r}"))
        for error in sorted({*done.errors} - self._told):
            self._tell(f"ping.owed why={error!r}")
        self._told = frozenset(done.errors)
        due_s = ping.next_s(connection, self._pingers)
        return _LONGEST_S if due_s is None else min(max(due_s, owed.BUSY_S), _LONGEST_S)


class Tidier(Beside):
    """Forgets, once an hour, what is too old to be of use."""

    def __init__(self, dsn: str, store: Store, site: Site, profile: str, tell: Tell) -> None:
        super().__init__("tidier")
        self._site, self._profile = site, profile
        self._dsn = make_dsn(dsn, application_name="lectern tidier")
        self._store, self._tell = store, tell

    def run(self) -> None:
        wait_s = FIRST_TIDY_S
        while not self.ending.wait(wait_s):
            wait_s = TIDY_EVERY_S
            try:
                with closing(psycopg2.connect(self._dsn)) as connection:
                    tidying.tidy(connection, self._store, self._site, self._profile)
            except (psycopg2.Error, LecternError) as error:  # an hour later there is only more to do
                self._tell(f"tidy.failed why={str(error).strip()!r}")


class Receiver(Beside):
    """Asks the edge for receipts."""

    def __init__(self, dsn: str, receipts: Receipts) -> None:
        super().__init__("receipts")
        self._dsn = make_dsn(dsn, application_name="lectern receipts")
        self._receipts = receipts

    def run(self) -> None:
        while not self.ending.is_set():
            try:
                with closing(psycopg2.connect(self._dsn)) as connection:
                    while not self.ending.is_set() and (next_s := self._receipts.step(connection)) is not None:
                        self.ending.wait(next_s)
                self.rest(_LONGEST_S)
            except (psycopg2.Error, LecternError):
                self.rest(_GLANCE_S)
