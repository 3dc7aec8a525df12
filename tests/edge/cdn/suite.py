"""What every purger must do: run it first when you write one. Each check warms, purges, and must meet a miss."""
from __future__ import annotations

from collections.abc import Callable

from edge.address import Path, own_tag
from edge.cdn.port import ALL, Name, tag, url
from tests.edge.cdn.stands import Stand

PAGE, OTHER, LATER = "/videos/one/", "/videos/two/", "/videos/later/"


def a_purge_by_own_tag_reaches_that_object_and_no_other(stand: Stand) -> None:
    _two_pages(stand)
    _purged(stand, [tag(own_tag(Path(PAGE)))], reached=[PAGE], kept=[OTHER])


def a_purge_by_group_tag_reaches_all_that_bear_it(stand: Stand) -> None:
    _two_pages(stand)
    _purged(stand, [tag("batch:1")], reached=[PAGE, OTHER])


def a_purge_by_tag_reaches_an_address_that_is_not_ascii(stand: Stand) -> None:
    path = "/videos/na%C3%AFve-%E0%A4%B9%E0%A4%BF/"
    stand.publish(path, "before")
    _purged(stand, [tag(own_tag(Path(path)))], reached=[path])


def a_purge_by_url_reaches_the_error_of_a_page_that_comes_later(stand: Stand) -> None:
    assert _warm(stand, LATER) == 404
    stand.publish(LATER, "here")
    stand.purger.purge([url(LATER)])
    seen = stand.edge.get(LATER)
    assert (seen.status, seen.hit, seen.text) == (200, False, "here")


def a_purge_of_everything_reaches_pages_and_errors(stand: Stand) -> None:
    _two_pages(stand)
    _warm(stand, LATER)
    _purged(stand, [ALL], reached=[PAGE, OTHER, LATER])


def what_is_purged_twice_is_purged(stand: Stand) -> None:
    _two_pages(stand)
    _purged(stand, [tag(own_tag(Path(PAGE)))], reached=[PAGE])
    _purged(stand, [tag(own_tag(Path(PAGE)))], reached=[PAGE])


def a_full_request_is_taken_whole(stand: Stand) -> None:
    _two_pages(stand)
    full = [tag(f"{n:063}") for n in range(stand.purger.can.tags_a_request - 1)]
    _purged(stand, [*full, tag(own_tag(Path(PAGE)))], reached=[PAGE])


def changed_tags_count_from_the_purge_on(stand: Stand) -> None:
    """A page that only moved to another group has the same bytes: a soft purge would keep its old tags at the edge."""
    stand.publish(PAGE, "same", "batch:1")
    _warm(stand, PAGE)
    stand.publish(PAGE, "same", "batch:2")
    stand.purger.purge([tag(own_tag(Path(PAGE)))])
    _warm(stand, PAGE)
    _purged(stand, [tag("batch:2")], reached=[PAGE])


CHECKS: tuple[Callable[[Stand], None], ...] = (
    a_purge_by_own_tag_reaches_that_object_and_no_other,
    a_purge_by_group_tag_reaches_all_that_bear_it,
    a_purge_by_tag_reaches_an_address_that_is_not_ascii,
    a_purge_by_url_reaches_the_error_of_a_page_that_comes_later,
    a_purge_of_everything_reaches_pages_and_errors,
    what_is_purged_twice_is_purged,
    a_full_request_is_taken_whole,
    changed_tags_count_from_the_purge_on,
)


def _two_pages(stand: Stand) -> None:
    stand.publish(PAGE, "one", "video:1 batch:1")
    stand.publish(OTHER, "two", "video:2 batch:1")
    for path in (PAGE, OTHER):
        stand.purger.purge([url(path)])  # an error from before


def _warm(stand: Stand, path: str) -> int:
    stand.edge.get(path)
    seen = stand.edge.get(path)
    assert seen.hit, f"the edge does not keep {path}, so nothing can be said of purges"
    return seen.status


def _purged(stand: Stand, names: list[Name], *, reached: list[str], kept: list[str] | None = None) -> None:
    for path in [*reached, *(kept or [])]:
        _warm(stand, path)
    stand.purger.purge(names)
    assert [path for path in reached if stand.edge.get(path).hit] == [], "still served from the edge"
    assert [path for path in kept or [] if not stand.edge.get(path).hit] == [], "purged needlessly"
