"""Stand-ins for the providers of videos."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.catalog.stand_ins import Providers, running


@pytest.fixture
def talkers(tmp_path: Path) -> Iterator[Providers]:
    """The stand-ins, listening on a port of this test's own."""
    with running(tmp_path / "pictures.db") as known:
        yield known
