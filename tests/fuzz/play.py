"""Requests made from the API's own description, right ones and wrong ones, and what must hold of every answer.

The description is asked of the application itself; schemathesis makes the requests and compares each answer with it. They
come from an editor's browser that is signed in, mostly with its form's token and mostly about what is there, or all would end
at the door; the session and the rows are put back before each. Limits are out of the way: they have tests of their own.
"""
from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg2
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from api.app import create_app
from api.auth.csrf import HEADER, token_of
from api.auth.session_cookie import hash_of
from api.desk import edits, shapes
from api.settings import read_api_settings
from edge.store import open_store
from tests.api.students import fill, sql

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
TOKEN = "s" + "z" * 43
ACCOUNT = 1
_STAYS = ("/healthz", "/readyz")
_UNLIMITED = 10**9
_BACK = """
    INSERT INTO student.account (id, email, role) OVERRIDING SYSTEM VALUE VALUES (%(id)s, 'editor@school.example', 'editor')
        ON CONFLICT (id) DO UPDATE SET role = 'editor', password = NULL;
    INSERT INTO student.session (token_hash, account_id, expires_at) VALUES (%(hash)s, %(id)s, now() + interval '1 day')
        ON CONFLICT (token_hash) DO NOTHING;
    INSERT INTO student.note (id, account_id, video_id, at_s, body) OVERRIDING SYSTEM VALUE VALUES (1, %(id)s, 1, 1, 'a note')
        ON CONFLICT (id) DO NOTHING"""
_BACK_AT_THE_DESK = """
    UPDATE student.account SET role = %(role)s WHERE id = %(id)s;
    DELETE FROM desk.question;
    DELETE FROM desk.edit;
    INSERT INTO desk.edit (id, kind, thing_id, deed, base_etag, base, changes, author_id) OVERRIDING SYSTEM VALUE
        SELECT n, 'video', n, 'change', etag, thing, '{"title": "another"}', %(id)s
        FROM generate_series(1, 4) n, desk.thing('video', n) WHERE etag IS NOT NULL;
    UPDATE desk.edit SET state = 'published', published_at = now(), publisher_id = author_id WHERE id = 4"""
"""Three edits that are open, one that was published, and no question that waits."""


@contextmanager
def application(dsn: str, folder: Path) -> Iterator[Flask]:
    """The application over *dsn*, an empty migrated database, whose catalog is filled."""
    fill(dsn)
    for table in ("student.account", "student.note", "desk.edit"):  # the first ids are those of the rows that are put back
        sql(dsn, f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), 1000)")
    made = read_api_settings({"LECTERN_DATA": str(folder), "DATABASE_URL": dsn, "LECTERN_DESK": "yes",
                              "LECTERN_DESK_HOOK_SECRET": "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0"})
    with closing(open_store(made.shared.store)) as store:
        app = create_app(replace(made, requests_per_window=_UNLIMITED, auth_attempts_per_window=_UNLIMITED), store)
        try:
            yield app
        finally:
            app.extensions["lectern.pool"].close()


def play(app: Flask, dsn: str, examples: int, number: int, most_of_auth: int = 400) -> Counter[int]:
    """At least *examples* requests over all operations, by the seed *number*; how many of each status came back.

    Where a request takes a password's hash, an operation gets *most_of_auth* at most, and the others the rest. Raises what
    schemathesis raises of an answer that is not as described, with the request that brought it.
    """
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", app)
    found: Counter[int] = Counter()
    every: list[Any] = [one.ok() for one in schema.get_all_operations()]  # type: ignore[union-attr]
    operations = [one for one in every if one.path not in _STAYS]
    slow = [one for one in operations if one.path.startswith("/api/v1/auth/") and one.method == "post"]
    rest = [one for one in operations if one not in slow]
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        share = math.ceil(examples / len(operations))
        _play_all(slow, min(share, most_of_auth), number, connection, found)
        rounds = 0
        while found.total() < examples:  # what has few forms is asked in fewer ways than its share
            _play_all(rest, math.ceil((examples - found.total()) / len(rest)), number + rounds, connection, found)
            rounds += 1
    return found


def _play_all(operations: list[Any], most: int, number: int, connection: Any, found: Counter[int]) -> None:
    for operation in operations:
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            _play_one(operation, mode, math.ceil(most / 2), number, connection, found)


def _play_one(operation: Any, mode: Any, most: int, number: int, connection: Any, found: Counter[int]) -> None:
    chance = random.Random(f"{number} {operation.label} {mode}")

    @seed(number)
    @settings(max_examples=most, deadline=None, database=None, derandomize=False, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_BACK, {"id": ACCOUNT, "hash": hash_of(TOKEN)})
            if "/desk/" in operation.path:
                cursor.execute(_BACK_AT_THE_DESK, {"id": ACCOUNT, "role": chance.choice(("editor", "admin"))})
            _dress(case, chance)
            if "/desk/" in operation.path and chance.randrange(8):
                _dress_for_the_desk(case, chance, cursor)
        answer = case.call()
        found[answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS)

    try:
        ask()
    except Exception as error:
        if "Unsatisfiable" not in type(error).__name__:  # what has no parameters cannot be asked wrongly
            raise


def _dress_for_the_desk(case: Any, chance: random.Random, cursor: Any) -> None:
    """About things that are there, whose right version is mostly named."""
    named = case.path_parameters or {}
    if "kind" in named:
        named["kind"] = chance.choice(["video", *shapes.FIELDS])
    case.headers["If-Match"] = f'"{_version(cursor, named.get("kind"), named.get("id", 1))}"'
    body = case.body if isinstance(case.body, dict) else {}
    if body.get("thing") is not None and isinstance(body.get("kind"), str):
        body["thing"] = chance.randint(1, 6)
        case.headers["If-Match"] = f'"{_version(cursor, body["kind"], body["thing"])}"'
    for one in [one for many in (body.get("edits"), body.get("things")) if isinstance(many, list) for one in many if isinstance(one, dict)]:
        one["id"] = chance.randint(1, 6)
        one["etag"] = _version(cursor, one.get("kind"), one["id"])


def _version(cursor: Any, kind: object, id: object) -> str:
    """The ETag of a thing; without a kind, of an edit."""
    if not isinstance(id, int) or not 0 < id < 2**63:
        return "0"
    if kind is None:
        cursor.execute("SELECT revision FROM desk.edit WHERE id = %s", (id,))
        return edits.etag_of(id, cursor.fetchone()[0]) if cursor.rowcount else "0"
    if not isinstance(kind, str) or kind not in shapes.FIELDS:
        return "0"
    cursor.execute("SELECT etag FROM desk.thing(%s, %s)", (kind, id))
    return str(cursor.fetchone()[0])


def _dress(case: Any, chance: random.Random) -> None:
    """As a page of ours would send it, but for one in eight."""
    case.headers = case.headers or {}
    case.headers["Accept-Encoding"] = "identity"  # schemathesis unpacks nothing that comes by WSGI
    case.cookies = {"session": TOKEN} if chance.randrange(16) else {}
    if chance.randrange(8):
        case.headers[HEADER] = token_of(TOKEN)
        case.headers["Sec-Fetch-Site"] = "same-origin"
    if case.path_parameters and chance.randrange(3):
        case.path_parameters = {name: chance.randint(1, 6) for name in case.path_parameters}
