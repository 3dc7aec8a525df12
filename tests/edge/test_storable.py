"""Which keys every store keeps, by a quick way that agrees with the slow one."""
from __future__ import annotations

from itertools import product

from edge.store.port import _UNSTORABLE, storable


def test_the_quick_answer_is_the_right_one_for_every_short_key() -> None:
    keys = ["".join(letters) for n in range(1, 6) for letters in product("a./\\\n\u200c\ud800", repeat=n)]
    assert [key for key in keys if storable(key) == bool(_UNSTORABLE.search(key))] == []


def test_length_counts_bytes() -> None:
    assert storable("x" * 1024)
    assert storable("\u0950" * 341)
    assert not storable("\u0950" * 342)
    assert not storable("x" * 1025)
