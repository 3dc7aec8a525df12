"""Stores of every kind, empty, for the tests of this room."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from edge.store.port import Store
from edge.store.s3 import open_s3
from edge.store.sqlite import SQLiteStore
from tests.edge import servers

_NUMBERS = count(1)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[Callable[[str], servers.Server]]:
    """Gives the server of a name, started when first asked for."""
    running: dict[str, servers.Server] = {}
    with ExitStack() as stack:
        def server(name: str) -> servers.Server:
            if name not in running:
                running[name] = stack.enter_context(getattr(servers, name)())
            return running[name]

        yield server


@pytest.fixture
def open_bucket(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Store]:
    """Opens a store at a URL of a server, under a prefix of this test's own."""
    prefix = f"test-{next(_NUMBERS)}"

    def opened(url: str, **options: object) -> Store:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", servers.ACCESS_KEY)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", servers.SECRET_KEY)
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        return open_s3("lectern-tests", prefix, **options)  # type: ignore[arg-type]

    return opened


@pytest.fixture
def open_named(tmp_path: Path, s3_server: Callable[[str], servers.Server],
               open_bucket: Callable[..., Store]) -> Iterator[Callable[..., Store]]:
    """Opens an empty store of a kind: sqlite, or the name of a server."""
    with ExitStack() as stack:
        def opened(name: str, **options: object) -> Store:
            if name == "sqlite":
                store: Store = SQLiteStore(tmp_path / "site.db")
            else:
                store = open_bucket(s3_server(name).url, **options)
            stack.callback(store.close)
            return store

        yield opened
