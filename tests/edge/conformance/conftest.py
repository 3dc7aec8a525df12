"""The edges, each started once a run; a test has paths of its own. What breaks an edge gets one of its own."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.edge.conformance.stands import ALL, CACHES, Stand, missing, standing


@pytest.fixture(scope="session")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Stand]]:
    stands: dict[str, Stand] = {}
    with ExitStack() as stack:
        def running(name: str) -> Stand:
            if binary := missing(name):
                pytest.skip(f"{binary} is not installed")
            if name not in stands:
                stands[name] = stack.enter_context(standing(name, tmp_path_factory.mktemp(name)))
            return stands[name]

        yield running


@pytest.fixture(params=ALL)
def edge(request: pytest.FixtureRequest, _running: Callable[[str], Stand]) -> Stand:
    """Every edge, and the origin alone."""
    return _running(request.param)


@pytest.fixture(params=CACHES)
def cache(request: pytest.FixtureRequest, _running: Callable[[str], Stand]) -> Stand:
    """Every edge that keeps what it fetched."""
    return _running(request.param)


@pytest.fixture(params=CACHES)
def own_cache(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stand]:
    """The same, for this test alone."""
    if binary := missing(request.param):
        pytest.skip(f"{binary} is not installed")
    with standing(request.param, tmp_path) as stand:
        yield stand
