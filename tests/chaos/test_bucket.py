"""The bucket that chaos writes to keeps to the port as real ones do: what survives it would survive them."""
from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest

from edge.store.port import Store
from tests.chaos.bucket import Bucket
from tests.chaos.store import ChaosStore
from tests.edge import test_store_conformance as conformance

ASKED = [test for name, test in vars(conformance).items()
         if name.startswith("test_") and "a_reader_sees" not in name  # which needs writes that take a while
         and list(inspect.signature(test).parameters) == ["store"]]


@pytest.mark.parametrize("question", ASKED)
@pytest.mark.parametrize("opened", [Bucket, lambda: ChaosStore(Bucket())], ids=["bucket", "chaos"])
def test_it_keeps_to_the_port(question: Callable[[Store], None], opened: Callable[[], Store]) -> None:
    question(opened())


def test_most_of_the_suite_is_asked() -> None:
    assert len(ASKED) >= 18
