"""What keeps the server alive asks here: is the process up, and can it do its work."""
from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

import psycopg2
from flask import Blueprint, Flask, Response, jsonify

from api.errors import BusyError, problem
from api.openapi import describe
from api.pool import Pool
from api.problems import NOT_READY
from edge.errors import StoreError
from edge.store.port import Store
from edge.tiers import cache_control

HEALTH, READY = "/healthz", "/readyz"
EXTENSION = "lectern.state"
_ANY_KEY = "index.html"
_KEPT_S = 1.0  # anybody may ask, so asking must cost nothing


class State:
    """What this process is about: how many requests are under way, and whether it is leaving."""

    def __init__(self) -> None:
        self.draining = False
        self.under_way = 0
        self._lock = threading.Lock()

    def begin(self) -> None:
        """One more request is under way."""
        with self._lock:
            self.under_way += 1

    def end(self) -> None:
        """One is done."""
        with self._lock:
            self.under_way -= 1


def current(app: Flask) -> State:
    """The state of *app*."""
    state = app.extensions[EXTENSION]
    assert isinstance(state, State)
    return state


def init_app(app: Flask, checks: Mapping[str, Callable[[], str]]) -> None:
    """The two addresses. Each of *checks* returns "" where its part works, else what is wrong."""
    state = app.extensions[EXTENSION] = State()
    ops = Blueprint("ops", __name__)
    found: dict[str, str] = {}
    lock = threading.Lock()
    looked = [-_KEPT_S]

    def look() -> dict[str, str]:
        # One asks, however many want to know: a database that is silent must not hold every thread.
        if lock.acquire(blocking=not found):
            try:
                if time.monotonic() - looked[0] >= _KEPT_S:
                    found.update({name: check() for name, check in checks.items()})
                    looked[0] = time.monotonic()
            finally:
                lock.release()
        return dict(found)

    @ops.get(HEALTH)
    @describe(summary="Whether the process is up", answers={200: dict})
    def healthz() -> Response:
        return _said({"status": "up"})

    @ops.get(READY)
    @describe(summary="Whether it can do its work", answers={200: dict})
    def readyz() -> Response:
        if state.draining:
            return problem(NOT_READY, "This process is leaving.")
        seen = look()
        if wrong := "; ".join(f"{name}: {why}" for name, why in seen.items() if why):
            return problem(NOT_READY, wrong)
        return _said(dict.fromkeys(seen, "works"))

    app.register_blueprint(ops)


def store_works(store: Store) -> str:
    """"" where *store* answers, whatever it holds."""
    try:
        store.head(_ANY_KEY)
    except StoreError as error:
        return str(error)
    return ""


def database_works(pool: Pool) -> str:
    """"" where the database answers a query, on a connection of the pool like any other."""
    try:
        pool.read("SELECT 1")
    except BusyError as error:
        return str(error)
    except psycopg2.Error as error:
        return type(error).__name__  # the text may hold host and user
    return ""


def _said(what: dict[str, str]) -> Response:
    answer = jsonify(what)
    answer.headers["Cache-Control"] = cache_control("never", "100k")
    return answer
