"""What keeps the server alive asks here: is the process up, and can it do its work."""
from __future__ import annotations

from collections.abc import Callable, Mapping

import psycopg2
from flask import Blueprint, Response, jsonify

from api.errors import problem
from edge.errors import StoreError
from edge.store.port import Store
from edge.tiers import cache_control

HEALTH, READY = "/healthz", "/readyz"
DATABASE_S = 2  # libpq counts less as 2
_ANY_KEY = "index.html"


def blueprint(checks: Mapping[str, Callable[[], str]]) -> Blueprint:
    """The two addresses. Each of *checks* returns "" where its part works, else what is wrong."""
    ops = Blueprint("ops", __name__)

    @ops.get(HEALTH)
    def healthz() -> Response:
        return _said({"status": "up"})

    @ops.get(READY)
    def readyz() -> Response:
        found = {name: check() for name, check in checks.items()}
        if wrong := "; ".join(f"{name}: {why}" for name, why in found.items() if why):
            return problem(503, wrong)
        return _said(dict.fromkeys(found, "works"))

    return ops


def store_works(store: Store) -> str:
    """"" where *store* answers, whatever it holds."""
    try:
        store.head(_ANY_KEY)
    except StoreError as error:
        return str(error)
    return ""


def database_works(dsn: str) -> str:
    """"" where the database answers a query within seconds."""
    try:
        connection = psycopg2.connect(dsn, connect_timeout=DATABASE_S)
    except psycopg2.Error as error:
        return type(error).__name__  # the text may hold host and user
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except psycopg2.Error as error:
        return type(error).__name__
    finally:
        connection.close()
    return ""


def _said(what: dict[str, str]) -> Response:
    answer = jsonify(what)
    answer.headers["Cache-Control"] = cache_control("never", "100k")
    return answer
