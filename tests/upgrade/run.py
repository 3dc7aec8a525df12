"""One upgrade, step by step, while readers read, students write and log in, and an editor publishes."""
from __future__ import annotations

import http.client
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2

from builder.embedded.home import home_of
from builder.embedded.postmaster import initialise
from tests.edge.servers import free_port, wait_until
from tests.soak.students import Asker, Heard, Student
from tests.stack.crowd import Figures, Paced, Pupil, Reader
from tests.stack.editor import Editor
from tests.stack.known import Known
from tests.stack.parts import PASSWORD, PROFILE, STUDENTS, TOP, Database, Part, fill

PUPILS, READERS = 2, 2
API_SHARE = 0.4  # of what is asked; pages are the rest
LOOK_S = 60.0  # in which a worker that begins must have published something
_NOBODY = 9  # a port at which no film is: nobody plays one here


@dataclass
class Told:
    """What an upgrade has shown."""

    steps_s: dict[str, float] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)  # by step: of the API
    published: dict[str, int] = field(default_factory=dict)  # by step and code: releases
    pages: int = 0
    logins: int = 0
    edits: int = 0
    wrong: list[str] = field(default_factory=list)


class Upgrade:
    """Old code in the folder *code*, over a database and a store of its own in *folder*."""

    def __init__(self, folder: Path, code: Path, videos: int, rate: float, chance: random.Random, stack: ExitStack) -> None:
        self._code, self._chance, self._stack, self._videos, self._rate = code, chance, stack, videos, rate
        self.told = Told()
        self._known, self._heard, self._figures = Known(), Heard(), Figures()
        self._students = [Student(n) for n in range(1, STUDENTS + 1)]
        home = home_of(folder)
        initialise(home)
        database = Database(home)
        stack.callback(database.end)
        self._dsn = database.dsn
        self._old_port, self._new_port = free_port(), free_port()
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("LECTERN_", "DATABASE_", "REDIS_", "AWS_"))}
        self._env = clean | {"DATABASE_URL": self._dsn, "LECTERN_DATA": str(folder / "data"), "LECTERN_PROFILE": PROFILE,
                             "LECTERN_BASE_URL": f"http://127.0.0.1:{self._old_port}"}
        self._ports = [self._old_port]

    def play(self, seconds: float) -> Told:
        """The whole of it; *seconds*: how long each state lasts under load."""
        self._command("the old migrate", self._code, "migrate")
        fill(self._dsn, self._videos, _NOBODY)
        self._command("the old build", self._code, "build")
        old = self._serve(self._code, self._old_port)
        old_worker = self._watch(self._code)
        load = self._load()
        try:
            self._for(seconds, "old alone", old=old_worker)
            self._command("migrate", TOP, "migrate")
            self._for(seconds, "old on the new schema", old=old_worker)
            new = self._serve(TOP, self._new_port)
            self._ports.append(self._new_port)
            new_worker = self._watch(TOP)
            self._for(seconds, "side by side", old=old_worker, new=new_worker)
            self._sessions_hold_on_both()
            self._leaves("the old worker", old_worker)
            self._editor.port = self._new_port
            self._leaves("the old server", old, self._old_port)
            self._for(seconds, "new alone", new=new_worker)
            self._back(seconds, new_worker)
        finally:
            self._heard.under = "the end"
            for one in load:
                one.end()
        self._leaves("the new worker", new_worker)
        self._settle(new)
        return self.told

    # steps ------------------------------------------------------------------------------------------

    def _back(self, seconds: float, new_worker: Part) -> None:
        """The way back that docs/deploy.md promises: the old server begins anew, on the schema of the new one."""
        old = self._serve(self._code, self._old_port)
        self._ports.append(self._old_port)
        self._for(seconds, "the old server once more", new=new_worker)
        self._leaves("the old server that came back", old, self._old_port)

    def _for(self, seconds: float, state: str, **workers: Part) -> None:
        """So long under load; one of *workers* must publish something: beside each other they take what they come to."""
        before = {code: _releases(worker) for code, worker in workers.items()}
        self._heard.under = state
        answers, began = self._heard.answers, time.monotonic()
        while time.monotonic() < began + seconds or not any(_releases(worker) > before[code] for code, worker in workers.items()):
            if time.monotonic() > began + seconds + LOOK_S:
                self._wrong(f"{state}: no worker published anything in {seconds + LOOK_S:.0f} s")
                break
            time.sleep(0.1)
        self._noted(state, began)
        self.told.answers[state] = self._heard.answers - answers
        self.told.published |= {f"{state}: {code}": _releases(worker) - before[code] for code, worker in workers.items()}

    def _leaves(self, what: str, part: Part, port: int | None = None) -> None:
        """SIGTERM, once a balancer leads nobody there any more, and what was on its way is answered."""
        if port:
            self._ports.remove(port)
            for turn in self._turns:
                with turn:
                    pass
        self._heard.under, began = f"{what} ends", time.monotonic()
        if code := part.leave():
            self._wrong(f"{what} ended with {code}: {''.join(part.lines[-5:])}")
        self._noted(f"{what} ends", began)

    def _sessions_hold_on_both(self) -> None:
        """Who logs in at one is signed in at the other, and who logs out there is so at none."""
        for here, there, n in ((self._old_port, self._new_port, 1), (self._new_port, self._old_port, 2)):
            email = f"login-{n}@school.example"
            cookie = _log_in(here, email)
            if (found := _session(there, cookie).get("account") or {}).get("email") != email:
                self._wrong(f"{email} logged in at one and is {found} at the other")
            _log_out(there, cookie)
            wait_until(lambda: not _session(here, cookie).get("account"), within_s=10, what="the end of a session at the other")  # noqa: B023

    def _settle(self, new: Part) -> None:
        """Once all is quiet: what was acknowledged is there, and the new code finds the site right."""
        final = Heard()
        asker = Asker(self._new_port, final, self._chance)
        for student in self._students:
            asker.read(student)
        with closing(psycopg2.connect(self._dsn)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT account_id, video_id, position_s::int FROM student.progress")
            kept = {(account, video): place for account, video, place in cursor}
        lost = [f"student {student.id} wrote {places} in video {video}, and the database has {kept.get((student.id, video))}"
                for student in self._students for video, places in student.places.items()
                if kept.get((student.id, video), -1) not in places]
        self._command("build", TOP, "build")
        self._command("verify", TOP, "verify")
        self._leaves("the new server", new)
        found = [*self._known.wrong, *self._heard.wrong, *final.wrong, *(f"{how}, {under}" for under, how in self._figures.errors), *lost]
        self.told.wrong += list(dict.fromkeys(found))[:30]
        if not (self._figures.pages and self._figures.logins and all(self.told.answers.values())):
            self._wrong("hardly anything was asked")
        self.told.pages, self.told.logins, self.told.edits = self._figures.pages, self._figures.logins, len(self._known.seen_s)

    # parts ------------------------------------------------------------------------------------------

    def _load(self) -> list[Any]:
        """Pupils and readers, who ask whoever serves now, and an editor."""
        self._turns: list[threading.Lock] = []
        chances = iter([random.Random(self._chance.random()) for _ in range(4 * (PUPILS + READERS) + 1)])
        paths = [f"/videos/lecture-{n}/" for n in range(1, self._videos + 1)] + ["/", "/videos/"]
        each = self._rate * API_SHARE / PUPILS, self._rate * (1 - API_SHARE) / READERS
        load: list[Any] = [Paced(each[0], next(chances), self._taking_turns(
            {port: Pupil(port, self._students[n::PUPILS], self._heard, self._figures, next(chances)) for port in self._both}))
            for n in range(PUPILS)]
        load += [Paced(each[1], next(chances), self._taking_turns(
            {port: Reader(port, paths, self._known, self._heard, self._figures, next(chances)) for port in self._both}))
            for _ in range(READERS)]
        self._editor = Editor(self._dsn, self._old_port, self._videos, self._known, self._heard, next(chances))
        return [*load, self._editor]

    @property
    def _both(self) -> tuple[int, int]:
        return self._old_port, self._new_port

    def _taking_turns(self, who: Mapping[int, Pupil | Reader]) -> Any:
        """An act at one of the servers that a balancer would lead to now, by chance."""
        turn = threading.Lock()
        self._turns.append(turn)

        def act() -> None:
            with turn:
                who[self._chance.choice(self._ports)].act()

        return act

    def _serve(self, code: Path, port: int) -> Part:
        return self._part("serve", "ready", code, {"LECTERN_PORT": str(port)})

    def _watch(self, code: Path) -> Part:
        return self._part("watch", "watching", code, {})

    def _part(self, command: str, ready: str, code: Path, more: dict[str, str]) -> Part:
        part = Part(command, self._env | more, ready, code)
        self._stack.callback(part.kill)
        return part

    def _command(self, what: str, code: Path, *command: str) -> None:
        """One of Lectern's commands, to its end, which must be good."""
        self._heard.under, began = what, time.monotonic()
        done = subprocess.run([sys.executable, "build.py", *command], cwd=code, env=self._env, capture_output=True, text=True, check=False,
                              timeout=600)
        self._noted(what, began)
        if done.returncode:
            self._wrong(f"{what} ended with {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}")

    def _noted(self, what: str, began: float) -> None:
        self.told.steps_s[what] = time.monotonic() - began
        print(f"{self.told.steps_s[what]:6.1f} s {what}", flush=True)

    def _wrong(self, what: str) -> None:
        self.told.wrong.append(what)


def _releases(worker: Part) -> int:
    """How many *worker* has published of what editors did."""
    return sum("release.live" in line and "changes=0" not in line for line in worker.lines)


def _log_in(port: int, email: str) -> str:
    """The cookie of a new session."""
    cookie, csrf = _form(port, "")
    status, set_cookie, said = _ask(port, "POST", "/api/v1/auth/login", cookie, csrf, {"email": email, "password": PASSWORD})
    if status != http.client.OK:
        raise SystemExit(f"{email} logs in and is answered {status}: {said!r}")
    return set_cookie


def _log_out(port: int, cookie: str) -> None:
    _ask(port, "POST", "/api/v1/auth/logout", cookie, _form(port, cookie)[1], {})


def _session(port: int, cookie: str) -> dict[str, Any]:
    said: dict[str, Any] = _ask(port, "GET", "/api/v1/auth/session", cookie, "", None)[2]
    return said


def _form(port: int, cookie: str) -> tuple[str, str]:
    _, new, said = _ask(port, "GET", "/api/v1/auth/session", cookie, "", None)
    return new or cookie, said["csrf"]


def _ask(port: int, method: str, path: str, cookie: str, csrf: str, body: object) -> tuple[int, str, Any]:
    """Status, the cookie that was set, what was said."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as line:
        line.request(method, path, None if body is None else json.dumps(body), {
            "Content-Type": "application/json", "X-CSRF-Token": csrf, "Sec-Fetch-Site": "same-origin",
            **({"Cookie": cookie} if cookie else {})})
        answer = line.getresponse()
        said = answer.read()
        cookies = "; ".join(one.partition(";")[0] for one in answer.headers.get_all("Set-Cookie", []))
        return answer.status, cookies, json.loads(said) if said else {}
