"""An incremental build is what a clean full build of the same moment makes: digest, tags and keys, on every path."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.builder.purging import Recorder
from tests.property.edits import LARGE, NAMES
from tests.property.histories import Edit, History, World, small_site

_NUMBER = st.integers(0, LARGE - 1)
_EDIT = st.builds(Edit, st.sampled_from(NAMES), _NUMBER, _NUMBER, _NUMBER, st.sampled_from((True, True, True, True, False)))
_HISTORY = st.builds(History, st.sampled_from((4, 11, 17, 24)), st.lists(_EDIT, min_size=10, max_size=10).map(tuple))


@pytest.fixture
def world(dsn: str, tmp_path: Path) -> Iterator[World]:
    """A database to play histories in, whose lists are cut at three."""
    with small_site(tmp_path) as templates, closing(World(dsn, templates)) as world:
        yield world


@pytest.mark.parametrize("lot", range(5))
def test_after_every_edit_the_site_is_what_a_full_build_makes(world: World, lot: int) -> None:
    """Ten histories of ten edits a lot, so that lots may run side by side."""
    _play(world, 10)


def test_with_a_cdn_that_is_late_the_site_comes_to_be_what_a_full_build_makes(world: World) -> None:
    """Retirements wait for the purge of what linked to them, while more is edited."""
    world.purgers = (Recorder(),)
    _play(world, 10)


def _play(world: World, histories: int) -> None:
    @settings(max_examples=histories, deadline=None, database=None, phases=(Phase.generate, Phase.shrink),
              suppress_health_check=list(HealthCheck))
    @given(_HISTORY)
    def play(history: History) -> None:
        assert not world.play(history)

    play()


@pytest.mark.parametrize("videos", [48, 98, 148])
def test_lists_that_grow_past_the_end_of_a_page_are_cut_as_in_a_full_build(dsn: str, tmp_path: Path, videos: int) -> None:
    """All lectures in one subject, taught by one person, and most in one batch, at the site's own sizes."""
    gather = [Edit("tag_many", 0, n, 0) for n in range(3)] + [Edit("move_many", n, 4, 0) for n in range(4)]
    grow = [Edit("create", n, 1, 4) for n in (0, 5, 10)] + [Edit("tag_many", 0, n, 0) for n in range(3)]
    leave = [Edit("untag", 0, 0, 0), Edit("withdraw", 20, 0, 0), Edit("delete", 60, 0, 0), Edit("publish", 1, 0, 0)]
    with small_site(tmp_path, ()) as templates, closing(World(dsn, templates)) as world:
        assert not world.play(History(videos, (*(edit._replace(released=False) for edit in gather), *grow, *leave)))


CASES = {
    "a slice of a sweep may hold nothing but redirects": History(4, (
        Edit("create", 41, 0, 1), Edit("create", 1, 0, 1), Edit("empty_subject", 1, 0, 0), Edit("swap_slugs", 0, 1, 0),
        Edit("template", 0, 0, 1))),
    "a site's only subject may lose its last lecture": History(1, (Edit("untag", 0, 0, 0), Edit("tag", 0, 1, 0))),
    "two old addresses that are one lead to one lecture": History(2, (
        Edit("alias", 0, 2, 0), Edit("alias", 1, 3, 0), Edit("alias", 1, 0, 0), Edit("alias_less", 0, 0, 0), Edit("alias_less", 1, 0, 0))),
    "what a TRUNCATE took is on no page": History(1, (Edit("truncate", 0, 0, 0),)),
}


LATE_CASES = {
    "a redirect that falls due while its lecture gets another is made once": History(2, (
        Edit("reslug", 0, 0, 0), Edit("alias", 0, 0, 0), Edit("template", 0, 0, 0))),
    "and where all is made anew": History(2, (Edit("reslug", 0, 0, 0), Edit("template", 0, 0, 0), Edit("template", 0, 0, 1))),
    "what comes back before it was retired is listed again": History(2, (Edit("withdraw_many", 7, 1, 0), Edit("publish", 0, 0, 0))),
    "a retirement without an upload is owed, and done once": History(2, (
        Edit("alias", 0, 0, 0), Edit("alias_less", 0, 0, 0), Edit("withdraw", 0, 0, 1), Edit("publish", 0, 0, 1))),
    "an old address that is forgotten before it leads on is gone": History(1, (Edit("reslug", 0, 0, 0), Edit("forget_slug", 0, 0, 1))),
    "what waits to be retired is not held back by the next release": History(4, (
        Edit("describe", 0, 0, 2), Edit("delete", 0, 0, 1), Edit("source", 44, 0, 1))),
}


@pytest.mark.parametrize("name", CASES)
def test_histories_that_once_went_wrong(world: World, name: str) -> None:
    assert not world.play(CASES[name])


@pytest.mark.parametrize("name", LATE_CASES)
def test_histories_that_once_went_wrong_with_a_late_cdn(world: World, name: str) -> None:
    world.purgers = (Recorder(),)
    assert not world.play(LATE_CASES[name])
