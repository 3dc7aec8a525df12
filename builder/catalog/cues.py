"""Captions as the lines of a transcript: WebVTT (W3C), and SubRip, which people hand in under that name.

Plain text comes out, whatever stands in a cue: tags are taken away and references resolved, and who shows it escapes it.
"""
from __future__ import annotations

import html
import re
from typing import NamedTuple

CUES = 10_000  # of one text; a lecture of ten hours has fewer
TEXT_LETTERS = 1000  # of one cue

_TIMING = re.compile(r"\s*(?:(\d{1,4}):)?([0-5]\d):([0-5]\d)[.,](\d{3})\s*-->\s*(?:\d{1,4}:)?[0-5]\d:[0-5]\d[.,]\d{3}(?:[ \t].*)?")
_BLOCKS = re.compile(r"\n[ \t]*\n+")
_NO_CUE = re.compile(r"(?:NOTE|STYLE|REGION|WEBVTT)(?:[ \t\n]|$)")
_TAG = re.compile(r"</?[A-Za-z0-9.][^<>]*>")  # of WebVTT: <v Name>, <c.loud>, <00:01.000>, <i>; "1 < 2" is none
_SPACES = re.compile(r"\s+")


class Cue(NamedTuple):
    """A line and when it begins, in seconds."""

    start_s: float
    text: str


def parse(text: str) -> list[Cue]:
    """The cues of a caption file in the order of their time, at most CUES; what is no cue is passed over.

    A line that the next cue says again, as captions that roll do, stands once.
    """
    found: list[Cue] = []
    for block in _BLOCKS.split(text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")):
        lines = block.strip("\n").split("\n")
        if _NO_CUE.match(block.lstrip("\n")) and not (block.startswith("WEBVTT") and len(lines) > 1):
            continue
        at = next((n for n, line in enumerate(lines[:3]) if _TIMING.fullmatch(line)), None)
        if at is None or not (timing := _TIMING.fullmatch(lines[at])):
            continue
        hours, minutes, seconds, millis = (int(part or 0) for part in timing.groups())
        said = _plain("\n".join(lines[at + 1 :]))
        if said:
            found.append(Cue(hours * 3600 + minutes * 60 + seconds + millis / 1000, said))
        if len(found) == CUES:
            break
    found.sort(key=lambda cue: cue.start_s)
    return [cue for n, cue in enumerate(found) if n == 0 or cue.text != found[n - 1].text]


def _plain(said: str) -> str:
    return _SPACES.sub(" ", html.unescape(_TAG.sub("", said))).strip()[:TEXT_LETTERS]
