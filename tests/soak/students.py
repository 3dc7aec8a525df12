"""Students who read and write without a pause, and look at each answer: is it theirs, and is it what they wrote last?"""
from __future__ import annotations

import http.client
import json
import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from api.auth.csrf import token_of
from tests.api.students import ME

VIDEOS = 20
MARKS = 80
"""A place is the student's number times this, and a mark: so it tells whose it is. 1,000 students fit into a day's seconds."""

_READ = f"{ME}/overlay?videos={','.join(map(str, range(1, VIDEOS + 1)))}"
_WAIT_S = 30.0


@dataclass(slots=True)
class Student:
    """One account, what it wrote, and the answer that its browser holds. A write without an answer leaves two possibilities."""

    id: int
    places: dict[int, set[int]] = field(default_factory=dict)
    at_ms: int = 1_700_000_000_000
    etag: str = ""
    held: Any = None

    @property
    def token(self) -> str:
        return token(self.id)


@dataclass
class Heard:
    """What all of them together have to tell. *under* is what is being done to the server."""

    under: str = "peace"
    answers: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    slowest_s: dict[str, float] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def tell(self, status: int, took_s: float) -> None:
        """One answer. It counts with what is being done now: what ends it may have begun after it."""
        with self.lock:
            under = self.under
            self.answers += 1
            self.slowest_s[under] = max(took_s, self.slowest_s.get(under, 0.0))
            if status == http.client.SERVICE_UNAVAILABLE:
                self.refused[under] = self.refused.get(under, 0) + 1


class Asker:
    """One connection by which students read and write. What is wrong with an answer is told to *heard*."""

    def __init__(self, port: int, heard: Heard, chance: random.Random) -> None:
        self._port, self._heard, self._chance = port, heard, chance
        self._connection = self._connect()

    def read(self, student: Student) -> None:
        """What a page asks of one student; it must be theirs, and hold what they wrote last."""
        told = {"If-None-Match": student.etag} if student.etag and self._chance.randrange(2) else {}
        status, headers, said = self._ask(student, "GET", _READ, None, told)
        if status == http.client.SERVICE_UNAVAILABLE:
            return
        if status == http.client.NOT_MODIFIED:
            said = student.held
        elif status != http.client.OK:
            self._heard.wrong.append(f"student {student.id} was answered {status}: {said}")
            return
        else:
            student.etag, student.held = headers["ETag"], said
        self._look(student, said)

    def _look(self, student: Student, said: Any) -> None:
        found = {one["video"]: int(one["position_s"]) for one in said["progress"]}
        if said["account"] != student.id or any(place // MARKS != student.id for place in found.values()):
            self._heard.wrong.append(f"LEAK: student {student.id} was given {said}")
        for video, might in student.places.items():
            if found.get(video, -1) not in might:
                self._heard.wrong.append(f"student {student.id} wrote {might} in video {video} and reads {found.get(video)}")
            might.intersection_update({found.get(video, -1)})  # now it is known which
            might.add(found.get(video, -1))

    def write(self, student: Student) -> None:
        """A place in a video. Where no answer comes it is there or not."""
        video, place = self._chance.randint(1, VIDEOS), student.id * MARKS + self._chance.randrange(MARKS)
        student.at_ms += 1
        body = {"videos": [{"video": video, "position_s": place, "at_ms": student.at_ms}]}
        before = student.places.get(video, {-1})
        student.places[video] = before | {place}
        status, _, said = self._ask(student, "POST", f"{ME}/progress", json.dumps(body), {
            "Content-Type": "application/json", "X-CSRF-Token": token_of(student.token), "Sec-Fetch-Site": "same-origin"})
        if status == http.client.OK:
            student.places[video] = {place}
            if said["account"] != student.id:
                self._heard.wrong.append(f"LEAK: a write of student {student.id} was answered {said}")
        elif status != http.client.SERVICE_UNAVAILABLE:
            self._heard.wrong.append(f"a write of student {student.id} was answered {status}: {said}")

    def _ask(self, student: Student, method: str, path: str, body: str | None, headers: dict[str, str]) -> tuple[int, Any, Any]:
        began = time.monotonic()
        self._connection.request(method, path, body, {"Cookie": f"session={student.token}", **headers})
        answer = self._connection.getresponse()
        said = answer.read()
        self._heard.tell(answer.status, time.monotonic() - began)
        return answer.status, answer.headers, json.loads(said) if "json" in answer.headers.get("Content-Type", "") else None

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=_WAIT_S)


class Crowd(Asker):
    """A thread that is many students in turn, on one connection. It rests while *go* is not set."""

    def __init__(self, port: int, students: list[Student], heard: Heard, go: threading.Event, chance: random.Random) -> None:
        super().__init__(port, heard, chance)
        self._students, self._go = students, go
        self._over = False
        self.resting = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """No more requests."""
        self._over = True
        self._go.set()
        self._thread.join(_WAIT_S)
        self._connection.close()

    def _live(self) -> None:
        while not self._over:
            if not self._go.is_set():
                self.resting.set()
                self._go.wait()
                self.resting.clear()
                continue
            student = self._chance.choice(self._students)
            try:
                self.write(student) if self._chance.randrange(4) == 0 else self.read(student)
            except (OSError, http.client.HTTPException) as error:
                self._heard.wrong.append(f"student {student.id} got no answer during {self._heard.under}: {error!r}")
                self._connection = self._connect()
            except Exception as error:
                self._heard.wrong.append(f"student {student.id}, {self._heard.under}: {error!r}")


def token(student: int) -> str:
    """The session of a student, by its number."""
    return f"s{student:043d}"
