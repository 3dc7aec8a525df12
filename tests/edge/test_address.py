"""Names become addresses: slugs, paths, keys and tags, as they are and for ever."""
from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.address import SLUG_BYTES, Key, Path, Slug, group_tag, key_of, numbered, own_tag, path_of, segment, slugify

_KA, _I, _VIRAMA, _ZWNJ, _ZWJ = "\u0915", "\u093f", "\u094d", "\u200c", "\u200d"  # three bytes each; 171 bytes stand before a hash
_ENDING = re.compile(r"-[0-9a-f]{8}")


@pytest.mark.parametrize(("title", "slug"), [
    ("Intro to Django", "intro-to-django"),
    ("  --Hello,   World!--  ", "hello-world"),
    ("C", "c"),
    ("C++", "c-plus-plus"),
    ("C#", "c-sharp"),
    ("#hashtags", "hashtags"),
    ("Google+ and 1+1", "google-plus-and-1-plus-1"),
    ("+1", "plus-1"),
    ("a + b", "a-b"),
    ("R&D, Q & A", "r-and-d-q-and-a"),
    ("Don't, don’t co\u00adoperate\ufe0f", "dont-dont-cooperate"),
    ("\u2460\u2461 ﬁne ½", "12-fine-1-2"),
    ("❶ Intro 〇", "intro-〇"),
    ("Straße ΟΔΟΣ Ağaç", "straße-οδος-ağaç"),
    ("İstanbul", "i\u0307stanbul"),
    ("e\u0301te\u0301", "été"),
    (f"{_KA}{_VIRAMA}{_ZWJ}{_KA} {_ZWNJ}می{_ZWNJ}خواهم{_ZWNJ}", f"{_KA}{_VIRAMA}{_ZWJ}{_KA}-می{_ZWNJ}خواهم"),
    (f"{_ZWJ}a{_ZWNJ}-b", "a-b"),
])
def test_a_title_has_its_slug(title: str, slug: str) -> None:
    assert slugify(title, "video-1") == slug


@pytest.mark.parametrize("title", ["", "!!!", "❶", " - ", _ZWJ, "\u00ad"])
def test_where_no_letter_is_left_the_fallback_stands_in(title: str) -> None:
    assert slugify(title, "video-1") == "video-1"


@pytest.mark.parametrize(("title", "kept"), [
    ("a" * SLUG_BYTES, None),
    ("a" * (SLUG_BYTES + 1), "a" * 171),
    ("a" * 114 + "-" + "b" * 100, "a" * 114 + "-" + "b" * 56),
    ("a" * 115 + "-" + "b" * 100, "a" * 115),
    ("a" * 170 + "-" + "b" * 100, "a" * 170),
    (_KA * 61, _KA * 57),
    ("a" + _KA * 61, "a" + _KA * 56),
    (_KA * 57 + _I + _KA * 3, _KA * 56),
    (_KA * 56 + _VIRAMA + _KA * 4, _KA * 55),
    (_KA * 57 + _ZWNJ + _KA * 3, _KA * 56),
    (_KA * 56 + _ZWNJ + _KA * 4, _KA * 55),
], ids=["as long as may be", "a byte more", "a short last word", "a long last word", "a hyphen at the cut", "three bytes a letter",
        "inside a letter", "before a mark", "after a virama", "before a joiner", "after a joiner"])
def test_a_long_title_is_cut_between_written_characters_and_closed_with_a_hash(title: str, kept: str | None) -> None:
    slug = slugify(title, "x")
    if kept is None:
        assert slug == title
    else:
        assert slug[: len(kept)] == kept
        assert _ENDING.fullmatch(slug[len(kept):])
    assert len(slug.encode()) <= SLUG_BYTES


def test_two_long_titles_with_one_beginning_stay_two() -> None:
    assert slugify("a" * 200 + "b", "x") != slugify("a" * 200 + "c", "x")


@given(st.text())
def test_a_slug_of_anything_is_its_own_slug_and_its_path_leads_back(title: str) -> None:
    slug = slugify(title, "video-1")
    assert slugify(slug, "x") == slug
    assert unicodedata.is_normalized("NFC", slug)
    assert 0 < len(slug.encode()) <= SLUG_BYTES
    path = Path(f"/videos/{segment(slug)}/")
    assert path.isascii()
    assert key_of(path) == f"videos/{slug}/index.html"
    assert path_of(key_of(path)) == path


@pytest.mark.parametrize(("slug", "n", "expected"), [
    ("lightning-talks", 7, "lightning-talks-7"),
    ("a" * 178, 9, "a" * 178 + "-9"),
    ("a" * 180, 12, "a" * 177 + "-12"),
    ("a" * 176 + "-bcd", 12, "a" * 176 + "-12"),
    ("é" * 90, 12, "é" * 88 + "-12"),
])
def test_the_nth_of_one_name_bears_its_number_within_the_limit(slug: str, n: int, expected: str) -> None:
    assert numbered(Slug(slug), n) == expected


@pytest.mark.parametrize(("path", "key"), [
    ("/", "index.html"),
    ("/videos/x/", "videos/x/index.html"),
    ("/videos/na%C3%AFve/", "videos/naïve/index.html"),
    ("/videos/x/video.json", "videos/x/video.json"),
    ("/a%20b/~c_d.e-f", "a b/~c_d.e-f"),
    ("/notindex.html", "notindex.html"),
])
def test_a_path_has_its_key_and_a_key_its_path(path: str, key: str) -> None:
    assert key_of(Path(path)) == key
    assert path_of(Key(key)) == path


def test_tags_are_those_that_edges_know_objects_by_already() -> None:
    """Another way of making them would leave what edges keep out of every purge's reach."""
    assert own_tag(Path("/videos/x/")) == "p399ab00b9bb2db29"
    assert group_tag("video", 831) == "video:831"
