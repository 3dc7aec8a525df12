"""Who asks: readers of pages by Zipf, students with their own data, and those who log in; at a given rate, each in a thread."""
from __future__ import annotations

import gzip
import http.client
import json
import random
import threading
import time
from bisect import bisect
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from tests.soak.students import Asker, Heard, Student
from tests.stack.known import Known
from tests.stack.parts import LOGGERS, PASSWORD

ZIPF = 0.9
OVERLAY_SHARE, WRITE_SHARE, LOGIN_SHARE = 0.02, 0.008, 0.002  # of all requests; pages are the rest
READERS = 6
_WAIT_S = 30.0
_IDLE_S = 3.0  # Varnish closes a line that is idle for five seconds; a browser would ask again, and here it would count as an error


@dataclass
class Figures:
    """What was measured while nothing was being done to the stack, unless it says otherwise."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    pages: int = 0
    hits: int = 0
    page_s: list[float] = field(default_factory=list)
    cached_s: list[float] = field(default_factory=list)  # overlays that the API's cache had, or the student's browser
    api_s: list[float] = field(default_factory=list)
    logins: int = 0
    errors: list[tuple[str, str]] = field(default_factory=list)  # of the API: what was being done, and what it was


class Paced:
    """A thread that does *act* so many times a second, at random moments; it catches up with what it is behind."""

    def __init__(self, rate: float, chance: random.Random, act: Callable[[], None]) -> None:
        self._rate, self._chance, self._act = rate, chance, act
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """No more."""
        self._over.set()
        self._thread.join(_WAIT_S)

    def _live(self) -> None:
        due = time.monotonic()
        while True:
            due = max(due + self._chance.expovariate(self._rate), time.monotonic() - 1.0)
            if self._over.wait(max(0.0, due - time.monotonic())):
                return
            self._act()


class Reader:
    """One line to the edge, on which pages are asked for."""

    def __init__(self, port: int, paths: list[str], known: Known, heard: Heard, figures: Figures, chance: random.Random) -> None:
        self._port, self._paths, self._known, self._heard, self._figures, self._chance = port, paths, known, heard, figures, chance
        self._weights = list(accumulate(1 / n**ZIPF for n in range(1, len(paths) + 1)))
        self._line = self._connect()
        self._asked_at = 0.0

    def act(self) -> None:
        """One page, which is judged."""
        path = self._paths[bisect(self._weights, self._chance.random() * self._weights[-1])]
        began, under = time.monotonic(), self._heard.under
        if began - self._asked_at > _IDLE_S:
            self._line.close()
        self._asked_at = began
        try:
            status, hit, body = fetch(self._line, path)
        except (OSError, http.client.HTTPException) as error:
            self._known.wrong.append(f"{path} had no answer during {under}: {error!r}")
            self._line = self._connect()
            return
        took_s = time.monotonic() - began
        self._known.judge(path, status, body, began, under)
        with self._figures.lock:
            self._figures.pages += 1
            self._figures.hits += hit
            if under == "peace":
                self._figures.page_s.append(took_s)

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=_WAIT_S)


def fetch(line: http.client.HTTPConnection, path: str) -> tuple[int, bool, str]:
    """Status, whether the edge had it, and the text."""
    line.request("GET", path, headers={"Accept-Encoding": "gzip"})
    answer = line.getresponse()
    body = answer.read()
    if answer.headers["Content-Encoding"] == "gzip":
        body = gzip.decompress(body)
    return answer.status, "; hit" in answer.headers.get("Cache-Status", "").rpartition(",")[2], body.decode()


class Pupil(Asker):
    """Students on one line: they read, write and now and then log in; their answers are judged as `make soak-api` does."""

    def __init__(self, port: int, students: list[Student], heard: Heard, figures: Figures, chance: random.Random) -> None:
        super().__init__(port, heard, chance)
        self._students, self._figures = students, figures
        self._under = heard.under
        self._asked_at = 0.0

    def act(self) -> None:
        """One visit."""
        self._under = self._heard.under
        if time.monotonic() - self._asked_at > _IDLE_S:
            self._connection.close()  # the next request opens it
        self._asked_at = time.monotonic()
        what = self._chance.random() * (OVERLAY_SHARE + WRITE_SHARE + LOGIN_SHARE)
        try:
            if what < OVERLAY_SHARE:
                self.read(self._chance.choice(self._students))
            elif what < OVERLAY_SHARE + WRITE_SHARE:
                self.write(self._chance.choice(self._students))
            else:
                self._log_in()
        except (OSError, http.client.HTTPException) as error:
            self._failed(repr(error))
            self._connection.close()
            self._connection = self._connect()

    def _ask(self, student: Student, method: str, path: str, body: str | None, headers: dict[str, str]) -> tuple[int, Any, Any]:
        began, under = time.monotonic(), self._heard.under
        status, told, said = super()._ask(student, method, path, body, headers)
        took_s = time.monotonic() - began
        if status >= 500:
            self._failed(f"{method} {path.partition('?')[0]} {status} {said}")
        elif under == "peace" == self._heard.under:
            with self._figures.lock:
                self._figures.api_s.append(took_s)
                if method == "GET" and (status == 304 or told.get("X-Cache", "").lower().startswith("hit")):
                    self._figures.cached_s.append(took_s)
        return status, told, said

    def _log_in(self) -> None:
        """As a browser that is new: its form's token first."""
        email = f"login-{self._chance.randint(1, LOGGERS)}@school.example"
        self._connection.request("GET", "/api/v1/auth/session")
        answer = self._connection.getresponse()
        said = answer.read()
        if answer.status != 200:
            self._failed(f"the form's token: {answer.status}")
            return
        cookie = answer.headers["Set-Cookie"].partition(";")[0]
        self._connection.request("POST", "/api/v1/auth/login", json.dumps({"email": email, "password": PASSWORD}), {
            "Content-Type": "application/json", "Cookie": cookie, "X-CSRF-Token": json.loads(said)["csrf"],
            "Sec-Fetch-Site": "same-origin"})
        answer = self._connection.getresponse()
        said = answer.read()
        self._heard.tell(answer.status, 0.0)
        if answer.status >= 500:
            self._failed(f"a log-in: {answer.status} {said[:200]!r}")
        elif answer.status != 200 or json.loads(said)["account"]["email"] != email:
            self._heard.wrong.append(f"{email} logs in and is answered {answer.status}: {said[:200]!r}")
        else:
            self._figures.logins += 1

    def _failed(self, how: str) -> None:
        """It counts with what was done when the visit began, or, where that was nothing, when it ended."""
        under = self._under if self._under != "peace" else self._heard.under
        with self._figures.lock:
            self._figures.errors.append((under, how))
