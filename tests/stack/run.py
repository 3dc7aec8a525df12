"""One run: who asks, what is done to the parts meanwhile, and what is wrong at the end."""
from __future__ import annotations

import random
import re
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from itertools import cycle
from typing import Any

import psycopg2

from tests.soak.students import Asker, Heard, Student
from tests.stack.crowd import LOGIN_SHARE, OVERLAY_SHARE, READERS, WRITE_SHARE, Figures, Paced, Pupil, Reader
from tests.stack.editor import Editor
from tests.stack.known import Known
from tests.stack.parts import STUDENTS, Stack

MISHAPS = ("worker killed", "API restarted", "refresh", "takedown", "worker killed", "API killed")
"""In turn."""

OF_THE_DATABASE = ("database restarted", "database crashed")
"""Once each: half-way, and, in runs of two minutes or more, at three quarters."""

RESTART_S = 3.0
"""After a restart's end that much still is its own: who began to connect before waits for as long as libpq does."""

ERRORS_SHARE = 0.001
_OF_RESTARTS = ("API restarted", "API killed", *OF_THE_DATABASE)
_SUM = re.compile(r"^lectern_query_seconds_(sum|count) (\S+)|^lectern_cache_total\{result=\"(\w+)\"\} (\S+)", re.MULTILINE)


class Run:
    """*rate*: requests a second in all."""

    def __init__(self, stack: Stack, videos: int, rate: float, chance: random.Random) -> None:
        self.stack = stack
        self.known, self.heard, self.figures = Known(), Heard(), Figures()
        self.done: dict[str, int] = {}
        self.counted: dict[str, float] = {}  # of the API's metrics, over all its lives
        self.api_mb: list[float] = []
        self.worker_mb: list[float] = []
        self.students = [Student(n) for n in range(1, STUDENTS + 1)]
        self._chance = chance
        self._editor = Editor(stack.dsn, stack.port, videos, self.known, self.heard, random.Random(chance.random()))
        paths = self._paths()
        api_rate = rate * (OVERLAY_SHARE + WRITE_SHARE + LOGIN_SHARE)
        self._pupils = [Pupil(stack.port, self.students[n::2], self.heard, self.figures, random.Random(chance.random())) for n in range(2)]
        self._paced = [Paced(api_rate / 2, random.Random(chance.random()), pupil.act) for pupil in self._pupils]
        self._paced += [Paced((rate - api_rate) / READERS, random.Random(chance.random()),
                              Reader(stack.port, paths, self.known, self.heard, self.figures, random.Random(chance.random())).act)
                        for _ in range(READERS)]

    def play(self, seconds: float, peace_s: float) -> None:
        """Mishaps, with *peace_s* between them."""
        began = said = time.monotonic()
        left = list(OF_THE_DATABASE if seconds >= 120 else OF_THE_DATABASE[:1])
        for what in cycle(MISHAPS):
            time.sleep(max(0.0, min(peace_s, began + seconds - time.monotonic())))
            now = time.monotonic()
            if now >= began + seconds or self.known.wrong or self.heard.wrong:
                break
            share = (now - began) / seconds
            self._do(left.pop(0) if left and share > (0.5 if left[0] == "database restarted" else 0.75) else what)
            if now - said > 30:
                said = now
                print(f"{now - began:.0f} s: {self.figures.pages} pages, {self.heard.answers} answers of the API, "
                      f"{len(self.known.seen_s)} edits seen, {sum(self.done.values())} mishaps", flush=True)
        self.heard.under = "the end"
        for one in self._paced:
            one.end()
        self._editor.end()
        self._count()

    def losses(self) -> list[str]:
        """What is wrong, in sentences; asked once everything is up again."""
        wrong = [*dict.fromkeys(self.known.wrong + self.heard.wrong)][:20]
        if len(self.outside_errors) > self.heard.answers * ERRORS_SHARE:
            wrong.append(f"of {self.heard.answers} answers the API failed outside restarts: {self.outside_errors[:10]}")
        final = Heard()
        asker = Asker(self.stack.port, final, self._chance)
        for student in self.students:
            asker.read(student)
        kept = self._kept()
        wrong += final.wrong[:20]
        wrong += [f"student {student.id} wrote {places} in video {video}, and the database has {kept.get((student.id, video))}"
                  for student in self.students for video, places in student.places.items()
                  if kept.get((student.id, video), -1) not in places][:20]
        return wrong

    @property
    def outside_errors(self) -> list[tuple[str, str]]:
        """Errors of the API that no restart accounts for."""
        return [(under, how) for under, how in self.figures.errors if under not in _OF_RESTARTS]

    def _do(self, what: str) -> None:
        self.heard.under = what
        deeds: dict[str, Callable[[], None]] = {
            "worker killed": self._kill_worker, "API restarted": self._restart_api, "API killed": self._kill_api, "refresh": self._refresh,
            "takedown": self._take_down, "database restarted": partial(self.stack.database.restart, crash=False),
            "database crashed": partial(self.stack.database.restart, crash=True)}
        deeds[what]()
        if what in _OF_RESTARTS:
            time.sleep(RESTART_S)
        self.done[what] = self.done.get(what, 0) + 1
        self.heard.under = "peace"

    def _kill_worker(self) -> None:
        self.worker_mb.append(self.stack.worker.memory_mb)
        self.stack.worker.kill()
        self.stack.worker.begin()

    def _restart_api(self) -> None:
        self._count()
        if code := self.stack.api.leave():
            self.heard.wrong.append(f"the API ended with {code}")
        self.stack.api.begin()

    def _kill_api(self) -> None:
        self._count()
        self.stack.api.kill()
        self.stack.api.begin()

    def _refresh(self) -> None:
        with closing(psycopg2.connect(self.stack.dsn)) as connection, connection, connection.cursor() as cursor:
            cursor.execute("UPDATE live.refresh_source SET next_at = '-infinity'")
        if code := self.stack.run("refresh"):
            self.heard.wrong.append(f"refresh ended with {code}")

    def _take_down(self) -> None:
        video = self._editor.takes_down()
        if code := self.stack.run("withdraw", f"video:{video}", "--now"):
            self.heard.wrong.append(f"the takedown of {video} ended with {code}")
        self.known.withdrawn[video] = self.known.gone[video] = time.monotonic()

    def _count(self) -> None:
        """Add up what the API has measured in this life of its."""
        self.api_mb.append(self.stack.api.memory_mb)
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.stack.metrics}/metrics", timeout=5) as answer:
            for found in _SUM.finditer(answer.read().decode()):
                name, value = (found[1], found[2]) if found[1] else (found[3], found[4])
                self.counted[name] = self.counted.get(name, 0.0) + float(value)

    def _paths(self) -> list[str]:
        """Every page, the liked ones first: home and lists, then videos, the first half of which is edited."""
        found = self._rows("""SELECT path FROM live.object WHERE kind NOT IN ('asset', 'gone') AND path LIKE '%/'
            AND path !~ '^/(account|[.]well-known)/'""")
        paths = [path for (path,) in found]
        self._chance.shuffle(paths)
        return sorted(paths, key=lambda path: path.startswith("/videos/lecture-"))

    def _kept(self) -> dict[tuple[int, int], int]:
        return {(account, video): int(place) for account, video, place in
                self._rows("SELECT account_id, video_id, position_s FROM student.progress")}

    def _rows(self, statement: str) -> list[Any]:
        with closing(psycopg2.connect(self.stack.dsn)) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()
