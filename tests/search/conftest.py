"""The kept catalog's search files, written once for a worker."""
from __future__ import annotations

from pathlib import Path

import pytest

from tests.search import library


@pytest.fixture(scope="session")
def shelves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a site with the search files of the kept catalog."""
    site = tmp_path_factory.mktemp("shelves")
    library.write(site)
    return site
