"""One suite over every purger; and the suite itself: a purger that does nothing must fail it."""
from __future__ import annotations

from collections.abc import Callable

import pytest

from edge.origin import Origin
from edge.store.sqlite import SQLiteStore
from tests.edge.cdn import suite
from tests.edge.cdn.stands import CDNS, Stand, agrees, purger_of
from tests.edge.fakes.cache import Cache
from tests.edge.fakes.server import DoesNothing, served


@pytest.mark.parametrize("name", CDNS)
def test_a_purge_is_followed_by_a_miss(name: str, stand: Callable[[str], Stand]) -> None:
    one = stand(name)
    for check in suite.CHECKS:
        check(one)


@pytest.mark.parametrize("name", CDNS)
@pytest.mark.parametrize("check", suite.CHECKS, ids=lambda check: check.__name__)
def test_a_cdn_that_says_200_and_does_nothing_fails_every_check(
        name: str, check: Callable[[Stand], None], store: SQLiteStore, credentials: Callable[[str], None]) -> None:
    with served(DoesNothing(agrees(name))) as api:
        idle = Stand(store, Cache(Origin(store)), purger_of(name, api, credentials))
        with pytest.raises(AssertionError):
            check(idle)
        assert api.seen, "it was asked"
