"""A folder that a cache's own account may read, which pytest's are not."""
from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder that everybody may read."""
    folder = Path(tempfile.mkdtemp(prefix="lectern-config-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)
