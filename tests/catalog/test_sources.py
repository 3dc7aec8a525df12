"""Addresses of videos: to a source row, to a frame to play in, and back to where a person watches."""
from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.catalog.sources import frame_url, parse, provider, watch_url

_YT = "https://www.youtube.com/watch?v=dQw4w9WgXcQ"
_UUID = "9c9de5e8-0a1e-484a-b099-e80766180a6d"
_SHORT = "kkGMgK9ZtnKfYAgnEtQxbv"
ADDRESSES = [
    (_YT, "youtube", _YT, 0),
    ("http://youtube.com/watch?v=dQw4w9WgXcQ", "youtube", _YT, 0),
    ("https://m.youtube.com/watch?feature=share&v=dQw4w9WgXcQ&list=PL1", "youtube", _YT, 0),
    ("https://youtu.be/dQw4w9WgXcQ", "youtube", _YT, 0),
    ("https://youtu.be/dQw4w9WgXcQ?t=1126", "youtube", _YT, 1126),
    ("https://www.youtube.com/watch?v=dQw4w9WgXcQ&t=3h33m23s", "youtube", _YT, 12803),
    ("https://www.youtube.com/watch?v=dQw4w9WgXcQ#t=90", "youtube", _YT, 90),
    ("https://www.youtube.com/watch?v=dQw4w9WgXcQ&t=1m", "youtube", _YT, 60),
    ("https://www.youtube.com/embed/dQw4w9WgXcQ?start=42", "youtube", _YT, 42),
    ("https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ", "youtube", _YT, 0),
    ("https://www.youtube.com/v/dQw4w9WgXcQ", "youtube", _YT, 0),
    ("https://www.youtube.com/live/dQw4w9WgXcQ?si=x", "youtube", _YT, 0),
    ("https://www.youtube.com/shorts/dQw4w9WgXcQ", "youtube", _YT, 0),
    ("https://www.youtube.com/attribution_link?a=x&u=%2Fwatch%3Fv%3DdQw4w9WgXcQ", "youtube", _YT, 0),
    ("https://www.youtube.com/playlist?list=PL8uoeex94UhE", "link", "https://www.youtube.com/playlist?list=PL8uoeex94UhE", 0),
    ("https://vimeo.com/76979871", "vimeo", "https://vimeo.com/76979871", 0),
    ("https://vimeo.com/76979871/0123abcdef", "vimeo", "https://vimeo.com/76979871/0123abcdef", 0),
    ("https://player.vimeo.com/video/76979871?h=0123abcdef", "vimeo", "https://vimeo.com/76979871/0123abcdef", 0),
    ("https://vimeo.com/channels/staffpicks/76979871#t=1m30s", "vimeo", "https://vimeo.com/76979871", 90),
    ("https://vimeo.com/ondemand/x", "link", "https://vimeo.com/ondemand/x", 0),
    (f"https://peertube.example/videos/watch/{_UUID}", "peertube", f"https://peertube.example/videos/watch/{_UUID}", 0),
    (f"https://PeerTube.example/videos/embed/{_UUID}", "peertube", f"https://peertube.example/videos/watch/{_UUID}", 0),
    (f"https://peertube.example/w/{_SHORT}?start=1m5s", "peertube", f"https://peertube.example/w/{_SHORT}", 65),
    ("https://archive.org/details/pycon-2019-a", "archive", "https://archive.org/details/pycon-2019-a", 0),
    ("https://archive.org/embed/pycon-2019-a?start=30", "archive", "https://archive.org/details/pycon-2019-a", 30),
    ("https://cdn.example/a.mp4#t=20", "file", "https://cdn.example/a.mp4", 20),
    ("https://cdn.example/a.WEBM?x=1", "file", "https://cdn.example/a.WEBM?x=1", 0),
    ("https://cdn.example/a/master.m3u8", "hls", "https://cdn.example/a/master.m3u8", 0),
    ("https://cdn.example/a.ogv", "link", "https://cdn.example/a.ogv", 0),
    ("https://cdn.example/a.flv", "link", "https://cdn.example/a.flv", 0),
    ("https://s3.example/a.mp4?Signature=x&Expires=1", "link", "https://s3.example/a.mp4?Signature=x&Expires=1", 0),
    ("https://pycon.example/programme/talk", "link", "https://pycon.example/programme/talk", 0),
    ("https://blip.tv/file/1", "link", "https://blip.tv/file/1", 0),
    ("http://[broken", "link", "http://[broken", 0),
]


@pytest.mark.parametrize(("address", "kind", "url", "start_s"), ADDRESSES)
def test_an_address_becomes_a_row_and_comes_back(address: str, kind: str, url: str, start_s: int) -> None:
    row = parse(address)
    assert row == (kind, url, start_s)
    assert parse(watch_url(*row)) == row, "where a person watches leads to the same row"


@pytest.mark.parametrize(("address", "host"), [
    ("https://youtu.be/dQw4w9WgXcQ?t=1126", "www.youtube-nocookie.com"),
    ("https://vimeo.com/76979871/0123abcdef#t=90", "player.vimeo.com"),
    (f"https://peertube.example/w/{_SHORT}?start=65", "peertube.example"),
    ("https://archive.org/details/pycon-2019-a?start=30", "archive.org"),
])
def test_a_frame_starts_where_its_address_does(address: str, host: str) -> None:
    row = parse(address)
    frame = frame_url(*row)
    assert frame is not None
    assert urlsplit(frame).hostname == host
    parts = urlsplit(frame)
    named = {**parse_qs(parts.query), **parse_qs(parts.fragment)}
    assert str(row.start_s) in {value.removesuffix("s") for key in ("start", "t") for value in named.get(key, [])}


def test_the_part_of_a_vimeo_address_without_which_nothing_plays_reaches_the_frame() -> None:
    assert "h=0123abcdef" in str(frame_url(*parse("https://vimeo.com/76979871/0123abcdef")))


def test_what_no_player_knows_has_no_frame_but_a_name() -> None:
    row = parse("https://www.pycon.example/programme/talk")
    assert frame_url(*row) is None
    assert provider(row.kind, row.url) == "pycon.example"


@given(st.text(max_size=80).map(lambda tail: f"https://{tail}") | st.text(max_size=80))
def test_no_address_stops_the_import_or_a_page(address: str) -> None:
    row = parse(address)
    frame_url(*row)
    provider(row.kind, row.url)
    assert row.start_s >= 0
