"""What goes on beside the releases, a thread each: hearing the bell, sending purges and pings, asking for receipts, tidying."""
from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import make_dsn

from builder import owed, ping, purge, tidying
from builder.bell import Bell, BellLost
from builder.connections import KEEPALIVE, deadline
from builder.owed import Settled
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
_GLANCE_S = 1.0
_LONGEST_S = 10.0
_END_S = 1.0  # a thread that waits for somebody else's answer is left to end with the process

# Purpose: whether a release has retirements to do; and the seconds until the next purge is due.
_NEXT = """SELECT
    EXISTS (SELECT FROM live.debt d WHERE d.kind = 'retirement' AND NOT EXISTS (
        SELECT FROM live.debt p WHERE p.kind = 'purge' AND p.release = d.release AND NOT p.again)),
    (SELECT extract(epoch FROM min(due_at) - clock_timestamp())::float8 FROM live.debt WHERE kind = 'purge' AND cdn = ANY(%s))"""

Tell = Callable[[str], None]


class Background(threading.Thread):
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


class Listener(Background):
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


class _Sender(Background):
    """Sends what is owed over a connection of its own, and again when the next row falls due."""

    def __init__(self, what: str, dsn: str, tell: Tell) -> None:
        super().__init__(f"{what}s")
        self._dsn = make_dsn(dsn, application_name=f"lectern {what}s")
        self._what, self._tell = what, tell
        self._told: frozenset[str] = frozenset()

    def run(self) -> None:
        while not self.ending.is_set():
            try:
                with closing(psycopg2.connect(self._dsn, **KEEPALIVE)) as connection:
                    while not self.ending.is_set():
                        with deadline(connection), connection, connection.cursor() as cursor:
                            cursor.execute("SELECT")  # a line that went dead since is left for another
                        due_s = self._send(connection)
                        self.rest(_LONGEST_S if due_s is None else min(max(due_s, owed.BUSY_S), _LONGEST_S))
            except psycopg2.Error:
                self.rest(_GLANCE_S)  # the worker says that the database is away

    def _send(self, connection: Connection) -> float | None:
        """Send what is due. Returns the seconds until more is; None where nothing waits."""
        raise NotImplementedError

    def _tell_errors(self, done: Settled) -> None:
        """Each sentence once, as long as it holds."""
        for error in sorted({*done.errors} - self._told):
            self._tell(f"{self._what}.owed why={error!r}")
        self._told = frozenset(done.errors)


class PurgeSender(_Sender):
    """Sends the purges that are due; says when retirements may be done, and pokes who waits for what was acknowledged."""

    def __init__(self, dsn: str, purgers: Sequence[Purger], wake: Callable[[], None], after: Sequence[Background], tell: Tell) -> None:
        super().__init__("purge", dsn, tell)
        self._purgers, self._wake, self._after = purgers, wake, after

    def _send(self, connection: Connection) -> float | None:
        done = purge.settle(self._dsn, self._purgers, connection=connection)
        self._tell_errors(done)
        for thread in self._after if done.sent else ():
            thread.poke()
        with connection, connection.cursor() as cursor:
            cursor.execute(_NEXT, ([purger.name for purger in self._purgers],))
            ((retirements, due_s),) = cursor.fetchall()
        if retirements:
            self._wake()
        return None if due_s is None else float(due_s)


class PingSender(_Sender):
    """Sends the pings that are due, once the purges before them are acknowledged."""

    def __init__(self, dsn: str, pingers: Sequence[Pinger], tell: Tell) -> None:
        super().__init__("ping", dsn, tell)
        self._pingers = pingers

    def _send(self, connection: Connection) -> float | None:
        self._tell_errors(ping.settle(self._dsn, self._pingers, connection=connection,
                                      given_up=lambda why: self._tell(f"ping.given_up why={why!r}")))
        return ping.next_s(connection, self._pingers)


class Tidier(Background):
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


class ReceiptAsker(Background):
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
