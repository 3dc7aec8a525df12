"""No answer of one student ever reaches another: not by an address, a cache, an ETag, a 304, or a browser that both use."""
from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from api.auth.csrf import token_of
from api.openapi import description_of
from tests.api.students import BASE, ME, Student, sql

NOW_MS = 1_700_000_000_000
SECRET = "what only Ada wrote"
ROOTS = ("/api/v1/me/", "/api/v1/playback/", "/api/v1/batches/")
QUERIES = {"/api/v1/me/overlay": "?videos=1,2,3", "/api/v1/me/notes": "?video=1"}
BODIES: dict[str, object] = {
    "Progress": {"videos": [{"video": 1, "position_s": 77, "at_ms": NOW_MS + 9, "completed": False}]},
    "NewNote": {"video": 1, "at_s": 1, "body": "bob's"}, "NoteText": {"at_s": 1, "body": "bob's"},
    "Preferences": {"theme": "dark"}, "Enrol": {"emails": ["ada@school.example"]}}


def test_no_address_gives_or_changes_what_is_another_students(apps: tuple[Flask, Flask], dsn: str) -> None:
    """Every route about a student is asked, with every method that it takes, for what is Ada's, by Bob and by nobody."""
    ada, bob = Student(dsn, apps[0]), Student(dsn, apps[0])
    note = ada.write("POST", "/notes", {"video": 1, "at_s": 1, "body": SECRET}, status=201)["note"]["id"]
    ada.write("POST", "/progress", {"videos": [{"video": 1, "position_s": 600, "at_ms": NOW_MS, "completed": True}]})
    ada.write("PUT", "/bookmarks/1")
    ada.write("PUT", "/enrolments/1")
    ada.write("PUT", "/preferences", {"theme": "light", "captions_language": "la"})
    for path in ("/overlay?videos=1,2,3", "/notes?video=1", "/history", "/bookmarks", f"/notes/{note}"):
        ada.get(path)  # so that a cache holds it
    before = _all_of(dsn, ada)
    names = {"note": note, "video": 1, "batch": 1, "account": ada.id}
    asked, stranger = 0, {"Sec-Fetch-Site": "same-origin"}
    for rule, method, body in _routes(apps[0]):
        path = re.sub(r"<id:(\w+)>", lambda found: str(names[found[1]]), rule) + QUERIES.get(rule, "")
        for answer in (bob.ask(method, path, json=body, headers={"X-CSRF-Token": token_of(bob.cookies["session"])}),
                       apps[0].test_client().open(path, method=method, base_url=BASE, json=body, headers=stranger)):
            assert SECRET not in answer.text
            assert ada.email not in answer.text
            assert (answer.json or {}).get("account", bob.id) == bob.id
            assert answer.status_code < 500
            asked += 1
        assert answer.status_code in (401, 403), (method, path)
    assert asked > 40
    assert _all_of(dsn, ada) == before


def test_each_answer_says_whose_it_is_varies_with_the_cookie_and_is_what_the_description_says(apps: tuple[Flask, Flask], dsn: str) -> None:
    ada = Student(dsn, apps[0])
    note = ada.write("POST", "/notes", {"video": 1, "at_s": 1, "body": SECRET}, status=201)["note"]["id"]
    for path in ("/bookmarks/1", "/enrolments/1"):
        ada.write("PUT", path)
    ada.write("POST", "/progress", {"videos": [{"video": 1, "position_s": 6.5, "at_ms": NOW_MS}]})
    for rule, method, _ in _routes(apps[0]):
        if method == "GET" and rule.startswith(ME):
            answer = ada.get(rule.replace("<id:note>", str(note)) + QUERIES.get(rule, ""))
            assert answer.json is not None
            assert answer.json["account"] == ada.id, rule
            assert "cookie" in answer.headers["Vary"].lower(), rule
            assert answer.headers["Cache-Control"].startswith("private, max-age="), rule
            assert answer.headers["ETag"], rule
            msgspec.json.decode(answer.data, type=_answers(apps[0], rule)[200], strict=True)


def test_one_students_etag_confirms_nothing_to_another(apps: tuple[Flask, Flask], dsn: str) -> None:
    ada, bob = Student(dsn, *apps), Student(dsn, *apps)
    for path in ("/overlay?videos=1", "/history", "/bookmarks", "/preferences"):
        held = ada.get(path).headers["ETag"]
        for on in (0, 1):
            answer = bob.get(path, on=on, If_None_Match=held)
            assert (answer.status_code, answer.json and answer.json["account"]) == (200, bob.id)


@dataclass
class Browser:
    """One browser that several students use in turn; it keeps what it may, by address and cookies, as RFC 9111 has it."""

    sessions: list[str]
    cookies: dict[str, str] = field(default_factory=dict)
    kept: dict[str, list[tuple[str, TestResponse]]] = field(default_factory=dict)
    known: dict[int, int] = field(default_factory=dict)
    """The revision of each student that it has heard of."""

    def ask(self, app: Flask, method: str, path: str, coding: str, body: object = None) -> TestResponse:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        held = self.kept.get(path, []) if method == "GET" else []
        for its_cookie, answer in held:
            if its_cookie == cookie and "max-age=300" in answer.headers["Cache-Control"]:
                return answer  # nobody is asked: it is fresh
        headers = {"Cookie": cookie, "Sec-Fetch-Site": "same-origin", "Accept-Encoding": coding,
                   "X-CSRF-Token": token_of(self.cookies["session"])}
        if held:
            headers["If-None-Match"] = ", ".join(answer.headers["ETag"] for _, answer in held)
        answer = app.test_client(use_cookies=False).open(path, method=method, base_url=BASE, headers=headers, json=body)
        for line in answer.headers.getlist("Set-Cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        if answer.status_code == 304:
            answer = next(old for _, old in held if old.headers["ETag"] == answer.headers["ETag"])
        elif method == "GET" and answer.headers["Cache-Control"] != "no-store":
            self.kept.setdefault(path, []).append((cookie, answer))
        return answer


STEPS = st.lists(st.tuples(
    st.integers(0, 1), st.integers(0, 1), st.integers(0, 1), st.sampled_from(["read", "read", "put", "delete", "place"]),
    st.sampled_from(["", "mine", "others"]), st.sampled_from(["identity", "gzip"]), st.integers(1, 3)), min_size=4, max_size=30)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_two_students_in_two_browsers_on_two_instances_see_their_own_and_never_less_than_their_browser_knows(
        steps: list[tuple[int, int, int, str, str, str, int]], apps: tuple[Flask, Flask], dsn: str) -> None:
    """Each answer is of the student who asks, shows the state of the revision that it names, and is no older than the
    last that this browser wrote or read of that student: its own writes are seen by its next read, whatever it keeps."""
    students = [Student(dsn, *apps) for _ in range(2)]
    browsers = [Browser([_session(student) for student in students]) for _ in range(2)]
    states: list[dict[int, tuple[frozenset[int], tuple[tuple[int, float], ...]]]] = [{1: (frozenset(), ())} for _ in students]
    for number, (who, where, on, what, version, coding, video) in enumerate(steps):
        student, browser, browser.cookies["session"] = students[who], browsers[where], browsers[where].sessions[who]
        if what == "read":
            v = {"": "", "mine": browser.cookies.get("lectern_state", ""), "others": f"{students[1 - who].id:016x}.1"}[version]
            answer = browser.ask(apps[on], "GET", f"{ME}/overlay?videos=1,2,3" + (f"&v={v}" if v else ""), coding)
            assert answer.status_code == 200
            found = json.loads(_unpacked(answer))
            assert found["account"] == student.id
            assert found["revision"] >= browser.known.get(who, 1)
            places = tuple((place["video"], place["position_s"]) for place in found["progress"])
            assert (frozenset(found["bookmarks"]), places) == states[who][found["revision"]]
            browser.known[who] = found["revision"]
            continue
        kept, places_now = states[who][max(states[who])]
        if what == "place":
            entry = {"video": video, "position_s": number, "at_ms": NOW_MS + number}
            answer = browser.ask(apps[on], "POST", f"{ME}/progress", coding, {"videos": [entry]})
            places_now = tuple(sorted({**dict(places_now), video: float(number)}.items()))
        else:
            answer = browser.ask(apps[on], what.upper(), f"{ME}/bookmarks/{video}", coding)
            kept = kept | {video} if what == "put" else kept - {video}
        assert answer.json is not None
        states[who][answer.json["revision"]] = (kept, places_now)
        browser.known[who] = answer.json["revision"]


def _session(student: Student) -> str:
    student.log_in()
    return student.cookies["session"]


def _unpacked(answer: TestResponse) -> bytes:
    return gzip.decompress(answer.data) if answer.headers.get("Content-Encoding") == "gzip" else answer.data


def _routes(app: Flask) -> Iterator[tuple[str, str, object]]:
    """Every route about a student, with each of its methods and a body that it takes."""
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(ROOTS):
            said = description_of(app.view_functions[rule.endpoint])
            assert said is not None, f"{rule.rule} has no description"
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield rule.rule, method, BODIES[said.body.__name__] if said.body else None


def _answers(app: Flask, path: str) -> Any:
    """The types by status that the description of a GET has."""
    rule = next(rule for rule in app.url_map.iter_rules() if rule.rule == path and "GET" in (rule.methods or ()))
    said = description_of(app.view_functions[rule.endpoint])
    assert said is not None
    return said.answers


def _all_of(dsn: str, student: Student) -> list[Any]:
    """All that the database holds of a student."""
    tables = sql(dsn, """SELECT table_name FROM information_schema.columns
        WHERE table_schema = 'student' AND column_name = 'account_id' ORDER BY table_name""")
    found: list[Any] = [sql(dsn, f"SELECT to_jsonb(t) - 'seen_at' FROM student.{name} t WHERE account_id = %s ORDER BY t", student.id)
                        for name, in tables]
    return [*found, sql(dsn, "SELECT to_jsonb(a) FROM student.account a WHERE id = %s", student.id)]
