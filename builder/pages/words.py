"""What reads alike in every language: a player's clock, what machines read, which script a text is in."""
from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

# A spoken language whose script is its own: text in that script is in that language.
_SCRIPTS = {
    "ru": re.compile("[\u0400-\u04ff]"), "uk": re.compile("[\u0400-\u04ff]"), "ko": re.compile("[\uac00-\ud7af]"),
    "ja": re.compile("[\u3040-\u30ff]"), "zh": re.compile("[\u4e00-\u9fff]"), "hi": re.compile("[\u0900-\u097f]"),
    "ar": re.compile("[\u0600-\u06ff]"), "fa": re.compile("[\u0600-\u06ff]"), "he": re.compile("[\u0590-\u05ff]"),
    "el": re.compile("[\u0370-\u03ff]"), "th": re.compile("[\u0e00-\u0e7f]"), "ta": re.compile("[\u0b80-\u0bff]"),
}


TURNING = "\u202a-\u202e\u2066-\u2069"
_TURNING = re.compile(f"[{TURNING}]")
_NEVER_TURNING = re.compile("[\u202a-\u202e]")


def unturned(text: str) -> str:
    """*text* as it may stand in a line of ours: without overrides and embeddings of direction (Unicode UAX 9), and with
    isolates only where each is closed. The marks that honest Arabic and Hebrew use (U+200E, U+200F, U+061C) stay."""
    text = _NEVER_TURNING.sub("", text)
    open = 0
    for control in _TURNING.findall(text):
        open += -1 if control == "\u2069" else 1
        if open < 0:
            break
    return text if open == 0 else _TURNING.sub("", text)


def turned_nowhere(text: str) -> str:
    """*text*, which machines read, without any of these controls."""
    return text if text.isascii() else _TURNING.sub("", text)


def text_lang(text: str, spoken: str | None) -> str:
    """The language that *text* is known to be written in, given what is spoken; "" where it is not known.

    A catalog says what is spoken; an Italian talk may have an English description. Only a script
    that belongs to the spoken language proves the text is in it.
    """
    if not spoken or not (script := _SCRIPTS.get(spoken.partition("-")[0])):
        return ""
    return spoken if script.search(text) else ""


@lru_cache(8192)
def clock(seconds: int | None) -> str:
    """A length as a player shows it: ``24:07``, ``1:05:00``; "" for none."""
    if not seconds:
        return ""
    h, m, s = seconds // 3600, seconds // 60 % 60, seconds % 60
    return f"{h}:{m:02}:{s:02}" if h else f"{m}:{s:02}"


@lru_cache(8192)
def iso_duration(seconds: int) -> str:
    """ISO 8601 duration: ``PT1H5M7S``."""
    h, m, s = seconds // 3600, seconds // 60 % 60, seconds % 60
    return "PT" + (f"{h}H" if h else "") + (f"{m}M" if m else "") + (f"{s}S" if s or seconds < 60 else "")


@lru_cache(8192)
def noon(day: date) -> str:
    """RFC 3339 of a day without a time: noon UTC, which is that same day from UTC-12 to UTC+11."""
    return f"{day.isoformat()}T12:00:00Z"


def shorten(text: str, letters: int = 155) -> str:
    """*text* cut at a word, for meta descriptions."""
    if len(text) <= letters:
        return text
    kept = text[:letters]
    return (kept.rpartition(" ")[0] or kept).rstrip(" ,;:.-") + "…"
