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


@contextmanager
def application(dsn: str, folder: Path) -> Iterator[Flask]:
    """The application over *dsn*, an empty migrated database, whose catalog is filled."""
    fill(dsn)
    for table in ("account", "note"):  # the first ids are those of the rows that are put back
        sql(dsn, f"SELECT setval(pg_get_serial_sequence('student.{table}', 'id'), 1000)")
    made = read_api_settings({"LECTERN_DATA": str(folder), "DATABASE_URL": dsn, "LECTERN_DESK": "yes"})
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
        _dress(case, chance)
        answer = case.call()
        found[answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS)

    try:
        ask()
    except Exception as error:
        if "Unsatisfiable" not in type(error).__name__:  # what has no parameters cannot be asked wrongly
            raise


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
