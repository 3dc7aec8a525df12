"""Each CDN in front of an origin with a small site, for the tests of this room."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from edge.store.sqlite import SQLiteStore
from tests.edge.cdn.stands import Stand, stand_of


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Says where CloudFront's interface is, as an operator would."""
    def say(url: str) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFRONT", url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "lectern")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "lectern-secret")

    return say


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    """An empty store."""
    store = SQLiteStore(tmp_path / "site.db")
    yield store
    store.close()


@pytest.fixture
def stand(store: SQLiteStore, credentials: Callable[[str], None]) -> Iterator[Callable[[str], Stand]]:
    """Sets a CDN up by its name."""
    with ExitStack() as stack:
        yield lambda name: stack.enter_context(stand_of(name, store, credentials))
