"""What a release names at a CDN: own tags, created paths by URL, folded only where quota or price says so."""
from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.folding import Changed, cost, fold
from edge.address import Path, group_tag, own_tag, segment, slugify
from edge.cdn.cloudfront import USD_A_RELEASE, CloudFront
from edge.cdn.port import ALL, Abilities, Purger, is_tag, tag, url
from edge.cdn.varnish import Varnish
from tests.builder.purging import Recorder, changed, waste

VARNISH = Varnish(["http://127.0.0.1:1"], "https://lectures.example")
CLOUDFRONT = CloudFront("E1")
BUDGET = CLOUDFRONT.can.budget_names


def test_a_changed_object_is_named_by_its_own_tag_alone() -> None:
    one = changed(7)
    assert fold(VARNISH, [one], 500) == [tag(own_tag(Path(one.path)))]


def test_a_created_path_is_named_by_its_url_too_since_its_error_has_no_tag() -> None:
    one = changed(7, new=True)
    assert set(fold(VARNISH, [one], 500)) == {tag(own_tag(Path(one.path))), url(one.path)}


def test_a_path_that_cloudfront_would_not_take_goes_by_its_tag_among_fifty_plain_ones() -> None:
    odd = [changed(n, new=True)._replace(path=path) for n, path in enumerate(["/a~b/", "/it's/", "/a%20b/", "/na%C3%AFve/"])]
    plain = [changed(n, new=n < 60) for n in range(40, 60)]
    names = fold(CLOUDFRONT, odd + plain, 10**6)
    assert {name.value for name in names if name.kind == "url"} == {one.path for one in plain}
    assert {name.value for name in names if name.kind == "tag"} == {one.tags.split()[0] for one in odd + plain}


def test_what_was_gone_at_a_created_path_is_named_by_its_kind_where_own_tags_fold() -> None:
    """An edge holds it under its own tag and its kind alone, for as long as a page."""
    objects = [changed(n, new=n == 5) for n in range(BUDGET + 5)]
    assert tag("kind:gone") in fold(CLOUDFRONT, objects, 10**6)
    assert tag("kind:gone") not in fold(CLOUDFRONT, [one._replace(new=False) for one in objects], 10**6)
    assert tag("kind:gone") not in fold(CLOUDFRONT, objects[:10], 10**6)


def test_after_a_release_that_died_own_tags_fold_into_everything_alone() -> None:
    objects = [changed(n) for n in range(BUDGET + 5)]
    assert fold(CLOUDFRONT, objects, 10**6, uncertain=True) == [ALL]
    assert ALL not in fold(CLOUDFRONT, objects, 10**6)
    assert fold(CLOUDFRONT, objects[:10], 10**6, uncertain=True) == fold(CLOUDFRONT, objects[:10], 10**6)


def test_what_has_no_tag_goes_by_url_and_what_has_neither_by_everything() -> None:
    untagged = Recorder(can=Abilities(tags_a_request=0, urls_a_request=10, budget_names=100))
    assert fold(untagged, [changed(1)], 500) == [url("/videos/lecture-1/")]
    assert fold(untagged, [changed(1)._replace(path="/a~b/")], 500) == [ALL]


def test_over_budget_the_narrowest_groups_fold_first_and_no_more_than_must() -> None:
    objects = [changed(n) for n in range(BUDGET - 1)] + [changed(n) for n in range(300, 310)]
    names = fold(CLOUDFRONT, objects, 10**6)
    assert tag("batch:0") in names
    assert tag("batch:3") not in names, "folding the big batch was enough"
    assert len(names) == 11


def test_more_batches_than_the_budget_fold_into_courses_and_more_courses_into_the_kind() -> None:
    names = fold(CLOUDFRONT, [changed(n) for n in range(0, 10_000, 10)], 10**6)
    assert 10 <= len(names) <= BUDGET
    assert {name.value.split(":")[0] for name in names} <= {"batch", "course"}
    assert fold(CLOUDFRONT, [changed(n * 1000) for n in range(1_000)], 10**6) == [tag("kind:video")]


def test_an_import_of_many_new_videos_does_not_wipe_the_site_to_forget_errors_that_last_seconds() -> None:
    listings = [changed(n, groups="kind:page")._replace(path=f"/page/{n}/") for n in range(20)]
    names = fold(CLOUDFRONT, [*listings, *(changed(n, new=True) for n in range(500, 560))], 10**6)
    assert tag("batch:5") in names
    assert {tag(one.tags.split()[0]) for one in listings} <= set(names)
    assert len(names) == 22, "the batch, the pages, and what was gone"


def test_where_no_group_helps_it_is_everything() -> None:
    assert fold(CLOUDFRONT, [changed(n, groups="") for n in range(BUDGET + 1)], 10**6) == [ALL]


def test_a_release_that_changes_the_whole_site_names_everything_and_wastes_nothing() -> None:
    objects = [changed(n, new=True) for n in range(5_000)]
    for purger in (VARNISH, CLOUDFRONT):
        names = fold(purger, objects, 5_000)
        assert names == [ALL]
        assert waste(names, objects, 5_000, {}) == 0


def test_both_purges_of_a_release_cost_at_most_what_is_stated() -> None:
    assert cost(CLOUDFRONT, [changed(1)], 500) == (2, 0.01)
    assert cost(VARNISH, [changed(1)], 500) == (2, 0.0)
    for count in (10, 49, 50, 51, 1_000, 20_000):
        names, usd = cost(CLOUDFRONT, [changed(n, new=n % 2 == 0) for n in range(count)], 10**6)
        assert usd <= USD_A_RELEASE
        assert names * 0.005 == pytest.approx(usd)


def test_waste_counts_what_is_purged_and_did_not_change() -> None:
    objects = [changed(n) for n in range(70)]
    assert waste(fold(VARNISH, objects, 10**6), objects, 10**6, {}) == 0
    assert fold(CLOUDFRONT, objects, 10**6) == [tag("batch:0")]
    assert waste([tag("batch:0")], objects, 10**6, {"batch:0": 100}) == 30
    assert waste([ALL], objects, 1_000, {}) == 930


def _cdn(budget: int, *, usd_a_name: float = 0.0) -> Recorder:
    """One that takes each tag in small letters, and each path without a tilde."""
    return Recorder(can=Abilities(tags_a_request=10, urls_a_request=10, budget_names=budget, usd_a_name=usd_a_name))


def _bearing(*groups: str, new: Sequence[int] = ()) -> list[Changed]:
    """Objects p1, p2, … at /1/, /2/, … that bear *groups*, a text each; those numbered in *new* are new."""
    return [Changed(f"/{n}/", f"p{n} {tags}", n in new) for n, tags in enumerate(groups, 1)]


def _folded(budget: int, objects: list[Changed], *, uncertain: bool = False) -> set[str]:
    return {str(name) for name in fold(_cdn(budget), objects, 1_000, uncertain=uncertain)}


def test_nine_tenths_of_the_site_are_all_of_it_and_one_page_never_is() -> None:
    site = _bearing(*["k"] * 10)
    assert fold(_cdn(100), site[:9], 10) == fold(_cdn(100), site[:2], 2) == [ALL]
    assert ALL not in fold(_cdn(100), site[:8], 10)
    assert fold(_cdn(100), site[:1], 1) == [tag("p1")]


def test_whether_a_tag_is_taken_is_asked_of_an_objects_own() -> None:
    assert _folded(9, _bearing("NO NEITHER")) == {"tag:p1"}
    assert _folded(9, [Changed("/1/", "NO k", False)]) == {"url:/1/"}


def test_as_many_names_as_the_budget_are_within_it_and_the_narrowest_groups_come_first() -> None:
    assert _folded(4, _bearing("a k", "a k", "b k", "c k")) == {"tag:p1", "tag:p2", "tag:p3", "tag:p4"}
    assert _folded(3, _bearing("a k", "a k", "b k", "b k")) == {"tag:a", "tag:p3", "tag:p4"}
    assert _folded(3, _bearing("a k", "a k", "b k", "b k", "b k")) == {"tag:p1", "tag:p2", "tag:b"}, "the largest of them"
    assert _folded(3, _bearing("a k", "b k", "c m", "d m")) == {"tag:k", "tag:p3", "tag:p4"}, "no object folds into a group alone"
    assert _folded(1, _bearing("NO k", "NO k")) == {"tag:k"}, "none into one that the CDN does not take"


def test_urls_that_must_be_named_leave_less_room_for_tags() -> None:
    untagged = Changed("/u/", "", False)
    assert _folded(4, [*_bearing("a", "a", "b", "b"), untagged]) == {"tag:a", "tag:p3", "tag:p4", "url:/u/"}


def test_a_created_path_keeps_its_own_tag_or_what_was_gone_there_is_named() -> None:
    assert _folded(4, _bearing("g", "g", "h", "i", new=[3])) == {"tag:g", "tag:p3", "tag:p4", "url:/3/"}
    assert _folded(4, _bearing("a", "a", "b", "b", new=[1])) == {"tag:a", "tag:p3", "tag:p4", "tag:kind:gone"}
    assert _folded(5, _bearing("a", "b", "c", new=[1, 2, 3])) == {"tag:p1", "tag:p2", "tag:p3"}, "errors last for seconds"


def test_a_release_that_died_names_own_tags_as_long_as_they_fit() -> None:
    objects = _bearing("a", "b", "c", new=[1, 2, 3])
    assert _folded(5, objects, uncertain=True) == _folded(5, objects)
    assert _folded(2, _bearing("a", "a", "b"), uncertain=True) == {"all"}


def test_a_price_is_told_to_a_millionth_of_a_dollar() -> None:
    assert cost(_cdn(9, usd_a_name=0.000_001_2), _bearing("a"), 1_000) == (2, 0.000_002)
    assert cost(_cdn(9, usd_a_name=0.000_002), _bearing("a"), 1_000) == (2, 0.000_004)


def test_what_did_not_change_and_leaves_all_the_same_is_counted_by_group() -> None:
    objects = _bearing("a k", "b k")
    names = [tag("p1"), tag("a"), tag("k")]
    assert waste(names[:1], objects, 100, {"p1": 5}) == 0
    assert waste(names[:2], objects, 100, {"a": 10, "k": 50}) == 9
    assert waste(names, objects, 100, {"a": 10, "k": 50}) == 9 + 48
    assert waste([tag("a"), tag("b")], objects, 100, {"a": 1, "b": 5}) == 4
    assert waste([tag("k")], objects, 100, {"k": 1}) == waste([tag("k")], objects, 100, {}) == 0
    assert waste([tag("z")], objects, 100, {}) == 0
    assert waste([ALL], objects, 1, {}) == 0


_paths = st.text(st.sampled_from("ab-~'%C3/"), min_size=1, max_size=6).map(lambda text: f"/{text}/")
_ids = st.integers(1, 6)
_groups = st.builds(lambda v, b, c: f"video:{v} batch:{b} course:{c} kind:video all", _ids, _ids, _ids)
_changed = st.builds(
    lambda path, groups, new: Changed(path, f"{own_tag(Path(path))} {groups}" if groups is not None else "", new),
    _paths, st.none() | _groups | st.just("all"), st.booleans())
_purgers = st.builds(
    lambda tags, urls, budget: Recorder(can=Abilities(tags_a_request=tags, urls_a_request=urls, budget_names=budget)),
    st.sampled_from([0, 5]), st.sampled_from([0, 5]), st.integers(1, 12)) | st.sampled_from([VARNISH, CLOUDFRONT])


@given(purger=_purgers, objects=st.lists(_changed, max_size=30), live=st.integers(0, 60))
def test_every_changed_object_is_covered_within_the_budget(purger: Purger, objects: list[Changed], live: int) -> None:
    names = fold(purger, objects, live)
    assert len(names) == len(set(names)) <= purger.can.budget_names
    assert all(purger.takes(name) for name in names)
    for one in objects:
        assert ALL in names or url(one.path) in names or {tag(each) for each in one.tags.split()} & set(names), one
        if one.new and purger.takes(url(one.path)) and 2 * len(objects) <= purger.can.budget_names:
            assert ALL in names or url(one.path) in names, "its error is not forgotten"
    assert bool(names) == bool(objects)


@given(st.text(max_size=80), st.sampled_from(["course", "batch", "subject", "instructor", "video"]), st.integers(0, 2**63 - 1))
def test_whatever_a_title_says_tags_are_ids_that_every_cdn_keeps(title: str, kind: str, id: int) -> None:
    path = Path(f"/videos/{segment(slugify(title, 'video-1'))}/")
    assert is_tag(own_tag(path))
    assert is_tag(group_tag(kind, id))
    for purger in (VARNISH, CLOUDFRONT):
        assert purger.takes(tag(own_tag(path)))
        assert unicodedata.normalize("NFC", purger.spell(tag(group_tag(kind, id)))).endswith(f"{kind}:{id}")


@given(st.sets(st.text("abc-é~", min_size=1, max_size=5), min_size=2, max_size=20))
def test_two_things_never_share_a_tag_where_case_is_ignored(slugs: set[str]) -> None:
    tags = {own_tag(Path(f"/videos/{segment(slug)}/")).lower() for slug in slugs}
    tags |= {group_tag(kind, id).lower() for kind in ("course", "video") for id in (1, 11)}
    assert len(tags) == len(slugs) + 4
