"""Accounts made straight in the database, for tests that are not about making them."""
from __future__ import annotations

from contextlib import closing
from functools import cache
from typing import Any

import psycopg2

from api.auth.passwords import Hashing
from tests.api.auth.browser import PASSWORD


def add(dsn: str, email: str = "ada@school.example", *, role: str = "student", password: str | None = PASSWORD) -> int:
    """An account whose address is proven; its id."""
    rows = rows_of(dsn, "INSERT INTO student.account (email, role, password, email_verified_at) VALUES (%s, %s, %s, now()) RETURNING id",
                   email, role, _encoded(password) if password else None)
    return int(rows[0][0])


def rows_of(dsn: str, sql: str, *values: object) -> list[tuple[Any, ...]]:
    """What *sql* answers, in a transaction of its own."""
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall() if cursor.description else []


@cache
def _encoded(password: str) -> str:
    return Hashing().hash(password)
