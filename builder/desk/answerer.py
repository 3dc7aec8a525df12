"""The threads of the worker that answer the desk, each with its own connection: no release waits for them, nor they for one.

A question is taken by one worker and held by a lock of its session, so that one whose worker ended is told to be asked again.
What is quick, what is a file and what is a deed are answered apart: a preview does not wait for an import.
"""
from __future__ import annotations

import select
import time
from collections.abc import Callable, Mapping
from contextlib import closing

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import make_dsn
from psycopg2.extras import Json

from builder.background import Background, Tell
from builder.connections import KEEPALIVE
from builder.desk import deeds, files, fill, impact, preview
from builder.desk.means import Answer, Means, Question
from edge.errors import LecternError

LONGEST_MS = 120_000
"""A statement of the thread's own; those of an answer have lines of their own."""

SWEEP_EVERY_S = 30.0
DELIVERIES_DAYS = 30
DISCARDED_DAYS = 30
ANSWER_BYTES = 4 * 1024 * 1024
_GLANCE_S = 0.2  # so soon a worker that is stopped is heard of
_LOOK_EVERY_S = 2.0  # behind the bell
_LOCK = 0x4C65_6374  # "Lect": the class of the locks by which a taken question is held
_BELL = "lectern_desk"

Make = Callable[[Means, Question], Answer]
QUICK: Mapping[str, Make] = {"markdown": fill.markdown, "fill": fill.fill, "preview": preview.preview, "impact": impact.impact}
FILES: Mapping[str, Make] = {"check": files.check, "import": files.imported, "export": files.export}
DEEDS: Mapping[str, Make] = {"takedown": deeds.take_down, "rollback": deeds.roll_back, "unhold": deeds.unhold}

# Purpose: the oldest question that nobody has; it is locked by the session that takes it.
_TAKE = """
    UPDATE desk.question SET state = 'taken', taken_at = clock_timestamp() WHERE id = (
        SELECT id FROM desk.question WHERE state = 'waiting' AND kind = ANY(%(kinds)s) AND expires_at > clock_timestamp()
        ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id, kind, asked, file, coalesce(token, ''), asked_by, pg_advisory_lock(%(lock)s, (id %% 2147483647)::integer)::text"""
_LET_GO = "SELECT pg_advisory_unlock(%s, (%s %% 2147483647)::integer)"
_ANSWER = """UPDATE desk.question SET state = %(state)s, answer = %(answer)s, done_at = clock_timestamp() WHERE id = %(id)s"""
# Purpose: questions whose worker ended before it answered.
_ABANDONED = """
    UPDATE desk.question SET state = 'failed', done_at = clock_timestamp(), answer = %(answer)s
    WHERE state = 'taken' AND NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = %(lock)s
        AND objid = (id %% 2147483647) AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"""
_EXPIRED = """SELECT id, coalesce(token, '') FROM desk.question
    WHERE expires_at < clock_timestamp() AND state <> 'taken' ORDER BY id LIMIT 100"""
_FORGET = "DELETE FROM desk.question WHERE id = ANY(%s)"
_FORGET_DISCARDED = "DELETE FROM desk.edit WHERE state = 'discarded' AND saved_at < clock_timestamp() - %s * interval '1 day'"
_FORGET_DELIVERIES = "DELETE FROM desk.delivery WHERE at < clock_timestamp() - %s * interval '1 day'"


class Answerer(Background):
    """Answers questions of the kinds of *makes*, one after the other. With *sweeps*, clears away what has expired too."""

    def __init__(self, name: str, makes: Mapping[str, Make], means: Means, tell: Tell, *, sweeps: bool = False) -> None:
        super().__init__(name)
        self._makes, self._means, self._tell, self._sweeps = makes, means, tell, sweeps
        self._dsn = make_dsn(means.dsn, application_name=f"lectern {name}", **KEEPALIVE)
        self._sweep_at = 0.0

    def run(self) -> None:
        while not self.ending.is_set():
            try:
                with closing(psycopg2.connect(self._dsn, options=f"-c statement_timeout={LONGEST_MS}")) as connection:
                    connection.autocommit = True
                    with connection.cursor() as cursor:
                        cursor.execute(f"LISTEN {_BELL}")
                    look_at = 0.0
                    while not self.ending.is_set():
                        if connection.notifies or time.monotonic() >= look_at:
                            connection.notifies.clear()
                            self.answer_waiting(connection)
                            look_at = time.monotonic() + _LOOK_EVERY_S
                        select.select([connection], [], [], _GLANCE_S)
                        connection.poll()
            except psycopg2.Error:
                self.ending.wait(_GLANCE_S)  # the worker says that the database is away

    def answer_waiting(self, connection: Connection) -> None:
        """Answer all that waits now, over a connection in autocommit."""
        while not self.ending.is_set() and (question := self._take(connection)) is not None:
            begun = time.monotonic()
            state, answer = self._answered(question)
            with connection.cursor() as cursor:
                cursor.execute(_ANSWER, {"id": question.id, "state": state, "answer": Json(answer)})
                cursor.execute(_LET_GO, (_LOCK, question.id))
            self._tell(f"desk.{state} kind={question.kind} ms={(time.monotonic() - begun) * 1000:.0f}")
        if self._sweeps and time.monotonic() >= self._sweep_at:
            self._sweep_at = time.monotonic() + SWEEP_EVERY_S
            self.sweep(connection)

    def sweep(self, connection: Connection) -> None:
        """Clear away expired questions with their objects, and old deliveries; fail what a worker that ended had taken."""
        with connection.cursor() as cursor:
            cursor.execute(_ABANDONED, {"lock": _LOCK, "answer": Json({"why": "The worker ended before it had an answer: ask again."})})
            cursor.execute(_FORGET_DELIVERIES, (DELIVERIES_DAYS,))
            cursor.execute(_FORGET_DISCARDED, (DISCARDED_DAYS,))
            cursor.execute(_EXPIRED)
            done = []
            for id, token in cursor.fetchall():
                try:
                    left = self._means.store.delete([head.key for head in self._means.store.list(f"preview/{token}/")]) if token else []
                except LecternError as error:  # the row stays, and so does what knows of the objects
                    self._tell(f"desk.not_swept why={str(error)!r}")
                    break
                if not left:
                    done.append(id)
            cursor.execute(_FORGET, (done,))

    def _take(self, connection: Connection) -> Question | None:
        with connection.cursor() as cursor:
            cursor.execute(_TAKE, {"kinds": list(self._makes), "lock": _LOCK})
            row = cursor.fetchone()
        if row is None:
            return None
        id, kind, asked, file, token, asked_by, _ = row
        return Question(id, kind, asked, bytes(file) if file is not None else None, token, asked_by)

    def _answered(self, question: Question) -> tuple[str, Answer]:
        try:
            answer = self._makes[question.kind](self._means, question)
        except LecternError as error:
            return "failed", {"why": str(error)}
        except Exception as error:  # an editor's text may break anything; the thread goes on
            self._tell(f"desk.broke kind={question.kind} why={type(error).__name__}")
            return "failed", {"why": "Something went wrong that nobody foresaw, so there is no answer; the worker's log says more."}
        if len(Json(answer).dumps(answer)) > ANSWER_BYTES:
            return "failed", {"why": "The answer is too long for the desk: ask about fewer edits, or a smaller file."}
        return "answered", answer


def answerers(means: Means, tell: Tell) -> list[Answerer]:
    """The threads that a worker with a desk has."""
    return [Answerer("desk", QUICK, means, tell, sweeps=True), Answerer("desk files", FILES, means, tell),
            Answerer("desk deeds", DEEDS, means, tell)]
