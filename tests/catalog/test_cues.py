"""Caption files as people hand them in: number of cues, text and times, one fault in each."""
from __future__ import annotations

import pytest

from builder.catalog.cues import CUES, TEXT_LETTERS, Cue, parse

_ONE = "00:01.000 --> 00:02.000\nHello"


@pytest.mark.parametrize(("text", "cues"), [
    (f"WEBVTT\n\n{_ONE}", [(1, "Hello")]),
    (f"\ufeffWEBVTT - a title\n\n{_ONE}\n", [(1, "Hello")]),
    (f"WEBVTT\n\nNOTE 00:00.000 --> 00:09.000 is no cue\n\n{_ONE}", [(1, "Hello")]),
    (f"WEBVTT\n\nSTYLE\n::cue {{ color: red }}\n\nREGION\nid:a\n\n{_ONE}", [(1, "Hello")]),
    ("WEBVTT\n\n27:00:01.500 --> 27:00:02.000\nLate", [(97201.5, "Late")]),
    ("WEBVTT\r\n\r\nchapter 1\r\n00:01.000 --> 00:02.000 line:0 align:start\r\nTwo\r\nlines", [(1, "Two lines")]),
    ("1\n00:00:01,250 --> 00:00:02,000\nOf SubRip\n\n2\n00:00:03,000 --> 00:00:04,000\nand on", [(1.25, "Of SubRip"), (3, "and on")]),
    ("WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ada><c.loud>Tags</c> <00:01.500>go</v> &amp; 1 < 2 &lt;b&gt;", [(1, "Tags go & 1 < 2 <b>")]),
    ("WEBVTT\n\n00:05.000 --> 00:06.000\nSecond\n\n00:01.000 --> 00:02.000\nFirst", [(1, "First"), (5, "Second")]),
    ("WEBVTT\n\n00:01.000 --> 00:02.000\nRolls\n\n00:02.000 --> 00:03.000\nRolls", [(1, "Rolls")]),
    (f"WEBVTT\n{_ONE}", [(1, "Hello")]),
    ("WEBVTT\n\n00:61.000 --> 00:62.000\nNo such second\n\n00:01.000 -> 00:02.000\nNo arrow\n\n00:01.000 --> 00:02.000\n  \n", []),
    ("", []),
])
def test_each_line_has_its_time_and_is_plain_text(text: str, cues: list[tuple[float, str]]) -> None:
    assert parse(text) == [Cue(*cue) for cue in cues]


def test_what_comes_of_a_file_is_bounded() -> None:
    lines = (f"{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}.000 --> 99:00:00.000\nLine {n}" for n in range(CUES + 5))
    many = "WEBVTT\n\n" + "\n\n".join(lines)
    assert len(parse(many)) == CUES
    assert len(parse(f"WEBVTT\n\n{_ONE * 10_000}")[0].text) == TEXT_LETTERS
