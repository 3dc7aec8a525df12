"""A short form of `make upgrade`: seconds of each state of a rolling upgrade, under load."""
from __future__ import annotations

import random
from contextlib import ExitStack

from tests.conftest import open_folder
from tests.upgrade.former import NoSuchRevision, another_version, before_newest_migration, of_revision
from tests.upgrade.run import Upgrade

VIDEOS, RATE, SECONDS = 40, 30, 2.0


def test_nobody_notices_an_upgrade_nor_the_way_back() -> None:
    """From before the newest migration; where git has no history, from this tree as another version, over one schema."""
    with open_folder("lectern-upgrade-") as folder, ExitStack() as stack:
        (folder / "code").mkdir()
        try:
            code = of_revision(before_newest_migration(), folder / "code")
        except NoSuchRevision:
            code = another_version(folder / "code")
        told = Upgrade(folder, code, VIDEOS, RATE, random.Random(5), stack).play(SECONDS)
    assert told.wrong == []
    assert told.pages > 5 * SECONDS * RATE / 4
    assert told.edits
