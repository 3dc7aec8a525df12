"""An editor who goes on publishing and withdrawing, and looks at the edge after each edit until it is there."""
from __future__ import annotations

import http.client
import random
import threading
import time
from contextlib import closing, suppress

import psycopg2

from tests.soak.students import Heard
from tests.stack.crowd import fetch
from tests.stack.known import PROMISE_S, Known, revision_of

EDITS_A_S = 0.5
GIVE_UP_S = 2 * PROMISE_S
_GLANCE_S = 0.05
_WITHDRAWN_SHARE = 0.1  # of edits, of the later half of the catalog
_REST_S = 0.2


class Editor:
    """A thread, which looks for its edits at *port*. Readers like the first videos best; those of the later half may leave."""

    def __init__(self, dsn: str, port: int, videos: int, known: Known, heard: Heard, chance: random.Random) -> None:
        self.port = port
        self._dsn, self._videos, self._known, self._heard, self._chance = dsn, videos, known, heard, chance
        self._revision = self._withdrawals = 0
        self._looking: list[threading.Thread] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """No more edits; waits until all that were made are seen, or not."""
        self._over.set()
        self._thread.join(GIVE_UP_S)
        for one in self._looking:
            one.join(GIVE_UP_S)

    def takes_down(self) -> int:
        """A video that will be taken down by another: it is promised to be gone from now on."""
        with self._known.lock:
            video = next(n for n in range(self._videos, 0, -1) if n not in self._known.withdrawn)
            self._known.withdrawn[video] = float("inf")
        return video

    def _live(self) -> None:
        while not self._over.wait(self._chance.expovariate(EDITS_A_S)):
            if self._chance.random() < _WITHDRAWN_SHARE and self._withdrawals < self._videos // 4:
                self._withdraw(self._videos // 2 + self._withdrawals)
                self._withdrawals += 1
            else:
                self._publish(self._chance.randint(1, self._videos // 2 - 1))

    def _publish(self, video: int) -> None:
        self._revision += 1
        revision = self._revision
        self._commit("UPDATE catalog.video SET title = %s WHERE id = %s", f"Lecture {video} rev {revision}", video)
        with self._known.lock:
            self._known.revisions.setdefault(video, []).append((time.monotonic(), revision))
        self._look(video, revision)

    def _withdraw(self, video: int) -> None:
        with self._known.lock:
            if video in self._known.withdrawn:
                return
            self._known.withdrawn[video] = float("inf")  # it may go from the COMMIT on, of which we hear after it
        self._commit("UPDATE catalog.video SET status = 'withdrawn' WHERE id = %s", video)
        self._known.withdrawn[video] = time.monotonic()
        self._look(video, None)

    def _look(self, video: int, revision: int | None) -> None:
        one = threading.Thread(target=self._until_seen, args=(video, revision, time.monotonic(), self._heard.under), daemon=True)
        self._looking = [*(thread for thread in self._looking if thread.is_alive()), one]
        one.start()

    def _until_seen(self, video: int, revision: int | None, committed: float, under: str) -> None:
        path = f"/videos/lecture-{video}/"
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        while (now := time.monotonic()) < committed + GIVE_UP_S:
            with suppress(OSError, http.client.HTTPException):
                status, _, body = fetch(line, path)
                if status == 410 if revision is None else revision_of(body, video) >= revision:
                    took_s = time.monotonic() - committed
                    with self._known.lock:
                        self._known.seen_s.append((took_s, under if under == self._heard.under else "more than one"))
                        if revision is None:
                            self._known.gone[video] = time.monotonic()
                    if took_s > PROMISE_S:
                        self._known.wrong.append(f"{path} showed an edit {took_s:.1f} s after it, during {under}")
                    break
            time.sleep(_GLANCE_S)
        else:
            self._known.wrong.append(f"{path} never showed an edit that was made {now - committed:.0f} s ago, during {under}")
        line.close()

    def _commit(self, statement: str, *values: object) -> None:
        """What was not acknowledged is done again: the second time it changes nothing."""
        while True:
            try:
                with closing(psycopg2.connect(self._dsn, connect_timeout=5)) as connection, connection, connection.cursor() as cursor:
                    cursor.execute(statement, values)
                return
            except psycopg2.OperationalError:
                time.sleep(_REST_S)
