"""Names, quotas and what a CDN that says nothing of itself can, without any CDN."""
from __future__ import annotations

import pytest

from edge.cdn.port import MARGIN_S, Abilities, Rate, is_tag, parse
from edge.cdn.quota import Quota


@pytest.mark.parametrize("text", ["all", "tag:p0123", "tag:video:8", "url:/", "url:/videos/a%20b/"])
def test_a_name_is_read_as_it_was_written(text: str) -> None:
    assert str(parse(text)) == text


@pytest.mark.parametrize("text", ["", "tag:", "url:x", "everything", "batch:1"])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="name to purge"):
        parse(text)


@pytest.mark.parametrize("value", ["a b", "a,b", "A", "é", "", "x" * 64, "a\nb", "a*"])
def test_what_some_cdn_would_split_or_fold_is_no_tag(value: str) -> None:
    assert not is_tag(value)


@pytest.mark.parametrize("value", ["a", "p0123", "video:831", "kind:gone", "a/b-c", "x" * 63])
def test_an_id_in_the_common_alphabet_is_a_tag(value: str) -> None:
    assert is_tag(value)


def test_a_cdn_that_names_no_price_and_no_quota_has_none() -> None:
    can = Abilities(tags_a_request=1, urls_a_request=1, budget_names=1)
    assert (can.usd_a_name, can.free_names_a_month, can.rate, can.names_in_progress) == (0.0, 0, None, None)


def test_the_second_purge_leaves_five_seconds_for_clocks_that_do_not_agree() -> None:
    assert MARGIN_S == 5.0


def test_a_quota_never_holds_more_than_its_burst() -> None:
    now = [0.0]
    quota = Quota(Rate(10, 3), clock=lambda: now[0])
    now[0] = 3600
    assert [quota.take() for _ in range(3)] == [0, 0, 0]
    assert quota.take() == pytest.approx(0.1)


def test_a_quota_says_when_the_next_request_may_go() -> None:
    now = [100.0]
    quota = Quota(Rate(2, 1), clock=lambda: now[0])
    assert quota.take() == 0
    now[0] += 0.25
    assert quota.take() == pytest.approx(0.25)
    now[0] += 0.25
    assert quota.take() == 0


def test_a_clock_that_goes_back_neither_takes_nor_gives_requests() -> None:
    now = [100.0]
    quota = Quota(Rate(1, 3), clock=lambda: now[0])
    assert quota.take() == 0
    now[0] -= 5
    assert [quota.take() for _ in range(2)] == [0, 0]
    now[0] += 5
    assert quota.take() == pytest.approx(1)


def test_after_a_refusal_there_is_one_request_when_the_cdn_said() -> None:
    now = [100.0]
    quota = Quota(Rate(2, 5), clock=lambda: now[0])
    quota.empty(30)
    assert quota.take() == pytest.approx(30)
    now[0] += 30
    assert quota.take() == 0
    assert quota.take() == pytest.approx(0.5)
    quota.empty(0)
    assert quota.take() == 0
